"""`health`: what is told to whom, and that asking often makes no work."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from etl.doctor import readiness
from etl.doctor.results import failed, ok
from tests.etl.api.callers import Caller


@pytest.fixture(autouse=True)
def _not_asked_yet() -> Iterator[None]:
    readiness.ready.forget()
    yield
    readiness.ready.forget()


def test_a_process_that_lives_says_so_without_asking_the_database() -> None:
    answer = Caller().get("health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


def test_a_process_with_its_database_is_ready_and_tells_nothing_else(anonymous: Caller) -> None:
    answer = anonymous.get("health/ready")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_who_asks_again_at_once_has_the_same_answer_without_a_question(
    anonymous: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert anonymous.get("health/ready").status_code == 200
    monkeypatch.setattr(readiness, "examine", lambda _: {"database": failed("gone", "start it")})

    with CaptureQueriesContext(connection) as asked:
        assert anonymous.get("health/ready").status_code == 200
    assert len(asked) == 0
    readiness.ready.forget()
    assert anonymous.get("health/ready").status_code == 503


def test_a_process_without_what_it_needs_is_not_ready_and_does_not_say_why(
    anonymous: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "examine", lambda _: {"database": failed("password of pulse_owner", "start it")})

    answer = anonymous.get("health/ready")

    assert (answer.status_code, answer.json()["type"]) == (503, "unavailable")
    assert "pulse_owner" not in answer.content.decode()


def test_a_database_without_our_tables_is_not_ready(anonymous: Caller) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'etl'")

    assert anonymous.get("health/ready").status_code == 503


def test_a_superuser_is_told_what_the_doctor_finds(superuser: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"database": ok("fine", milliseconds=1), "broker": failed("gone", "start it")}
    monkeypatch.setattr("etl.api.health.examine", lambda: found)

    assert superuser.get("health").json() == {
        "healthy": False,
        "checks": [
            {"name": "database", "state": "ok", "said": "fine", "advice": "", "figures": {"milliseconds": 1}},
            {"name": "broker", "state": "failed", "said": "gone", "advice": "start it", "figures": {}},
        ],
    }


def test_a_probe_takes_nothing_but_its_address(anonymous: Caller) -> None:
    assert anonymous.get("health/live", verbose="1").status_code == 400
    assert anonymous.post("health/live").status_code == 405
