"""What the figures of a run that is over say."""

from typing import Any

import pytest

from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.models import EtlJobRun, ExtractionCheckpoint, Overall, WorkerRow
from tests.etl.history.making import running, shift
from tests.support.making import PROJECTS, change, checkpoint, raw_row, vector

pytestmark = pytest.mark.django_db


def finish(run: EtlJobRun) -> EtlJobRun:
    ExtractionCheckpoint.objects.filter(run=run).update(status="completed")
    advance(run.pk)
    run.refresh_from_db()
    return run


def test_a_runs_stages_lasted_as_long_as_any_step_was_in_them() -> None:
    run = running()
    checkpoint(run)
    advance(run.pk)
    shift(run, 100)
    checkpoint(run, PROJECTS)
    advance(run.pk)
    shift(run, 20)

    finish(run)

    assert set(run.stage_seconds) == {"extraction"}
    assert run.stage_seconds["extraction"] == pytest.approx(120, abs=5)
    assert run.execution_time == pytest.approx(120, abs=5)


def test_a_pause_counts_neither_for_the_run_nor_for_its_stages() -> None:
    run = running()
    checkpoint(run)
    advance(run.pk)
    shift(run, 40)
    lifecycle.pause(run.job_id)
    shift(run, 1000)
    lifecycle.resume(run.job_id)
    shift(run, 20)

    finish(run)

    assert run.execution_time == pytest.approx(60, abs=5)
    assert run.stage_seconds["extraction"] == pytest.approx(60, abs=5)


def test_time_between_a_runs_failure_and_its_retry_does_not_count() -> None:
    run = running()
    unit = checkpoint(run)
    advance(run.pk)
    shift(run, 30)
    change(unit, "status = 'failed'")
    advance(run.pk)
    run.refresh_from_db()
    assert run.status == Overall.FAILED
    shift(run, 10_000)
    lifecycle.retry_run(run.pk, trigger="test")
    run.refresh_from_db()
    shift(run, 10)

    finish(run)

    assert run.status == Overall.FINISHED
    assert run.execution_time == pytest.approx(40, abs=5)
    assert run.stage_seconds["extraction"] == pytest.approx(40, abs=5)


def test_a_stopped_run_has_its_figures_too() -> None:
    run = running()
    checkpoint(run, status="completed", pages=4)
    answer, _ = raw_row(run, records=9), checkpoint(run)
    advance(run.pk)
    change(answer, "processing_status = 'completed'")

    lifecycle.stop(run.job_id)

    run.refresh_from_db()
    assert (run.status, run.api_calls_made, run.records_processed) == (Overall.STOPPED, 4, 9)
    assert run.execution_time is not None
    assert set(run.stage_seconds) == {"extraction", "transform"}


def worker(peak: float | None, **more: Any) -> WorkerRow:
    return WorkerRow.objects.create(host="here", pid=1, tier="all", peak_mib=peak, **more)


def test_a_runs_memory_is_the_highest_peak_of_those_that_worked_on_it() -> None:
    run = running()
    for peak, make in ((20_000.0, checkpoint), (30_000.0, raw_row), (25_000.0, vector)):
        make(run, status="completed", worker=worker(peak))
    worker(90_000.0)

    advance(run.pk)

    run.refresh_from_db()
    assert run.memory_usage == 30_000


def test_a_run_whose_workers_have_said_nothing_has_the_memory_of_who_ended_it() -> None:
    run = running()
    raw_row(run, status="completed", worker=worker(None))

    advance(run.pk)

    run.refresh_from_db()
    assert run.memory_usage is not None
    assert 1 < run.memory_usage < 20_000
