"""What a discovery comes to, once all its answers are loaded: what is there, what vanished, what projects offer."""

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass

from custommapping.fitting import misfit
from custommapping.mapping import columns_of, find_mapping
from custommapping.models import CustomField
from etl.jobs import planning
from etl.load.fields_told import Told, keep_offers, keep_operations, mark_fields, mark_projects, runs_that_asked
from etl.models import EtlJobEvent, EtlJobRun, EtlJobRunStep, RunKind, StageState
from etl.queue.topology import Stage
from etl.sql import execute
from etl.transform import categories

_NAMED_AT_MOST = 20
_DISCOVERIES = (RunKind.DISCOVERY, RunKind.SYNC)


@dataclass(frozen=True)
class Discovery:
    """What a step asked for and told. ``there`` are the ids of the fields that are there.

    ``came`` whether all came and could be read, ``whole`` whether all was asked for besides: what it lacks is not
    there any more. A list of no fields at all is not believed.
    """

    told: Told
    there: Set[str]
    came: bool
    whole: bool

    @classmethod
    def of(cls, asked: EtlJobRunStep, holder: EtlJobRunStep) -> "Discovery":
        """``holder`` is the step that transformed its answers last."""
        run = asked.run
        told = Told(run.tenant_id, run.integration_id, run.pk, asked.step, holder.run_id)
        there, listed, nameless = told.names()
        came = {asked.extraction, holder.transform} == {StageState.FINISHED} and listed and not nameless
        whole = came and run.kind in _DISCOVERIES and not run.config.get("projects")
        return cls(told, there, came, whole)


def settle(step: EtlJobRunStep) -> None:
    """Applies what a step that discovers fields was told, when its transform is over. Any number of times."""
    if step.step != step.run.integration.provider_code.fields_step or not runs_that_asked(step.run_id, step.step):
        return
    # Of two discoveries that end at once the older one then sees that it is.
    execute("SELECT pg_advisory_xact_lock(hashtext('pulse custom fields'), %s)", [step.run.integration_id])
    # Who saves a mapping at this moment sees what vanished; what was saved before is warned of.
    categories.lock(step.run.integration_id, exclusive=False)
    discoveries = [found for found in _discoveries(step) if not found.told.is_outdated()]
    if discoveries:
        _apply(discoveries, step)
        _warn_of_mapped(step)


def _discoveries(step: EtlJobRunStep) -> list[Discovery]:
    """The step's own; where stored answers are made anew, the newest whole one that is stored and those after it."""
    if step.run.kind != RunKind.REPROCESS:
        return [Discovery.of(step, step)]
    runs = runs_that_asked(step.run_id, step.step)
    asked = EtlJobRunStep.objects.filter(step=step.step, run__in=runs).select_related("run").order_by("-planned_at")
    found: list[Discovery] = []
    for one in asked:
        found.insert(0, Discovery.of(one, step))
        if found[0].whole:
            break
    return found


def _apply(discoveries: Sequence[Discovery], step: EtlJobRunStep) -> None:
    """All at once: what is put right by a later one is not written."""
    there = {name for discovery in discoveries for name in discovery.there}
    whole = any(discovery.whole for discovery in discoveries)
    vanished, back = mark_fields(discoveries[0].told, there, whole=whole)
    keep_operations([discovery.told for discovery in discoveries])
    _keep_offers(discoveries, step.run)
    _tell(step, "not listed any more", vanished)
    _tell(step, "listed again", back)


def _keep_offers(discoveries: Sequence[Discovery], run: EtlJobRun) -> None:
    told, provider = discoveries[0].told, run.integration.provider
    projects, parts = planning.known_projects(run), defaultdict[str, list[tuple[Sequence[int], bool]]](list)
    for discovery in discoveries:
        for project_id, answers in discovery.told.projects().items():
            parts[project_id].append((answers, discovery.came))
    for project in projects:
        if project.external_id in parts:
            keep_offers(told, provider, project.external_id, project.key, parts[project.external_id])
    # Which projects an earlier run knew is not stored.
    if discoveries[0].whole and run.pk == told.run_id:
        mark_projects(told, provider, [project.key for project in projects])


def _warn_of_mapped(step: EtlJobRunStep) -> None:
    """Of columns whose field is not there any more, or cannot fill them any more."""
    for column, field in columns_of(find_mapping(step.tenant_id, step.run.integration_id)).items():
        if reason := _trouble(column, field):
            _event(step, f"column {column} {reason}", level="warning")


def _trouble(column: str, field: CustomField) -> str | None:
    if not field.active:
        return f"is filled by field {field.external_id} ({field.name}), which the site does not list any more"
    return misfit(column, field)


def _tell(step: EtlJobRunStep, what: str, fields: Sequence[str]) -> None:
    if fields:
        others = f" and {len(fields) - _NAMED_AT_MOST} others" if len(fields) > _NAMED_AT_MOST else ""
        named = ", ".join(fields[:_NAMED_AT_MOST])
        _event(step, f"{len(fields)} custom fields are {what}: {named}{others}")


def _event(step: EtlJobRunStep, message: str, level: str = "info") -> None:
    EtlJobEvent.objects.create(
        tenant_id=step.tenant_id, run=step.run, level=level, stage=Stage.TRANSFORM, step=step.step, message=message
    )
