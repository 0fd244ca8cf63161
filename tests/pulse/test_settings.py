"""Settings that cannot be used: every command says which one, in one line."""

import pytest

from tests.support.processes import Running


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"UNIT_LEASE_SECONDS": "soon"}, "UNIT_LEASE_SECONDS: invalid literal for int() with base 10: 'soon'"),
        ({"DATABASE_URL": "postgres://pulse:pa55/word@db/pulse"}, "DATABASE_URL is no address that can be read"),
        ({"EMAIL_URL": "mail.example"}, "EMAIL_URL is no address that can be read"),
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
