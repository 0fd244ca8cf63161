"""Trying again what failed in a run that is over, in that run: it is open again until all of it is done."""

from collections.abc import Mapping, Sequence

from django.db import IntegrityError, transaction

from etl.history import log
from etl.jobs import units
from etl.jobs.advance import advance
from etl.jobs.inactive import CALLING_KINDS
from etl.jobs.starting import wake_integration
from etl.jobs.states import IllegalTransition, check, check_active, locked_job, locked_run, named, write_overall
from etl.jobs.wakeups import UNIT_MODELS
from etl.letters import mended
from etl.models import EtlJob, EtlJobRun, EtlJobRunStep, Overall, RawExtractionData, RunKind, StageState
from etl.models.jobs import JOB_KINDS, UNDER_WAY
from etl.queue.topology import Stage
from pulse.tenancy import audit

# What came of the units of these decided what later steps were to fetch.
_LOADING = (Stage.EXTRACTION, Stage.TRANSFORM)


def retry(job_id: int, *, trigger: str) -> EtlJobRun:
    """Has all that failed in a job's last run wait again, in that run.

    Raises IllegalTransition as `retry_run` does, and where the job has not failed.
    """
    job = EtlJob.objects.get(pk=job_id)
    check(job, "retry")
    run = job.runs.filter(kind__in=JOB_KINDS).order_by("-pk").first()
    if run is None:
        raise IllegalTransition(f"{named(job)} has no run: start it")
    return retry_run(run.pk, trigger=trigger)


def retry_run(run_id: int, *, trigger: str) -> EtlJobRun:
    """Has all that failed in a run of any kind wait again, in that run.

    Raises IllegalTransition where the run has not failed, nothing that failed is left in it, its integration is
    inactive or has another open run, and where a later run has taken its place.
    """
    with transaction.atomic():
        run = lock(run_id)
        if run.status in (Overall.READY, *UNDER_WAY):
            raise IllegalTransition(f"run {run.pk} is {run.status}: what failed in it can be retried when it is over")
        was = run.status
        run = reopen(run_id, f"retried by {trigger}")
        audit.note("run.retried", run, {"status": [was, run.status]})
    wake_integration(run.integration_id)
    return run


def lock(run_id: int) -> EtlJobRun:
    """The run, locked together with its job. For use inside a transaction."""
    run = locked_run(run_id)
    run.job = locked_job(run.job_id)
    return run


def reopen(run_id: int, message: str, chosen: Mapping[Stage, Sequence[int]] | None = None) -> EtlJobRun:
    """Has what failed in a run wait again, or those chosen units of it. An open run stays as it is. In a transaction.

    Raises IllegalTransition.
    """
    run = lock(run_id)
    if run.status not in UNDER_WAY:
        _check(run)
    steps = _wait_again(run, chosen)
    if not any(steps.values()):
        raise IllegalTransition(f"run {run.pk} is {run.status}: nothing that failed is left in it")
    _plan_again(run, {step for stage in _LOADING for step in steps[stage]})
    mended.settle()
    if run.status not in UNDER_WAY:
        _open(run)
    log.moved(run, message)
    advance(run.pk)
    run.refresh_from_db()
    return run


def _check(run: EtlJobRun) -> None:
    if run.kind in CALLING_KINDS:
        check_active(run.job)
    if run.status == Overall.STOPPED:
        raise IllegalTransition(f"run {run.pk} was stopped: the next start takes up what is left of it")
    if run.status == Overall.FINISHED and run.errors_encountered:
        # Its integration was inactive.
        raise IllegalTransition(f"run {run.pk} was ended early: the next start takes up what is left of it")
    if run.status != Overall.FAILED:
        raise IllegalTransition(f"run {run.pk} is {run.status}: nothing in it is to be retried")
    if not run.steps.exists():
        raise IllegalTransition(f"run {run.pk} failed before it began, so start the job again: {run.error_message}")
    later = EtlJobRun.objects.filter(
        integration_id=run.integration_id, kind__in=JOB_KINDS, pk__gt=run.pk, steps__isnull=False
    )
    if run.kind in JOB_KINDS and (found := later.order_by("-pk").first()):
        raise IllegalTransition(
            f"{found} ({found.status}) has taken the place of run {run.pk}: the next sync takes up what is left of it,"
            " a full sync or a repair brings what is missing all the same"
        )


def _open(run: EtlJobRun) -> None:
    """Makes a run that is over one that runs; its job, where it is one of its own kinds."""
    run.status, run.finished_at, run.error_message = Overall.RUNNING, None, ""
    try:
        with transaction.atomic():
            run.save(update_fields=["status", "finished_at", "error_message", "last_updated_at"])
    except IntegrityError as error:
        raise IllegalTransition(f"run {run.pk} cannot go on: its integration has an open run already") from error
    if run.kind in JOB_KINDS:
        run.job.next_run, run.job.error_message = None, ""
        run.job.save(update_fields=["next_run", "error_message"])
        write_overall(run.job, Overall.RUNNING)


def _wait_again(run: EtlJobRun, chosen: Mapping[Stage, Sequence[int]] | None) -> dict[Stage, set[str]]:
    """The steps, by stage, of which units wait again."""
    steps: dict[Stage, set[str]] = {}
    for stage, model in UNIT_MODELS.items():
        ids = None if chosen is None else chosen.get(stage, ())
        steps[stage] = units.revive(model, run.pk, ids)
    return steps


def _plan_again(run: EtlJobRun, failed: set[str]) -> None:
    """Has the steps planned anew that were planned from what steps brought of which something failed.

    Planning adds what is not there yet (see `etl.jobs.planning`).
    """
    steps = {step.step: step for step in run.steps.order_by("order")}
    outdated: set[str] = set()
    while found := {
        name for name, step in steps.items() if name not in outdated and set(step.feeders) & (failed | outdated)
    }:
        outdated |= found
    EtlJobRunStep.objects.filter(run=run, step__in=outdated).update(
        planned_at=None, extraction=StageState.IDLE, transform=StageState.IDLE, embedding=StageState.IDLE
    )
    listing = run.integration.provider_code.listing_step
    if run.kind == RunKind.REPAIR and listing in failed:
        # What the run's listing said was forgotten with its end: the answers that came say it again.
        answers = RawExtractionData.objects.filter(run=run, step=listing, is_complete=True, parent=None)
        units.claim_answers(run.pk, list(answers.values_list("pk", flat=True)))
