"""What people and the schedule do to jobs: create, start, reprocess, pause, resume, stop, reset.

Each transition is a guarded update with one winner; an illegal one raises IllegalTransition, which says why.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from etl.jobs import planning, repair, units, watermarks
from etl.jobs.advance import advance, announce, status_json
from etl.jobs.wakeups import UNIT_MODELS, integrations_waiting, wake
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, EtlJobRunStep, Overall, RunKind
from etl.models.jobs import JOB_KINDS
from etl.queue.broker import PublishFailed
from etl.queue.topology import Stage
from etl.sql import execute
from integrations.models import Integration
from integrations.provider import Step

logger = logging.getLogger(__name__)

STARTABLE = (Overall.NOT_STARTED, Overall.READY, Overall.FINISHED, Overall.FAILED, Overall.STOPPED)


class IllegalTransition(Exception):
    """The job or run is not in a state in which that can be done."""


def sync_steps(
    integration: Integration, wanted: Sequence[str] = (), *, include_custom_fields: bool = False
) -> list[Step]:
    """The steps of a sync; only the wanted ones, where any are named. Custom fields are discovered where asked for."""
    provider = integration.provider_code
    steps = [step for step in provider.steps if not step.on_demand and (not wanted or step.name in wanted)]
    if include_custom_fields:
        steps += [step for step in provider.steps if step.name == provider.fields_step]
    return steps


def create_job(integration: Integration) -> EtlJob:
    """The job of a new integration, after the tenant's others. It waits for its first start."""
    steps = [
        EtlJobRunStep(step=step.name, order=step.order, display_name=step.display_name)
        for step in sync_steps(integration)
    ]
    return EtlJob.objects.create(
        tenant_id=integration.tenant_id,
        integration=integration,
        name=integration.name,
        order=EtlJob.objects.filter(tenant_id=integration.tenant_id).count() + 1,
        status=status_json(Overall.NOT_STARTED, steps),
    )


def new_run(
    job: EtlJob,
    kind: RunKind,
    trigger: str,
    config: Mapping[str, Any],
    steps: list[Step],
    *,
    status: Overall = Overall.RUNNING,
) -> EtlJobRun:
    """A run with its steps, unplanned. Raises IllegalTransition where the job has an open run already."""
    try:
        with transaction.atomic():
            run = EtlJobRun.objects.create(
                tenant_id=job.tenant_id,
                job=job,
                integration_id=job.integration_id,
                kind=kind,
                status=status,
                trigger=trigger,
                config=dict(config),
            )
    except IntegrityError as error:
        raise IllegalTransition(f"job {job.pk} ({job.name}) is already running") from error
    planning.create_steps(run, steps)
    return run


def startable(job_id: int) -> EtlJob:
    """The job, locked. Raises IllegalTransition where it runs already."""
    job = EtlJob.objects.select_for_update(of=("self",), no_key=True).select_related("integration").get(pk=job_id)
    if job.overall not in STARTABLE:
        raise IllegalTransition(f"job {job.pk} ({job.name}) is {job.overall}")
    return job


def start(job_id: int, *, trigger: str, config: Mapping[str, Any] | None = None) -> EtlJobRun:
    """Starts a sync: the job's state, the run's row and its first plan in one transaction; then wakes workers.

    Raises IllegalTransition where the job runs already, or its integration is inactive.
    """
    with transaction.atomic():
        job = startable(job_id)
        if not job.integration.active:
            raise IllegalTransition(f"integration {job.integration.name} of job {job.pk} is inactive")
        asked = config or {}
        steps = sync_steps(
            job.integration,
            asked.get("steps") or (),
            include_custom_fields=bool(asked.get("include_custom_fields")),
        )
        run = new_run(job, RunKind.SYNC, trigger, asked, steps)
        EtlJob.objects.filter(pk=job.pk).update(last_run_started_at=timezone.now(), next_run=None)
        watermarks.keep_of_last(job.pk, before=run.pk)
        units.adopt_vectors(run.integration_id, run.pk)
        units.adopt_answers(run.integration_id, run.pk)
        if run.config.get("include_dev_status", True):
            following = [step.name for step in job.integration.provider_code.steps if step.follows]
            units.adopt_followers(run.integration_id, run.pk, following)
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=f"run started by {trigger}")
        advance(run.pk)
    wake_integration(run.integration_id)
    return run


def reprocess(job_id: int, *, trigger: str) -> EtlJobRun:
    """Makes every derived row anew from the stored answers, without a call to the site.

    The answers become units of a new run. Raises IllegalTransition where the job runs already.
    """
    with transaction.atomic():
        job = startable(job_id)
        steps = sync_steps(job.integration, include_custom_fields=True)
        run = new_run(job, RunKind.REPROCESS, trigger, {}, steps)
        execute(
            """UPDATE raw_extraction_data SET run_id = %s, processing_status = 'pending', tries = 0, takes = 0,
                   not_before = NULL, published_at = NULL, lease_token = NULL, lease_until = NULL, error_details = NULL
               WHERE integration_id = %s AND active AND is_complete AND parent_id IS NULL AND step = ANY(%s)
                 AND run_id NOT IN (SELECT id FROM etl_job_runs WHERE status IN ('RUNNING', 'PAUSED'))""",
            [run.pk, job.integration_id, [step.name for step in steps]],
        )
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=f"reprocessing started by {trigger}")
        advance(run.pk)
    wake_integration(run.integration_id)
    return run


def start_repair(job_id: int, *, trigger: str, only_if_due: bool = False) -> EtlJobRun:
    """Starts a run that looks for what drifted or was deleted. It does not write the job's status.

    Raises IllegalTransition where another run is open (but those of webhooks: where these come all the time, there
    always is one), where the integration is inactive, and where a repair is not due although it has to be.
    """
    with transaction.atomic():
        job = EtlJob.objects.select_for_update(of=("self",), no_key=True).select_related("integration").get(pk=job_id)
        _check_repairable(job)
        if only_if_due and not is_repair_due(job):
            raise IllegalTransition(f"a repair of job {job.pk} ({job.name}) is not due")
        run = new_run(job, RunKind.REPAIR, trigger, {}, repair_steps(job.integration))
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=f"repair started by {trigger}")
        advance(run.pk)
    wake_integration(run.integration_id)
    return run


def _check_repairable(job: EtlJob) -> None:
    open_states = (Overall.RUNNING, Overall.PAUSED)
    if not job.integration.provider_code.listing_step:
        raise IllegalTransition(
            f"integration {job.integration.name} cannot be repaired: {job.integration.provider} has no repair;"
            " a full sync reads everything again"
        )
    if not job.integration.active:
        raise IllegalTransition(f"integration {job.integration.name} of job {job.pk} is inactive")
    if job.runs.filter(status__in=open_states).exclude(kind=RunKind.WEBHOOK).exists():
        raise IllegalTransition(f"job {job.pk} ({job.name}) has an open run: no repair beside it")


def is_repair_due(job: EtlJob) -> bool:
    due_at = repair.due_at(job)
    return due_at is not None and due_at <= timezone.now()


def repair_steps(integration: Integration) -> list[Step]:
    """The listing, then what fetches items, then what these feed."""
    listing = [step for step in integration.provider_code.steps if step.name == integration.provider_code.listing_step]
    return [*listing, *item_steps(integration)]


def item_steps(integration: Integration) -> list[Step]:
    """The step that fetches items, and those of a sync that it feeds."""
    items = integration.provider_code.items_step
    return [step for step in sync_steps(integration) if step.name == items or items in step.feeders]


def request_items(integration: Integration, item_ids: Sequence[str], *, trigger: str) -> EtlJobRun:
    """Has items fetched again (see `Provider.refetch`), in the integration's open webhook run or a new one.

    What waits to be fetched already is not asked for twice. A fetch in hand does not count: it may have been answered
    before the change that we were told of. No worker is woken: the sweep does so within a second, by when requests of
    a storm wait together, and whoever asks never waits for the queue.
    """
    with transaction.atomic(savepoint=False):
        run = _webhook_run(integration) or _new_webhook_run(integration, trigger)
        run.integration = integration
        planning.add_requests(run, item_ids)
    return run


def _webhook_run(integration: Integration) -> EtlJobRun | None:
    """The integration's open webhook run, locked: `advance` cannot end it before what is added is committed."""
    return (
        EtlJobRun.objects.select_for_update(no_key=True)
        .filter(integration=integration, kind=RunKind.WEBHOOK, status=Overall.RUNNING)
        .first()
    )


def _new_webhook_run(integration: Integration, trigger: str) -> EtlJobRun:
    # Of two first requests at once the second finds the run that the first made.
    execute("SELECT pg_advisory_xact_lock(hashtext('pulse webhook run'), %s)", [integration.pk])
    if run := _webhook_run(integration):
        return run
    return new_run(integration.jobs.order_by("id")[0], RunKind.WEBHOOK, trigger, {}, item_steps(integration))


def wake_integration(integration_id: int) -> None:
    """Wakes what waits. A queue that is away is the sweep's business: what was begun is begun."""
    try:
        for stage in Stage:
            if integration_id in integrations_waiting(stage):
                wake(stage, integration_id)
    except PublishFailed as error:
        logger.warning("the queue took no wake-up, the sweep will: %s", error)


def open_run(job_id: int, kinds: Sequence[RunKind] = JOB_KINDS) -> EtlJobRun | None:
    """The job's one open run of its own kinds, or of others."""
    return EtlJobRun.objects.filter(job_id=job_id, kind__in=kinds, status__in=(Overall.RUNNING, Overall.PAUSED)).first()


def _move(job_id: int, allowed: tuple[Overall, ...], to: Overall, message: str) -> EtlJobRun:
    """Moves the open run and its job to another state, under their locks. For use inside a transaction."""
    run = (
        EtlJobRun.objects.select_for_update(no_key=True)
        .filter(job_id=job_id, kind__in=(RunKind.SYNC, RunKind.REPROCESS), status__in=allowed)
        .first()
    )
    job = EtlJob.objects.select_for_update(no_key=True).get(pk=job_id)
    if run is None:
        raise IllegalTransition(f"job {job.pk} ({job.name}) is {job.overall}: not {' or '.join(allowed)}")
    _write_state(run, to, message)
    write_overall(job, to)
    return run


def _write_state(run: EtlJobRun, to: Overall, message: str) -> None:
    run.status = to
    run.finished_at = timezone.now() if to == Overall.STOPPED else None
    run.save(update_fields=["status", "finished_at", "last_updated_at"])
    EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=message)


def write_overall(job: EtlJob, overall: Overall) -> None:
    job.status = {**job.status, "overall": overall}
    job.version += 1
    job.save(update_fields=["status", "version", "last_updated_at"])
    announce(job)


def pause(job_id: int) -> EtlJobRun:
    """No worker takes another unit until it is resumed."""
    with transaction.atomic():
        run = _move(job_id, (Overall.RUNNING,), Overall.PAUSED, "paused")
        # Its wake-ups shall not take the place of other runs' ones.
        for model in UNIT_MODELS.values():
            units.forget_wakeups(model, run.pk)
    return run


def resume(job_id: int) -> EtlJobRun:
    with transaction.atomic():
        run = _move(job_id, (Overall.PAUSED,), Overall.RUNNING, "resumed")
        for model in UNIT_MODELS.values():
            units.forget_wakeups(model, run.pk)
    advance(run.pk)
    wake_integration(run.integration_id)
    return run


def stop(job_id: int) -> EtlJobRun:
    """Ends the run: what waits is cancelled, a unit in hand may still commit. The job then waits for a person."""
    with transaction.atomic():
        run = _move(job_id, (Overall.RUNNING, Overall.PAUSED), Overall.STOPPED, "stopped")
        _cancel_open(run)
    return run


def stop_run(run_id: int) -> EtlJobRun:
    """Ends any one open run, a discovery that waits too. Only a sync's or reprocessing's job is stopped with it.

    Raises IllegalTransition where the run is over.
    """
    with transaction.atomic():
        run = EtlJobRun.objects.select_for_update(no_key=True).get(pk=run_id)
        if run.status not in (Overall.READY, Overall.RUNNING, Overall.PAUSED):
            raise IllegalTransition(f"run {run.pk} is {run.status}: it is over")
        if run.kind in JOB_KINDS:
            return stop(run.job_id)
        _write_state(run, Overall.STOPPED, "stopped")
        _cancel_open(run)
        repair.forget_listing(run)
    return run


def _cancel_open(run: EtlJobRun) -> None:
    for model in UNIT_MODELS.values():
        units.cancel_open(model, run.pk)


def reset(job_id: int) -> EtlJob:
    """Makes a stuck job READY, and due: stops its open run, if it has one."""
    with transaction.atomic():
        if open_run(job_id):
            stop(job_id)
        EtlJob.objects.filter(pk=job_id).update(next_run=timezone.now())
        job = EtlJob.objects.select_for_update(no_key=True).get(pk=job_id)
        write_overall(job, Overall.READY)
    return job
