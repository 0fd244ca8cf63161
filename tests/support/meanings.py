"""Statuses, types and workflows of an integration without a site, and what is loaded of them."""

from typing import Any

from custommapping.models import Project, ProjectStatus, Status, StatusMapping, Wit, WitMapping, Workflow
from integrations.models import Integration
from integrations.records import Batch
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, TASK, moved


def with_statuses(tenant: str = "Acme", name: str = "Jira") -> Loading:
    """An integration with the five statuses of `STATUSES` and the type Task."""
    loading = Loading.of(offline_integration(tenant, name))
    loading.load(Batch(statuses=list(STATUSES.values()), wits=[TASK]))
    return loading


def with_items(loading: Loading, *paths: str) -> Loading:
    """With a work item for each path, of which each digit is a status: "135" went from 1 over 3 to 5."""
    loading.load(Batch(work_items=[moved(str(number), *path) for number, path in enumerate(paths, 1)]))
    return loading


def a_project(integration: Integration, key: str = "PAY") -> Project:
    return Project.objects.create(
        tenant=integration.tenant, integration=integration, external_id=key, key=key, name=f"Project {key}"
    )


def uses(project: Project, *statuses: str) -> None:
    """The project uses those statuses, named by their source ids."""
    for status in Status.objects.filter(integration=project.integration, external_id__in=statuses):
        ProjectStatus.objects.create(
            tenant=project.tenant, integration=project.integration, project=project, status=status
        )


def a_workflow(integration: Integration, *steps: str, project: Project | None = None, **fields: Any) -> Workflow:
    known = {"name": f"Flow of {project}", "project": project, "steps": list(steps), **fields}
    return Workflow.objects.create(tenant=integration.tenant, **known)


def mapped_statuses(integration: Integration) -> dict[str, tuple[str, str]]:
    """The category and the flow step of each mapped status, by its source id."""
    rows = StatusMapping.objects.filter(integration=integration, active=True)
    return {row.status_external_id: (row.category, row.flow_step) for row in rows}


def mapped_wits(integration: Integration) -> dict[str, tuple[str, int | None]]:
    """The own name and the level of each mapped type, by its name."""
    rows = WitMapping.objects.filter(integration=integration, active=True)
    return {row.wit_from: (row.wit_to, row.hierarchy_id) for row in rows}


def own_names(integration: Integration) -> dict[str, str | None]:
    """What the tenant calls each type, by its source id."""
    rows = Wit.objects.filter(integration=integration).select_related("mapping")
    return {row.external_id: row.mapping.wit_to if row.mapping else None for row in rows}
