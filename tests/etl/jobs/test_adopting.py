"""What a new run takes over of what earlier ones left: nothing of it is lost, and nothing fails for ever."""

import pytest

from etl.jobs import adopting, units
from etl.jobs.units import LeaseLost
from etl.models import EtlJobRun, Overall, QdrantVector, RawExtractionData, RunKind
from etl.models.unit import Unit
from tests.support.making import a_run, raw_row, vector

pytestmark = pytest.mark.django_db
LEFT = ("failed", "cancelled")


def over(run: EtlJobRun) -> EtlJobRun:
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.FAILED)
    return run


def left_to(run: EtlJobRun) -> set[Unit]:
    """The answers and vectors that wait in a run which takes over what was left."""
    adopting.adopt_left(run)
    waiting = {"run": run, "status": "pending"}
    return {*RawExtractionData.objects.filter(**waiting), *QdrantVector.objects.filter(**waiting)}


def test_answers_and_vectors_that_failed_or_were_cancelled_wait_in_the_next_run_from_their_first_try() -> None:
    old = over(a_run())
    for made in (raw_row, vector):
        made(old, status="completed")
    left = {
        made(old, status=state, tries=3, takes=4, error_details={"error": "x"})
        for made in (raw_row, vector)
        for state in LEFT
    }

    found = left_to(a_run(old.integration))

    assert found == left
    assert {(unit.tries, unit.takes, unit.error_details) for unit in found} == {(0, 0, None)}


def test_what_belongs_to_an_open_run_or_is_not_whole_is_left_where_it_is() -> None:
    old = over(a_run())
    page = raw_row(old, status="failed", is_complete=False)
    raw_row(old, status="failed", parent=page)
    raw_row(a_run(old.integration, RunKind.IMPORT), status="failed")
    raw_row(old, "a_step_that_the_run_does_not_have", status="failed")

    assert left_to(a_run(old.integration)) == set()


def test_an_answer_that_failed_is_left_once_a_newer_one_to_the_same_question_was_loaded() -> None:
    old = over(a_run())
    raw_row(old, external_id="page:1", status="failed")
    raw_row(old, external_id="page:1", status="completed")
    again = {raw_row(old, external_id="page:2", status="failed") for _ in range(2)}

    assert left_to(a_run(old.integration)) == again


def test_an_answer_that_was_not_looked_at_yet_waits_although_the_same_was_asked_again() -> None:
    old = over(a_run())
    cancelled = raw_row(old, external_id="page:1", status="cancelled")
    raw_row(old, external_id="page:1", status="completed")

    assert left_to(a_run(old.integration)) == {cancelled}


def test_answers_that_say_no_question_do_not_stand_for_one_another() -> None:
    old = over(a_run(kind=RunKind.IMPORT))
    failed = raw_row(old, status="failed")
    raw_row(old, status="completed")

    assert left_to(a_run(old.integration)) == {failed}


@pytest.mark.parametrize("name", ["projects", "steps", "updated_from", "updated_to"])
def test_a_restricted_run_leaves_all_to_the_next_whole_one(name: str) -> None:
    old = over(a_run())
    left = {made(old, status=state) for made in (raw_row, vector) for state in LEFT}
    restricted = a_run(old.integration)
    restricted.config = {name: ["x"]}

    assert left_to(restricted) == set()
    assert left_to(a_run(over(restricted).integration)) == left


def test_of_all_that_is_stored_nothing_is_left_out_but_what_an_open_run_has() -> None:
    old = over(a_run())
    stored = {raw_row(old, status=state) for state in ("completed", "failed", "cancelled")}
    stopped = a_run(old.integration)
    in_hand, nobodys = raw_row(stopped), raw_row(old, status="completed")
    lease = units.take(RawExtractionData, [in_hand.pk])
    assert lease is not None
    over(stopped)
    RawExtractionData.objects.filter(pk=nobodys.pk).update(run=None)
    raw_row(a_run(old.integration, RunKind.WEBHOOK), status="completed")
    new = a_run(old.integration, RunKind.REPROCESS)

    assert adopting.adopt_stored(new) == 5

    assert {*RawExtractionData.objects.filter(run=new, status="pending")} == {*stored, in_hand, nobodys}
    with pytest.raises(LeaseLost), units.ending(lease):
        pass
