"""Planning a step: from the provider's partitions to checkpoints."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from django.db.models import Q
from django.utils import timezone

from custommapping.models import Authority, Project
from etl.jobs import repair, resuming, watermarks
from etl.models import (
    EtlJob,
    EtlJobEvent,
    EtlJobRun,
    EtlJobRunStep,
    ExtractionCheckpoint,
    Overall,
    Repository,
    RunKind,
    StageState,
    UnitState,
)
from etl.sql import fetch
from integrations.errors import Permanent
from integrations.provider import ItemRef, Partition, PlanContext, ProjectRef, RepositoryRef, Step

DEFAULT_BATCH_SIZE = 50
Ref = TypeVar("Ref", ProjectRef, RepositoryRef)


def create_steps(run: EtlJobRun, steps: list[Step]) -> None:
    """The rows of a run's steps, not planned yet."""
    EtlJobRunStep.objects.bulk_create(
        EtlJobRunStep(
            tenant_id=run.tenant_id,
            run=run,
            step=step.name,
            order=step.order,
            display_name=step.display_name,
            feeders=list(step.feeders),
        )
        for step in steps
    )


def known_projects(run: EtlJobRun) -> list[ProjectRef]:
    """The projects that are known to be there; of a restricted run, those of them that it names by key or id."""
    rows = Project.objects.filter(
        tenant_id=run.tenant_id,
        integration_id=run.integration_id,
        active=True,
        archived=False,
        authority=Authority.LISTED,
    ).order_by("external_id")
    return _to_be_read(run, "projects", [ProjectRef(*row) for row in rows.values_list("external_id", "key")])


def known_repositories(run: EtlJobRun) -> list[RepositoryRef]:
    """The repositories that are known to be there; of a restricted run, those that it names by full name or id.

    Archived ones too: what they have is to be read once, and may have been archived unread.
    """
    rows = Repository.objects.filter(
        tenant_id=run.tenant_id, integration_id=run.integration_id, active=True, authority=Authority.LISTED
    ).order_by("external_id")
    found = [RepositoryRef(*row) for row in rows.values_list("external_id", "full_name")]
    return _to_be_read(run, "repositories", found)


def _to_be_read(run: EtlJobRun, kind: str, known: Sequence[Ref]) -> list[Ref]:
    """Without what the site does not list any more, and what a restricted run does not name; in any case."""
    wanted, listed = {name.casefold() for name in run.config.get("projects") or ()}, _listed(run, kind)
    return [
        found
        for found in known
        if (not wanted or wanted & _names(found)) and (not listed or found.external_id in listed)
    ]


def _names(found: ProjectRef | RepositoryRef) -> set[str]:
    name = found.key if isinstance(found, ProjectRef) else found.full_name
    return {found.external_id, name.casefold()}


def _warn_of_unknown(run: EtlJobRun) -> None:
    """Of the projects and repositories that a restricted run names and that it does not read therefore.

    Raises Permanent where none of them is known.
    """
    wanted = run.config.get("projects") or ()
    if not wanted:
        return
    found: list[ProjectRef | RepositoryRef] = [*known_projects(run), *known_repositories(run)]
    known = {name for one in found for name in _names(one)}
    if unknown := [name for name in wanted if name.casefold() not in known]:
        message = f"this run was restricted to projects or repositories that are not known: {', '.join(unknown)}"
        if len(unknown) == len(wanted):
            raise Permanent(message)
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, level="warning", message=message)


def _listed(run: EtlJobRun, kind: str) -> set[str]:
    """The "projects" or "repositories" that the site listed in this run, in a repair in the last sync: others are gone.

    Empty where it listed none, or not all came.
    """
    if run.kind == RunKind.REPAIR:
        # One that was ended early, since the integration was inactive, may have listed a part.
        early = Q(steps__transform__in=(StageState.IDLE, StageState.RUNNING))
        syncs = watermarks.syncs_of(run.job_id).filter(status=Overall.FINISHED).exclude(early)
        # One of chosen steps may have listed nothing.
        run = syncs.exclude(config__has_key="steps").order_by("-id").first() or run
    failed = Q(extraction=StageState.FAILED) | Q(transform=StageState.FAILED)
    if EtlJobRunStep.objects.filter(failed, run=run).exists():
        return set()
    rows = fetch(
        """SELECT DISTINCT p
           FROM raw_extraction_data, jsonb_array_elements_text(extraction_metadata -> %(kind)s) p
           WHERE run_id = %(run)s AND jsonb_typeof(extraction_metadata -> %(kind)s) = 'array'""",
        {"run": run.pk, "kind": kind},
    )
    return {row[0] for row in rows}


def _context(run: EtlJobRun, step: str) -> PlanContext:
    beginning, end = (_moment(run, name) for name in ("updated_from", "updated_to"))
    afresh = run.kind != RunKind.SYNC or run.config.get("full_sync") or beginning or end
    return PlanContext(
        projects=known_projects(run),
        repositories=known_repositories(run),
        watermarks={} if afresh else watermarks.read(run.integration_id, step),
        batch_size=int(run.config.get("batch_size") or DEFAULT_BATCH_SIZE),
        reread=_to_reread(run, step),
        updated_from=beginning,
        updated_to=end,
    )


def _moment(run: EtlJobRun, name: str) -> datetime | None:
    """A bound of a backfill."""
    text = run.config.get(name)
    return datetime.fromisoformat(text) if text else None


def _to_reread(run: EtlJobRun, step: str) -> Sequence[ItemRef]:
    """A step alone that follows from loaded answers has none: it goes by what is known."""
    provider = run.integration.provider_code
    if run.kind == RunKind.REPAIR:
        return repair.items_to_reread(run)
    steps = run.config.get("steps") or ()
    follows = any(one.follows and one.name == step for one in provider.steps)
    if run.kind != RunKind.SYNC or not follows or not steps or provider.items_step in steps:
        return ()
    projects = [project.external_id for project in known_projects(run)]
    return repair.items_with_development(run, projects, _moment(run, "updated_from"), _moment(run, "updated_to"))


def _partitions(run: EtlJobRun, step: str) -> list[Partition]:
    """What a step of a run is to fetch, as far as it is known before anything is fetched."""
    if run.kind not in (RunKind.SYNC, RunKind.REPAIR, RunKind.DISCOVERY):
        return []
    provider, connection = run.integration.provider_code, run.integration.connection()
    if run.kind == RunKind.REPAIR and step == provider.items_step:
        return _new(run, step, provider.refetch(connection, repair.items_to_fetch(run, known_projects(run))))
    partitions = _new(run, step, provider.plan(step, connection, _context(run, step)))
    if run.kind != RunKind.SYNC or run.config.get("full_sync"):
        return partitions
    if step == provider.items_step:
        resuming.take_up(run, step)
    return resuming.go_on(run, step, partitions)


def _new(run: EtlJobRun, step: str, partitions: Sequence[Partition]) -> list[Partition]:
    """Without those that the run has: a step is planned once more where something that feeds it was retried."""
    rows = ExtractionCheckpoint.objects.filter(run=run, step=step).values_list("partition_key", "scope")
    keys, scopes = {key for key, _ in rows}, {scope for _, scope in rows if scope}
    return [one for one in partitions if one.key not in keys and one.scope not in scopes]


def plan_step(run: EtlJobRun, step: EtlJobRunStep) -> None:
    """Creates the step's checkpoints. Makes no call, so it may run under the run's lock."""
    create_checkpoints(run, step.step, _partitions(run, step.step))
    if step.step == run.integration.provider_code.items_step:
        _warn_of_unknown(run)
    step.planned_at = timezone.now()
    step.save(update_fields=["planned_at", "last_updated_at"])


def create_checkpoints(
    run: EtlJobRun,
    step: str,
    partitions: Sequence[Partition],
    parent_raw_id: int | None = None,
    status: str = "pending",
) -> None:
    ExtractionCheckpoint.objects.bulk_create(
        ExtractionCheckpoint(
            tenant_id=run.tenant_id,
            integration_id=run.integration_id,
            run=run,
            step=step,
            partition_key=partition.key,
            scope=partition.scope,
            cursor=dict(partition.cursor),
            parent_raw_id=parent_raw_id,
            status=status,
        )
        for partition in partitions
    )


def add_requests(run: EtlJobRun, item_ids: Sequence[str]) -> None:
    """Has items fetched that do not wait for it already, together with what does: a storm of requests is few calls.

    An item may be fetched as often as it is asked for, so each unit has a key of its own.
    """
    provider, connection = run.integration.provider_code, run.integration.connection()
    units = ExtractionCheckpoint.objects.filter(
        run=run, step=provider.items_step, status=UnitState.PENDING, pages=0, cursor__has_key="items"
    )
    waiting = {pk: cursor["items"] for pk, cursor in units.order_by("pk").values_list("pk", "cursor")}
    asked = [item for item in item_ids if not any(item in items for items in waiting.values())]
    if not asked:
        return
    last = max(waiting, default=0)
    partitions = provider.refetch(connection, [*waiting.get(last, ()), *asked])
    # Only where nobody was told of it, and it never failed: an item that cannot be read takes no others along.
    if units.filter(pk=last, published_at=None, tries=0).update(cursor=dict(partitions[0].cursor)):
        partitions = partitions[1:]
    else:
        partitions = provider.refetch(connection, asked)
    create_checkpoints(run, provider.items_step, [replace(one, key=f"{one.key}:{uuid4().hex}") for one in partitions])


def failed_in_a_row(job: EtlJob) -> int:
    """How many of the job's syncs have failed since one finished."""
    syncs = EtlJobRun.objects.filter(job=job, kind=RunKind.SYNC)
    finished = syncs.filter(status=Overall.FINISHED).order_by("-id").values_list("pk", flat=True).first()
    return syncs.filter(status=Overall.FAILED, pk__gt=finished or 0).count()
