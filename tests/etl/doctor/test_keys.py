"""Keys that are none, and secrets that no key reads."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from etl.doctor import keys
from etl.doctor.results import State
from tests.support.making import an_integration


def test_good_keys_are_counted_and_never_shown(settings: Settings) -> None:
    settings.PULSE_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), Fernet.generate_key().decode()]
    settings.SECRET_KEY = "x" * 60
    found = keys.given()
    assert (found.state, found.said) == (State.OK, "2 for secrets, one for sessions")


def test_what_is_no_key_is_told_by_its_place(settings: Settings) -> None:
    settings.PULSE_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), "s3cret"]
    found = keys.given()
    assert (found.state, found.said) == (State.FAILED, "key 2 of 2 in PULSE_ENCRYPTION_KEYS is no Fernet key")
    assert "s3cret" not in str(found)


def test_a_short_secret_key_is_told(settings: Settings) -> None:
    settings.SECRET_KEY = "short"
    found = keys.given()
    assert (found.state, found.said) == (State.WARNING, "SECRET_KEY has 5 characters")


def test_made_up_keys_that_others_may_read_are_told(settings: Settings, tmp_path: Path) -> None:
    settings.PULSE_HOME, settings.SECRET_KEY = tmp_path, "x" * 60
    kept = tmp_path / "encryption_key"
    kept.write_text("x")
    kept.chmod(0o644)
    assert keys.given().advice == f"run `chmod 600 {kept}`"
    kept.chmod(0o600)
    assert keys.given().state is State.OK


@pytest.mark.django_db
def test_secrets_that_no_key_reads_are_told_with_their_rows(settings: Settings) -> None:
    integration = an_integration()
    assert keys.stored().state is State.OK
    settings.PULSE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    found = keys.stored()
    assert (found.state, found.said) == (State.FAILED, f"no key reads the secrets of integrations {integration.pk}")
    assert "PULSE_ENCRYPTION_KEYS" in found.advice


@pytest.mark.django_db
def test_an_old_key_at_the_end_reads_what_was_stored_with_it(settings: Settings) -> None:
    an_integration()
    settings.PULSE_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.PULSE_ENCRYPTION_KEYS]
    assert keys.stored().state is State.OK
