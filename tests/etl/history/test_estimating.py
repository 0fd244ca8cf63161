"""When a run is expected to end."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from etl.history.counting import counts
from etl.history.estimating import estimate
from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.models import EtlJobRun, EtlJobRunStep, Overall, RunKind
from etl.sql import execute
from integrations.models import Integration
from tests.etl.history.making import running, shift
from tests.support.making import (
    ISSUES,
    PROJECTS,
    STATUSES,
    a_run,
    all_planned,
    an_integration,
    checkpoint,
    job_of,
    raw_row,
)

pytestmark = pytest.mark.django_db
DEV_STATUS = "jira_dev_status"


def seconds_to_end(run: EtlJobRun) -> float:
    run.refresh_from_db()
    end = estimate(run)
    assert end is not None
    return (end - timezone.now()).total_seconds()


def test_a_run_is_expected_to_end_at_the_rate_so_far() -> None:
    run = running()
    for number in range(8):
        checkpoint(run, status="completed" if number < 2 else "pending", pages=5 if number < 2 else 0)
    advance(run.pk)
    shift(run, 60)

    assert seconds_to_end(run) == pytest.approx(180, abs=5)


def test_what_is_not_fetched_yet_will_have_to_be_loaded_too() -> None:
    run = running()
    checkpoint(run, status="completed", pages=10)
    checkpoint(run, pages=0)
    raw_row(run, status="completed")
    raw_row(run)
    advance(run.pk)
    shift(run, 30)

    # Half is fetched, and half of that is loaded.
    assert seconds_to_end(run) == pytest.approx(90, abs=5)


def test_nothing_is_expected_of_a_run_of_which_nothing_is_done_or_which_stands_still() -> None:
    run = running()
    checkpoint(run)
    advance(run.pk)
    run.refresh_from_db()
    assert estimate(run) is None
    checkpoint(run, status="completed", pages=1)
    assert estimate(run) is not None

    lifecycle.pause(run.job_id)

    run.refresh_from_db()
    assert estimate(run) is None


def test_time_in_which_a_run_was_paused_makes_it_no_slower() -> None:
    run = running()
    checkpoint(run, status="completed", pages=1)
    checkpoint(run)
    advance(run.pk)
    shift(run, 30)
    lifecycle.pause(run.job_id)
    shift(run, 3000)
    lifecycle.resume(run.job_id)

    assert seconds_to_end(run) == pytest.approx(30, abs=5)


def test_a_step_that_has_not_begun_is_expected_to_take_as_long_as_last_time() -> None:
    integration = an_integration()
    before = all_planned(a_run(integration))
    times = {"extraction": {"started_at": "2026-03-01T12:00:00+00:00", "finished_at": "2026-03-01T12:05:00+00:00"}}
    for step, lasted in ((ISSUES, times), (STATUSES, {}), (DEV_STATUS, {})):
        EtlJobRunStep.objects.filter(run=before, step=step).update(times=lasted)
    EtlJobRun.objects.filter(pk=before.pk).update(status="FINISHED", finished_at=timezone.now())
    went_by = lifecycle.new_run(job_of(integration), RunKind.SYNC, "test", {}, [], status=Overall.FINISHED)
    assert went_by.steps.count() == 0
    run = a_run(integration)
    execute("UPDATE etl_job_run_steps SET planned_at = now() WHERE run_id = %s AND step = %s", [run.pk, PROJECTS])
    checkpoint(run, PROJECTS, status="completed", pages=1)
    checkpoint(run, PROJECTS)
    advance(run.pk)
    shift(run, 10)

    assert seconds_to_end(run) == pytest.approx(310, abs=5)
    EtlJobRun.objects.filter(pk=run.pk).update(config={"full_sync": True})
    run.refresh_from_db()
    assert estimate(run) is None, "a sync of everything takes longer than one of what has changed"


def test_a_step_whose_work_comes_with_what_is_loaded_is_expected_to_grow_with_it() -> None:
    run = a_run()
    execute("UPDATE etl_job_run_steps SET planned_at = now() WHERE run_id = %s AND step <> %s", [run.pk, DEV_STATUS])
    checkpoint(run, status="completed", pages=10)
    checkpoint(run)
    raw_row(run, status="completed")
    advance(run.pk)
    shift(run, 30)
    assert seconds_to_end(run) == pytest.approx(30, abs=5)

    checkpoint(run, DEV_STATUS, status="completed", pages=1)
    checkpoint(run, DEV_STATUS)
    advance(run.pk)
    shift(run, 10)

    # Half of the issues is there, and with it half of what there is to ask for; of that a half is done.
    assert seconds_to_end(run) == pytest.approx(40, abs=5)
    shift(run, 10)
    assert seconds_to_end(run) == pytest.approx(60, abs=5)


def test_what_a_reprocessing_works_on_is_there_from_its_beginning() -> None:
    run = a_run(kind=RunKind.REPROCESS)
    execute("UPDATE etl_job_run_steps SET planned_at = now() WHERE run_id = %s AND step <> %s", [run.pk, DEV_STATUS])
    for step, waiting in ((ISSUES, 1), (DEV_STATUS, 2)):
        raw_row(run, step=step, status="completed")
        for _ in range(waiting):
            raw_row(run, step=step)
    advance(run.pk)
    shift(run, 30)

    assert seconds_to_end(run) == pytest.approx(60, abs=5)


def reprocessing(integration: Integration, *answers: tuple[str, int, int]) -> EtlJobRun:
    """A run that began 30 s ago: so many answers of a step are loaded, the first of them 10 s ago, and so many wait."""
    run = a_run(integration, kind=RunKind.REPROCESS)
    execute("UPDATE etl_job_run_steps SET planned_at = now() WHERE run_id = %s AND step <> %s", [run.pk, DEV_STATUS])
    for step, loaded, waiting in answers:
        for _ in range(loaded):
            raw_row(run, step=step, status="completed", processed_at=timezone.now() - timedelta(seconds=10))
        for _ in range(waiting):
            raw_row(run, step=step)
    advance(run.pk)
    shift(run, 30)
    return run


def test_a_step_whose_answers_waited_behind_those_of_another_is_not_slow() -> None:
    run = reprocessing(an_integration(), (ISSUES, 3, 0), (DEV_STATUS, 1, 3))

    assert seconds_to_end(run) == pytest.approx(30, abs=5)


def test_a_step_whose_answers_wait_behind_those_of_another_takes_as_long_as_last_time() -> None:
    integration = an_integration()
    first = reprocessing(integration, (ISSUES, 1, 1), (DEV_STATUS, 0, 2))
    assert estimate(first) is None
    for step, ended in ((ISSUES, "12:01"), (DEV_STATUS, "12:05")):
        span = {"started_at": "2026-03-01T12:00:00+00:00", "finished_at": f"2026-03-01T{ended}:00+00:00"}
        EtlJobRunStep.objects.filter(run=first, step=step).update(times={"transform": span})
    EtlJobRun.objects.filter(pk=first.pk).update(status="FINISHED", finished_at=timezone.now())

    # Development status waited for a minute of its five.
    assert seconds_to_end(reprocessing(integration, (ISSUES, 1, 1), (DEV_STATUS, 0, 2))) == pytest.approx(250, abs=5)


def test_a_look_at_a_run_takes_few_queries(django_assert_max_num_queries: Any) -> None:
    run = running()
    for _ in range(20):
        checkpoint(run, status="completed", pages=1)
        raw_row(run)
    with django_assert_max_num_queries(7):
        estimate(EtlJobRun.objects.get(pk=run.pk), counts(run.pk))
