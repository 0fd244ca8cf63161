"""manage.py doctor as a process: in good health, and where everything is broken."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from tests.support.installations import Installation, installation

# Nothing listens there.
AWAY = {
    "DATABASE_URL": "postgres://pulse:pa55word@127.0.0.1:9/pulse",
    "RABBITMQ_URL": "amqp://etl_user:pa55word@127.0.0.1:9/pulse_etl",
    "QDRANT_URL": "http://127.0.0.1:9",
}


@pytest.fixture(scope="module")
def pulse(django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    with installation(django_db_blocker) as made:
        yield made


def checks(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in answer["checks"]}


def test_an_installation_in_good_health_ends_with_0(pulse: Installation) -> None:
    ended = pulse.run("doctor", "--json")
    found = checks(ended.answer)
    assert (ended.code, ended.answer["healthy"]) == (0, True), ended.out
    states = {name: check["state"] for name, check in found.items()}
    assert states.pop("workers") == states.pop("scheduler") == "warning"
    assert states.pop("consumers") == "skipped"
    assert set(states.values()) == {"ok"}
    assert found["database"]["figures"]["version"]


def test_where_everything_is_away_each_part_says_what_to_do_and_no_password(pulse: Installation) -> None:
    ended = pulse.run("doctor", **AWAY)
    assert ended.code == 1
    lines = ended.out.splitlines()
    for name, advice in (("database", "DATABASE_URL"), ("broker", "RABBITMQ_URL"), ("vectors", "QDRANT_URL")):
        number = next(at for at, line in enumerate(lines) if line.startswith(f"{name}: FAILED"))
        assert "→" in lines[number + 1]
        assert advice in lines[number + 1]
    assert "migrations: skipped: needs: database" in lines
    assert any(line.startswith("model: ok") for line in lines)
    assert lines[-1] == "healthy: no"
    assert "pa55word" not in ended.out + ended.errors
