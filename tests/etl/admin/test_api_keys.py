"""The page of API keys: made where their text is shown once, limited, withdrawn."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from pulse.tenancy.models import ApiKey, User
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller

FORM = {"name": "deploys", "role": "operator", "parts": "jobs, work-items:read", "expires_at_0": "", "expires_at_1": ""}


def made_by(client: Client, rows: Rows, **changes: Any) -> Any:
    return client.post(addresses.add(ApiKey), {**FORM, "tenant": rows.tenant.pk, **changes}, follow=True)


def test_a_key_that_is_made_is_shown_once_and_works(administrator: Client, acme: Rows) -> None:
    shown = made_by(administrator, acme).content.decode()

    key = ApiKey.objects.get()
    (text,) = set(re.findall(r"pk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", shown))
    assert (key.role, key.scopes, key.created_by) == (
        "operator",
        ["jobs", "work-items:read"],
        User.objects.get(username="ada"),
    )
    assert Caller(None, authorization=f"Api-Key {text}").get("jobs").status_code == 200
    assert Caller(None, authorization=f"Api-Key {text}").get("projects").status_code == 403
    assert text not in administrator.get(addresses.page_of(key)).content.decode()


def test_keys_are_shown_to_administrators_alone(
    administrator: Client, operator: Client, viewer: Client, acme: Rows
) -> None:
    key = acme.row(ApiKey)
    for address in (addresses.list_of(ApiKey), addresses.page_of(key), addresses.history(key)):
        assert administrator.get(address).status_code == 200
        assert operator.get(address).status_code == viewer.get(address).status_code == 403


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ({"parts": "jbos"}, "parts", "&#x27;jbos&#x27; is none of:"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "expires_at", "is over already"),
        ({"role": "superuser"}, "role", "superuser"),
    ],
)
def test_what_cannot_be_a_key_is_told_at_its_field(
    said: dict[str, str], field: str, message: str, administrator: Client, acme: Rows
) -> None:
    response = made_by(administrator, acme, **said)

    assert message in str(response.context["adminform"].form.errors[field])
    assert not ApiKey.objects.exists()


def test_a_name_that_is_taken_is_told(administrator: Client, acme: Rows) -> None:
    made_by(administrator, acme)
    made_by(administrator, acme, name="another")
    key = ApiKey.objects.get(name="another")

    renamed = administrator.post(addresses.page_of(key), FORM)

    assert made_by(administrator, acme).context["adminform"].form.errors
    assert "there is a key" in str(renamed.context["adminform"].form.errors["name"])
    assert set(ApiKey.objects.values_list("name", flat=True)) == {"deploys", "another"}


def test_a_key_is_limited_and_switched_off_and_stays_what_it_was(administrator: Client, acme: Rows) -> None:
    made_by(administrator, acme)
    key = ApiKey.objects.get()
    used = timezone.now() - timedelta(days=1)
    ApiKey.objects.update(last_used_at=used)

    saved = administrator.post(addresses.page_of(key), {**FORM, "parts": "jobs:read"})

    assert saved.status_code == 302
    now = ApiKey.objects.get()
    assert (now.scopes, now.active, now.key_hash, now.last_used_at) == (["jobs:read"], False, key.key_hash, used)


def test_a_key_that_has_expired_can_still_be_renamed(administrator: Client, acme: Rows) -> None:
    made_by(administrator, acme)
    key, over = ApiKey.objects.get(), timezone.now().replace(microsecond=0) - timedelta(days=1)
    ApiKey.objects.update(expires_at=over)
    given = {"expires_at_0": f"{over:%Y-%m-%d}", "expires_at_1": f"{over:%H:%M:%S}", "name": "old deploys"}

    assert administrator.post(addresses.page_of(key), {**FORM, **given}).status_code == 302
    assert ApiKey.objects.get().name == "old deploys"


def test_a_key_is_withdrawn_alone_or_with_others(administrator: Client, acme: Rows) -> None:
    for name in ("one", "two", "three"):
        made_by(administrator, acme, name=name)
    one, *others = ApiKey.objects.order_by("pk")

    administrator.post(addresses.delete(one), {"post": "yes"})
    ticked = {"action": "delete_selected", "_selected_action": [key.pk for key in others], "post": "yes"}
    administrator.post(addresses.list_of(ApiKey), ticked)

    assert not ApiKey.objects.exists()


def test_an_operator_makes_no_keys(operator: Client, acme: Rows) -> None:
    assert made_by(operator, acme).status_code == 403


def test_a_superuser_makes_a_key_for_the_tenant_that_is_chosen(superuser: Client, acme: Rows, rival: Rows) -> None:
    made_by(superuser, rival)

    assert ApiKey.objects.get().tenant == rival.tenant
