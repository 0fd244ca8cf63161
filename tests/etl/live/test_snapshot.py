"""The message about a job: its status, how far its run is, and when that is expected to end."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from etl.history import counting
from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.live import snapshot
from etl.live.snapshot import Looks, job_update
from etl.models import EtlJob, EtlJobRun, Overall
from tests.support.making import ISSUES, a_run, all_planned, checkpoint, job_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_looks", Looks())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is; looking costs none."""
    now = [100.0]
    monkeypatch.setattr("etl.live.snapshot.monotonic", lambda: now[0])
    return now


def running() -> EtlJobRun:
    run = all_planned(a_run())
    lifecycle.write_overall(job_of(run.integration), Overall.RUNNING)
    checkpoint(run, status="completed", pages=2)
    checkpoint(run)
    advance(run.pk)
    return run


def message(run: EtlJobRun) -> dict[str, Any]:
    update = job_update(run.tenant_id, run.job_id)
    assert update is not None
    return update


def done(run: EtlJobRun) -> int:
    return int(message(run)["progress"][ISSUES]["extraction"]["done"])


def test_a_message_says_when_the_run_is_expected_to_end() -> None:
    run = running()
    began = timezone.now()

    end = datetime.fromisoformat(message(run)["estimated_end"])

    assert began - timedelta(seconds=1) <= end <= began + timedelta(minutes=1)
    assert end.microsecond == 0


def test_of_a_run_that_is_over_no_end_is_expected() -> None:
    run = running()
    lifecycle.stop(run.job_id)
    assert message(run)["estimated_end"] is None


def test_a_run_is_counted_once_a_second_however_many_watch(clock: list[float]) -> None:
    run = running()
    assert done(run) == 1
    checkpoint(run, status="completed")
    assert done(run) == 1

    clock[0] += snapshot.LOOK_SECONDS

    assert done(run) == 2


def test_a_change_of_the_jobs_status_is_seen_with_figures_of_its_own_time(clock: list[float]) -> None:
    run = running()
    assert done(run) == 1
    checkpoint(run, status="completed")

    EtlJob.objects.filter(pk=run.job_id).update(version=1000)

    assert done(run) == 2


def test_a_run_that_takes_long_to_count_is_counted_less_often(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, counted = running(), counting.counts

    def slow(run_id: int) -> counting.Counts:
        clock[0] += 3
        return counted(run_id)

    monkeypatch.setattr(counting, "counts", slow)
    assert done(run) == 1
    checkpoint(run, status="completed")
    clock[0] += 10
    assert done(run) == 1
    clock[0] += 10
    assert done(run) == 2


def test_a_job_without_a_run_has_no_progress() -> None:
    run = a_run()
    job = job_of(run.integration)
    EtlJobRun.objects.filter(pk=run.pk).delete()
    update = job_update(job.tenant_id, job.pk)
    assert update is not None
    assert (update["progress"], update["estimated_end"]) == ({}, None)
    assert job_update(job.tenant_id + 1, job.pk) is None
