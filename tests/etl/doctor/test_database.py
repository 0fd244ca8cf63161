"""What is said of PostgreSQL, of its tables and of the room on the disk."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django import Settings

from etl.doctor import database
from etl.doctor.results import State
from etl.sql import execute, fetch

GIB = 1024**3


@pytest.mark.django_db
def test_a_server_that_answers_is_told_with_its_version_and_latency() -> None:
    found = database.server()
    assert found.state is State.OK
    assert found.said.startswith("PostgreSQL ")
    assert found.figures["milliseconds"] > 0
    assert found.figures["bytes"] > 0


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({}, "ok", ""),
        ({"number": 130_012}, "failed", "PostgreSQL 14 or newer"),
        ({"standby": True}, "failed", "must name the primary"),
        ({"encoding": "SQL_ASCII"}, "failed", "ENCODING 'UTF8'"),
        ({"used": 90}, "warning", "raise max_connections"),
        ({"milliseconds": 25.0}, "warning", "closer together"),
    ],
)
def test_a_server_that_does_not_suit_is_told_with_what_to_do(changes: dict[str, Any], state: str, said: str) -> None:
    given = {"number": 170_002, "standby": False, "used": 5, "encoding": "UTF8", "milliseconds": 1.0, **changes}
    row = (given["number"], "17.2", given["standby"], given["used"], 100, 10**8, given["encoding"])
    found = database._judged(row, given["milliseconds"])
    assert found.state == state
    assert said in found.advice


@pytest.mark.parametrize(("free", "state"), [(0.5, "failed"), (3, "warning"), (50, "ok")])
def test_little_room_is_told_before_there_is_none(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path, free: float, state: str
) -> None:
    settings.PULSE_HOME = tmp_path / "not" / "there yet"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=int(free * GIB)))
    assert database.disk().state == state
    assert not settings.PULSE_HOME.exists()


@pytest.mark.django_db
def test_tables_that_are_behind_are_told() -> None:
    assert database.migrations().state is State.OK
    (newest,) = fetch("SELECT max(name) FROM django_migrations WHERE app = 'etl'", [])[0]
    execute("DELETE FROM django_migrations WHERE app = 'etl' AND name = %s", [newest])
    found = database.migrations()
    assert (found.state, found.advice) == (State.FAILED, "run `manage.py migrate`")
    assert found.figures["missing"] == [f"etl.{newest}"]


@pytest.mark.django_db
def test_tables_that_are_ahead_of_the_code_are_told() -> None:
    execute("INSERT INTO django_migrations (app, name, applied) VALUES ('etl', '9999_future', now())", [])
    found = database.migrations()
    assert found.state is State.FAILED
    assert "ahead of this code: etl.9999_future" in found.said


@pytest.mark.django_db
def test_no_statement_of_an_examination_takes_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 0.05)
    with pytest.raises(Exception, match="statement timeout"), database.bounded():
        execute("SELECT pg_sleep(30)", [])
