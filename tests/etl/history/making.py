"""Runs in the middle of their work, and making them older."""

from datetime import datetime, timedelta

from etl.jobs import lifecycle
from etl.models import EtlJobEvent, EtlJobRun, EtlJobRunStep, Overall
from tests.support.making import ISSUES, a_run, all_planned, job_of


def step_of(run: EtlJobRun, step: str = ISSUES) -> EtlJobRunStep:
    return EtlJobRunStep.objects.get(run=run, step=step)


def running() -> EtlJobRun:
    """A run whose job is RUNNING too, with nothing more to be planned."""
    run = all_planned(a_run())
    lifecycle.write_overall(job_of(run.integration), Overall.RUNNING)
    return run


def shift(run: EtlJobRun, seconds: float) -> None:
    """Makes all that happened in the run so far that much older."""
    by = timedelta(seconds=seconds)
    EtlJobRun.objects.filter(pk=run.pk).update(started_at=run.started_at - by)
    for event in EtlJobEvent.objects.filter(run=run):
        EtlJobEvent.objects.filter(pk=event.pk).update(created_at=event.created_at - by)
    for step in EtlJobRunStep.objects.filter(run=run):
        times = {stage: {name: earlier(at, by) for name, at in one.items()} for stage, one in step.times.items()}
        EtlJobRunStep.objects.filter(pk=step.pk).update(times=times)
    run.refresh_from_db()


def earlier(at: str, by: timedelta) -> str:
    return (datetime.fromisoformat(at) - by).isoformat()
