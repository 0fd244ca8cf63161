"""Beginning runs: of a sync, a reprocessing, a repair, or of what a webhook asks for.

The job's state, the run's row and its first plan are one transaction; workers are woken after it.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from etl.jobs import adopting, planning, repair, watermarks
from etl.jobs.advance import advance, status_json
from etl.jobs.job_settings import InvalidSettings, JobSettings
from etl.jobs.states import IllegalTransition, check, check_active, locked_job, named
from etl.jobs.wakeups import integrations_waiting, wake
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, EtlJobRunStep, Overall, RunKind
from etl.models.jobs import JOB_KINDS, UNDER_WAY
from etl.queue.broker import PublishFailed
from etl.queue.topology import Stage
from etl.sql import execute
from integrations.models import Integration
from integrations.provider import Step
from pulse.tenancy import audit

logger = logging.getLogger(__name__)


class CannotRun(IllegalTransition):
    """The job's settings are no settings: no run of it can begin until somebody mends them. ``reason`` names which."""

    def __init__(self, job: EtlJob, reason: str) -> None:
        super().__init__(f"{named(job)} cannot run: {reason}")
        self.reason = reason


def sync_steps(
    integration: Integration, wanted: Sequence[str] = (), *, include_custom_fields: bool = False
) -> list[Step]:
    """The steps of a sync; only the wanted ones, where any are named. Custom fields are discovered where asked for."""
    provider = integration.provider_code
    steps = [step for step in provider.steps if not step.on_demand and (not wanted or step.name in wanted)]
    if include_custom_fields:
        steps += [step for step in provider.steps if step.name == provider.fields_step]
    return steps


def create_job(integration: Integration, **said: Any) -> EtlJob:
    """A job of an integration, after the tenant's others where nothing else is said. It waits for its first start."""
    steps = [
        EtlJobRunStep(step=step.name, order=step.order, display_name=step.display_name)
        for step in sync_steps(integration)
    ]
    usual = {"name": integration.name, "order": EtlJob.objects.filter(tenant_id=integration.tenant_id).count() + 1}
    return EtlJob.objects.create(
        tenant_id=integration.tenant_id,
        integration=integration,
        status=status_json(Overall.NOT_STARTED, steps),
        **{**usual, **said},
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
        raise IllegalTransition(_told_of_open_run(job)) from error
    planning.create_steps(run, steps)
    return run


def _told_of_open_run(job: EtlJob) -> str:
    """What keeps a run of the job from beginning, though the job's own state does not."""
    run = EtlJobRun.objects.filter(integration_id=job.integration_id, kind__in=JOB_KINDS, status__in=UNDER_WAY).first()
    found = f"{run} is {run.status}" if run else "another run was begun at the same moment"
    return f"{named(job)} cannot run now, since integration {job.integration.name} has one open run at a time: {found}"


def startable(job_id: int, action: str = "start", *, only_ready: bool = False) -> EtlJob:
    """The job, locked. Raises IllegalTransition where it runs already; with ``only_ready`` where it is not READY."""
    job = locked_job(job_id)
    check(job, action)
    if only_ready and job.overall != Overall.READY:
        raise IllegalTransition(f"{named(job)} is {job.overall}, and READY no more")
    return job


def start(job_id: int, *, trigger: str, config: Mapping[str, Any] | None = None, only_ready: bool = False) -> EtlJobRun:
    """Starts a sync: the job's state, the run's row and its first plan in one transaction; then wakes workers.

    ``config`` is that of a `RunRequest`; what it does not say the job's settings do. Raises IllegalTransition where the
    job runs already, or its integration is inactive; with ``only_ready`` where it is not READY; CannotRun.
    """
    with transaction.atomic():
        job = startable(job_id, only_ready=only_ready)
        check_active(job)
        asked = {**_defaults(job), **(config or {})}
        steps = sync_steps(
            job.integration,
            asked.get("steps") or (),
            include_custom_fields=bool(asked.get("include_custom_fields")),
        )
        run = new_run(job, RunKind.SYNC, trigger, asked, steps)
        audit.note("job.started", job, {"run": [None, run.pk], **audit.differences({}, dict(config or {}))})
        EtlJob.objects.filter(pk=job.pk).update(last_run_started_at=timezone.now(), next_run=None)
        watermarks.keep_of_last(job.pk, before=run.pk)
        adopting.adopt_left(run)
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=f"run started by {trigger}")
        advance(run.pk)
    wake_integration(run.integration_id)
    return run


def _defaults(job: EtlJob) -> Mapping[str, Any]:
    """Raises CannotRun where somebody stored settings that nobody checked."""
    try:
        return JobSettings.parse(job.settings, job.integration).config
    except InvalidSettings as error:
        raise CannotRun(job, str(error)) from error


def reprocess(job_id: int, *, trigger: str) -> EtlJobRun:
    """Makes every derived row anew from the stored answers, without a call to the site.

    The answers become units of a new run. Raises IllegalTransition where the job runs already.
    """
    with transaction.atomic():
        job = startable(job_id, "reprocess")
        steps = sync_steps(job.integration, include_custom_fields=True)
        run = new_run(job, RunKind.REPROCESS, trigger, {}, steps)
        audit.note("job.reprocessed", job, {"run": [None, run.pk]})
        adopting.adopt_stored(run)
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
        job = locked_job(job_id)
        _check_repairable(job)
        if only_if_due and not is_repair_due(job):
            raise IllegalTransition(f"a repair of {named(job)} is not due")
        run = new_run(job, RunKind.REPAIR, trigger, {}, repair_steps(job.integration))
        audit.note("job.repaired", job, {"run": [None, run.pk]})
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=f"repair started by {trigger}")
        advance(run.pk)
    wake_integration(run.integration_id)
    return run


def _check_repairable(job: EtlJob) -> None:
    if not job.integration.provider_code.listing_step:
        raise IllegalTransition(
            f"integration {job.integration.name} cannot be repaired: {job.integration.provider} has no repair;"
            " a full sync reads everything again"
        )
    check_active(job)
    if run := job.runs.filter(status__in=UNDER_WAY).exclude(kind=RunKind.WEBHOOK).first():
        raise IllegalTransition(f"{named(job)} has an open run, and no repair beside it: {run} is {run.status}")


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
