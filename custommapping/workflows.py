"""Workflows: ordered steps that statuses are mapped to, and which of them each status can be mapped to."""

from collections.abc import Iterable, Mapping, Sequence

from custommapping.models import ProjectStatus, Status, StatusMapping, Workflow
from custommapping.names import name_problem

LONGEST_STEP = 100
MOST_STEPS = 100

Steps = Mapping[tuple[int, str], Sequence[str]]
"""The steps that a status can be mapped to, in their order, by its integration and source id."""


def steps_problem(steps: object) -> str | None:
    """Why these are no steps of a workflow: there must be some, distinct in any case. None where they are."""
    if not isinstance(steps, list | tuple) or not 1 <= len(steps) <= MOST_STEPS:
        return f"must be a list of 1 to {MOST_STEPS} steps"
    known: set[str] = set()
    for step in steps:
        if problem := name_problem(step, LONGEST_STEP):
            return problem
        if step.casefold() in known:
            return f"{step!r} stands there twice"
        known.add(step.casefold())
    return None


def workflows_of(tenant_id: int) -> list[Workflow]:
    """The tenant's workflows that count, that for all first."""
    rows = Workflow.objects.filter(tenant_id=tenant_id, active=True).select_related("project")
    return sorted(rows, key=lambda row: (row.project_id is not None, row.name))


def steps_of(statuses: Iterable[Status], workflows: Sequence[Workflow]) -> Steps:
    """The steps that those statuses can be mapped to.

    They are those of the workflow for all, and of the workflows of the projects that use a status. Where nothing says
    which do, as of statuses that were deleted, it may be any project of the integration.
    """
    rows = list(statuses)
    used: dict[int, set[int]] = {row.pk: {row.project_id} - {None} for row in rows}  # type: ignore[misc]
    for status_id, project_id in ProjectStatus.objects.filter(status__in=used).values_list("status_id", "project_id"):
        used[status_id].add(project_id)
    return {
        (row.integration_id, row.external_id): _distinct(
            step for workflow in workflows if _applies(workflow, row, used[row.pk]) for step in workflow.steps
        )
        for row in rows
    }


def _distinct(steps: Iterable[str]) -> list[str]:
    """Each once, where it stands first: workflows may have steps in common."""
    return list(dict.fromkeys(steps))


def _applies(workflow: Workflow, status: Status, projects: set[int]) -> bool:
    if workflow.project is None:
        return True
    if projects:
        return workflow.project.pk in projects
    return workflow.project.integration_id == status.integration_id


def vanishing(tenant_id: int, before: Sequence[Workflow], after: Sequence[Workflow]) -> dict[StatusMapping, str]:
    """The mappings whose flow step stands in those workflows before, and in no more after; with the status's name."""
    mappings = list(StatusMapping.objects.filter(tenant_id=tenant_id, active=True).exclude(flow_step=""))
    named = {row.status_external_id for row in mappings}
    statuses = list(Status.objects.filter(tenant_id=tenant_id, external_id__in=named))
    names = {(row.integration_id, row.external_id): row.name for row in statuses}
    stood, stands = steps_of(statuses, before), steps_of(statuses, after)
    found = {}
    for mapping in mappings:
        key = mapping.integration_id, mapping.status_external_id
        if mapping.flow_step in stood.get(key, ()) and mapping.flow_step not in stands[key]:
            found[mapping] = names[key]
    return found
