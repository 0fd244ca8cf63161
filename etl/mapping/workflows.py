"""Saving and deleting workflows, of which no step that a status is mapped to vanishes unnoticed."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from custommapping.errors import Refused
from custommapping.models import Project, StatusMapping, Workflow
from custommapping.names import name_problem
from custommapping.workflows import steps_problem, vanishing, workflows_of
from etl.mapping.changing import as_seen, lock_tenant
from pulse.tenancy import audit
from pulse.tenancy.models import Tenant

logger = logging.getLogger(__name__)

LONGEST_NAME = 255
_SAID = ("name", "project", "steps")


def save_workflow(
    tenant: Tenant,
    name: str,
    project: Project | None,
    steps: Sequence[str],
    *,
    by: str,
    known: Workflow | None = None,
    seen: datetime | None = None,
    force: bool = False,
) -> Workflow:
    """Makes a workflow, or makes the ``known`` one this; without a ``project`` it is for all of the tenant's.

    ``seen`` is when that one was last updated as who saves saw it. Raises Outdated, and Refused: also where statuses
    are mapped to steps that it has no more, unless by ``force``: they are mapped to no step then.
    """
    with transaction.atomic():
        lock_tenant(tenant.pk)
        row = as_seen(tenant.pk, known, seen) if known else Workflow(tenant=tenant)
        if errors := _refusals(tenant, name, project, steps, row.pk):
            raise Refused(errors)
        if row.pk and (row.name, row.project, row.steps, row.active) == (name, project, list(steps), True):
            return row
        before = workflows_of(tenant.pk)
        said = audit.values(row, _SAID) if row.pk else {}
        row.name, row.project, row.steps, row.active = name, project, list(steps), True
        row.save()
        audit.note("workflow.saved", row, audit.differences(said, audit.values(row, _SAID)))
        _unmap(vanishing(tenant.pk, before, workflows_of(tenant.pk)), force)
    logger.info("workflow %s of tenant %s saved by %s", row.pk, tenant.pk, by)
    return row


def _refusals(
    tenant: Tenant, name: str, project: Project | None, steps: Sequence[str], pk: int | None
) -> dict[str, str]:
    others = list(Workflow.objects.filter(tenant=tenant).exclude(pk=pk or 0))
    errors = {}
    if problem := name_problem(name, LONGEST_NAME):
        errors["name"] = problem
    elif any(row.name.casefold() == name.casefold() for row in others):
        errors["name"] = f"there is a workflow {name!r} already"
    if project is not None and project.tenant_id != tenant.pk:
        errors["project_id"] = f"there is no {project.pk}"
    elif project is None and (other := next((row for row in others if row.project_id is None), None)):
        errors["project_id"] = f"{other.name!r} is the workflow for all projects already; name a project"
    if problem := steps_problem(steps):
        errors["steps"] = problem
    return errors


def delete_workflow(known: Workflow, *, by: str, seen: datetime | None = None, force: bool = False) -> None:
    """Deletes a workflow. Raises Refused where statuses are mapped to its steps, unless by ``force``."""
    with transaction.atomic():
        lock_tenant(known.tenant_id)
        row = as_seen(known.tenant_id, known, seen)
        before = workflows_of(known.tenant_id)
        audit.note("workflow.deleted", row, audit.differences(audit.values(row, _SAID), {}))
        row.delete()
        _unmap(vanishing(known.tenant_id, before, workflows_of(known.tenant_id)), force)
    logger.info("workflow %s of tenant %s deleted by %s", known.pk, known.tenant_id, by)


def _unmap(mappings: Mapping[StatusMapping, str], force: bool) -> None:
    """Takes those mappings' steps away. Raises Refused, naming steps and statuses, unless by force."""
    if mappings and not force:
        used: dict[str, list[str]] = {}
        for mapping, status in mappings.items():
            used.setdefault(mapping.flow_step, []).append(status)
        told = "; ".join(f"{step!r} by {', '.join(sorted(set(names)))}" for step, names in sorted(used.items()))
        raise Refused({"force": f"steps are used: {told}. Map these statuses to other steps first, or force it"})
    rows = StatusMapping.objects.filter(pk__in=[mapping.pk for mapping in mappings])
    rows.update(flow_step="", last_updated_at=timezone.now())
