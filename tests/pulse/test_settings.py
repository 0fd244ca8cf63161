"""Settings that cannot be used: every command says which one, in one line."""

import pytest
from cryptography.fernet import Fernet

from pulse.keys import DEVELOPMENT
from tests.support.processes import Running


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"UNIT_LEASE_SECONDS": "soon"}, "UNIT_LEASE_SECONDS: invalid literal for int() with base 10: 'soon'"),
        ({"DATABASE_URL": "postgres://pulse:pa55/word@db/pulse"}, "DATABASE_URL is no address that can be read"),
        ({"EMAIL_URL": "mail.example"}, "EMAIL_URL is no address that can be read"),
        ({"PULSE_ALLOW_PRIVATE_HOSTS": "10.0.0.1/8"}, "PULSE_ALLOW_PRIVATE_HOSTS: '10.0.0.1/8' is no name, address"),
        ({"PULSE_PRODUCTION": "true", "SECRET_KEY": ""}, "SECRET_KEY must be set where PULSE_PRODUCTION is true"),
        ({"PULSE_HOME": "/dev/null/home"}, "Not a directory: '/dev/null/home/secret_key'"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_in_one_line(variables: dict[str, str], said: str) -> None:
    with Running(["manage.py", "doctor"], {"SECRET_KEY": "", **variables}) as process:
        ended = process.ended()
    assert ended.code == 1
    assert ended.errors.startswith("the settings cannot be used: ")
    assert said in ended.errors
    assert ended.errors.count("\n") == 1
    assert "pa55" not in ended.errors


SECRET = "k3y-of-many-characters-that-nobody-guesses-since-it-is-random"
GOOD = {
    "PULSE_PRODUCTION": "true",
    "SECRET_KEY": SECRET,
    "PULSE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "INTERNAL_AUTH_KEY": SECRET[:32],
    "DATABASE_URL": "",
    "RABBITMQ_URL": "",
    "QDRANT_API_KEY": "",
}


def started(variables: dict[str, str]) -> tuple[int | None, str]:
    """The exit code of a command that only reads the settings, and what it says of them."""
    with Running(["manage.py", "help"], {**GOOD, **variables}) as process:
        ended = process.ended()
    return ended.code, ended.errors


def test_good_keys_are_taken_in_production_and_short_ones_anywhere_else() -> None:
    assert started({})[0] == 0
    assert started({"INTERNAL_AUTH_KEY": ""})[0] == 0
    assert started({"PULSE_PRODUCTION": "false", "SECRET_KEY": "short", "INTERNAL_AUTH_KEY": "short"})[0] == 0


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PULSE_ENCRYPTION_KEYS": ""}, "PULSE_ENCRYPTION_KEYS must be set where PULSE_PRODUCTION is true"),
        ({"SECRET_KEY": "s3cret"}, "SECRET_KEY has 6 characters: use 50 or more at random"),
        ({"SECRET_KEY": "s3s3" * 20}, "SECRET_KEY is made of 2 different characters"),
        ({"SECRET_KEY": f"django-insecure-s3cret{SECRET}"}, "SECRET_KEY is an example's"),
        ({"PULSE_ENCRYPTION_KEYS": f"{GOOD['PULSE_ENCRYPTION_KEYS']},s3cret"}, "no Fernet key (key 2 of 2)"),
        ({"PULSE_ENCRYPTION_KEYS": "A" * 43 + "="}, "PULSE_ENCRYPTION_KEYS holds an example's key"),
        ({"INTERNAL_AUTH_KEY": "s3cret"}, "INTERNAL_AUTH_KEY has 6 characters: use 32 or more"),
        ({"DATABASE_URL": "postgres://pulse:pulse_password@db/pulse"}, "DATABASE_URL holds the password"),
        ({"RABBITMQ_URL": "amqp://etl_user:etl_password@mq/pulse_etl"}, "RABBITMQ_URL holds the password"),
        ({"QDRANT_API_KEY": "qdrant_key"}, "QDRANT_API_KEY holds the password"),
    ],
)
def test_no_command_starts_in_production_with_a_key_that_is_missing_short_or_an_example(
    variables: dict[str, str], said: str
) -> None:
    code, errors = started(variables)

    assert (code, errors.count("\n")) == (1, 1)
    assert errors.startswith("the settings cannot be used: ")
    assert said in errors
    assert "s3cret" not in errors
    assert not any(password in errors for password in DEVELOPMENT)
