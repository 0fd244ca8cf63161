"""The right to work in the embedded profile: one process at a time has it."""

from collections.abc import Iterator

import psycopg2
import pytest

from etl.sql import fetch
from etl.workers.ownership import Ownership
from tests.services.waiting import wait_until
from tests.support.databases import end_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def two() -> Iterator[tuple[Ownership, Ownership]]:
    pair = (Ownership(), Ownership())
    yield pair
    for one in pair:
        one.release()


def holders() -> list[int]:
    """The sessions that hold an advisory lock of this database."""
    rows = fetch(
        "SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND granted AND datname = current_database()",
        [],
    )
    return [row[0] for row in rows]


def test_one_of_two_has_the_right(two: tuple[Ownership, Ownership]) -> None:
    first, second = two

    assert [first.acquire(), second.acquire(), first.acquire()] == [True, False, True]


def test_the_right_that_is_given_back_may_be_taken(two: tuple[Ownership, Ownership]) -> None:
    first, second = two
    first.acquire()
    assert not second.acquire()

    first.release()

    assert wait_until(second.acquire)
    assert not first.acquire()


def test_the_right_is_taken_again_after_its_session_was_killed(two: tuple[Ownership, Ownership]) -> None:
    first, _ = two
    assert first.acquire()
    (killed,) = holders()

    end_session(killed)
    assert wait_until(lambda: killed not in holders())

    assert first.acquire()
    assert len(holders()) == 1


def test_another_may_have_the_right_once_the_owners_session_was_killed(two: tuple[Ownership, Ownership]) -> None:
    first, second = two
    first.acquire()
    end_session(holders()[0])

    assert wait_until(second.acquire)

    assert not first.acquire()


def test_without_a_database_nobody_has_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> object:
        raise psycopg2.OperationalError("the server is starting up")

    monkeypatch.setattr(psycopg2, "connect", refuse)

    assert not Ownership().acquire()
