"""Which steps a status can be mapped to."""

import pytest

from custommapping.models import Project, Status
from custommapping.workflows import steps_of, workflows_of
from integrations.models import Integration
from tests.support.meanings import a_project, a_workflow, uses, with_statuses

pytestmark = pytest.mark.django_db


@pytest.fixture
def jira(db: None) -> Integration:
    """With a workflow for all, and one of each of two projects, of which one uses the statuses 3 and 4."""
    integration = with_statuses().integration
    pay, web = a_project(integration), a_project(integration, "WEB")
    a_workflow(integration, "Deploy", project=web, name="A")
    a_workflow(integration, "Audit", project=pay, name="B")
    a_workflow(integration, "Plan", "Build", name="C")
    uses(pay, "3", "4")
    return integration


def steps(integration: Integration, status: str) -> list[str]:
    row = Status.objects.get(integration=integration, external_id=status)
    return list(steps_of([row], workflows_of(integration.tenant_id))[integration.pk, status])


def test_steps_are_those_for_all_and_then_those_of_the_projects_that_use_the_status(jira: Integration) -> None:
    assert steps(jira, "3") == ["Plan", "Build", "Audit"]


def test_a_step_that_several_workflows_have_is_named_once(jira: Integration) -> None:
    pay = Project.objects.get(key="PAY")
    a_workflow(jira, "Audit", "Build", "Ship", project=pay, name="D")

    assert steps(jira, "3") == ["Plan", "Build", "Audit", "Ship"]


def test_a_status_that_no_project_is_known_to_use_may_be_of_any_of_its_integration(jira: Integration) -> None:
    assert steps(jira, "5") == ["Plan", "Build", "Deploy", "Audit"]
    assert steps(with_statuses(name="Other").integration, "5") == ["Plan", "Build"]


def test_a_projects_own_status_is_used_by_it(jira: Integration) -> None:
    web = a_project(jira, "NEW")
    Status.objects.filter(integration=jira, external_id="5").update(project=web)

    assert steps(jira, "5") == ["Plan", "Build"]


def test_inactive_workflows_do_not_count(jira: Integration) -> None:
    for workflow in workflows_of(jira.tenant_id):
        workflow.active = False
        workflow.save()

    assert steps(jira, "3") == []
