"""A new key takes the place of the old one, and nothing that was stored is lost."""

import json
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from etl.models import AlertChannel
from etl.sql import fetch
from integrations import rotation
from integrations.encryption import encrypted_columns
from integrations.models import Integration, IntegrationToken
from tests.support.making import an_integration

pytestmark = pytest.mark.django_db

TABLES = ["etl_alert_channels", "integration_tokens", "integrations"]


@pytest.fixture
def integration() -> Integration:
    """With something stored in every column that holds secrets."""
    integration = an_integration()
    owner, now = {"tenant": integration.tenant, "secrets": {"token": "minted"}}, timezone.now()
    IntegrationToken.objects.create(integration=integration, minted_at=now, expires_at=now, **owner)
    channel = {"name": "Chat", "kind": "webhook", "target": "https://hooks.example.com/1"}
    AlertChannel.objects.create(**{**owner, "secrets": {"key": "signs"}}, **channel)
    return integration


@pytest.fixture
def new(settings: Settings, integration: Integration) -> str:
    """A key in front of that with which everything was stored."""
    key = Fernet.generate_key().decode()
    settings.PULSE_ENCRYPTION_KEYS = [key, *settings.PULSE_ENCRYPTION_KEYS]
    return key


def run(*options: str) -> tuple[dict[str, Any], int]:
    """What the command answers, and its exit code."""
    out, code = StringIO(), 0
    try:
        call_command("rotate_keys", "--json", *options, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return json.loads(out.getvalue().splitlines()[-1]), code


def texts() -> dict[str, str]:
    """What stands in the columns, by table."""
    found = {}
    for model, field in encrypted_columns():
        table = model._meta.db_table
        found[table] = fetch(f"SELECT {field.column} FROM {table}", [])[0][0]
    return found


def under(key: str) -> list[str]:
    """The tables whose secrets that key alone reads."""
    found = []
    for table, text in sorted(texts().items()):
        try:
            Fernet(key).decrypt(text.encode())
        except InvalidToken:
            continue
        found.append(table)
    return found


def test_every_secret_is_read_by_the_new_key_alone(settings: Settings, integration: Integration, new: str) -> None:
    assert under(new) == []

    answer, code = run()

    assert (answer["rotated"], answer["under_older_keys"], code) == (3, 3, 0)
    assert answer["older_keys"].startswith("can go")
    assert under(new) == TABLES
    settings.PULSE_ENCRYPTION_KEYS = [new]
    assert Integration.objects.get().secrets == integration.secrets
    assert IntegrationToken.objects.get().secrets == {"token": "minted"}
    assert AlertChannel.objects.get().secrets == {"key": "signs"}


def test_nobody_who_saves_a_form_is_told_of_it(integration: Integration, new: str) -> None:
    run()

    assert Integration.objects.get().last_updated_at == integration.last_updated_at


def test_a_second_time_writes_nothing(new: str) -> None:
    run()
    before = texts()

    answer, _ = run()

    assert (answer["rotated"], answer["older_keys"][:6]) == (0, "can go")
    assert texts() == before


def test_what_was_ended_goes_on_where_it_was(integration: Integration, new: str, settings: Settings) -> None:
    Integration.objects.filter(pk=integration.pk).update(secrets=integration.secrets)
    assert under(new) == ["integrations"]

    answer, _ = run()

    assert answer["by_table"] == {"etl_alert_channels": 1, "integration_tokens": 1, "integrations": 0}
    assert under(new) == TABLES


def test_many_rows_are_read_in_chunks_and_none_is_left_out(settings: Settings, integration: Integration) -> None:
    for number in range(4):
        an_integration(f"Jira {number}")
    settings.PULSE_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.PULSE_ENCRYPTION_KEYS]

    found = {one.table: one for one in rotation.rotate(chunk=2)}

    assert (found["integrations"].total, found["integrations"].rotated) == (5, 5)


def test_a_dry_run_counts_and_writes_nothing(new: str) -> None:
    before = texts()

    answer, code = run("--dry-run")

    assert (answer["under_older_keys"], answer["rotated"], code) == (3, 0, 0)
    assert answer["older_keys"].startswith("are still needed")
    assert texts() == before


def test_what_no_key_reads_is_left_and_told(settings: Settings, integration: Integration, new: str) -> None:
    settings.PULSE_ENCRYPTION_KEYS = [new]
    before = texts()

    answer, code = run()

    assert answer["unreadable"] == {
        "etl_alert_channels": [AlertChannel.objects.values_list("pk", flat=True)[0]],
        "integration_tokens": [integration.pk],
        "integrations": [integration.pk],
    }
    assert (answer["older_keys"][:37], code) == ("are still needed, and one is missing:", 1)
    assert texts() == before


def test_with_one_key_there_is_nothing_to_rotate(integration: Integration) -> None:
    answer, code = run()

    assert (answer["secrets"], answer["rotated"], code) == (3, 0, 0)
    assert answer["older_keys"].startswith("there are none")


def test_what_is_no_key_is_refused_and_not_shown(settings: Settings) -> None:
    settings.PULSE_ENCRYPTION_KEYS = ["s3cret"]

    with pytest.raises(CommandError, match="PULSE_ENCRYPTION_KEYS") as error:
        call_command("rotate_keys")

    assert "s3cret" not in str(error.value)
