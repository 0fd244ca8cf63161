"""Saving workflows, of which no used step vanishes unnoticed."""

from typing import Any

import pytest
from django.utils import timezone

from custommapping.errors import Outdated, Refused
from custommapping.models import Workflow
from etl.mapping.statuses import StatusMeaning, save_status_mappings
from etl.mapping.workflows import delete_workflow, save_workflow
from integrations.models import Integration
from tests.support.meanings import a_project, a_workflow, mapped_statuses, uses, with_statuses
from tests.support.records import DOING, DONE

pytestmark = pytest.mark.django_db


@pytest.fixture
def jira(db: None) -> Integration:
    return with_statuses().integration


def save(jira: Integration, name: Any, steps: Any, **more: Any) -> Workflow:
    return save_workflow(jira.tenant, name, more.pop("project", None), steps, by="ann", **more)


def map_status(jira: Integration, status: str, step: str) -> None:
    save_status_mappings(jira, [StatusMeaning(status, DOING, step)], by="ann")


def test_workflows_are_made_and_changed(jira: Integration) -> None:
    pay = a_project(jira)
    flow = save(jira, "Ours", ["Plan", "Build"])
    save(jira, "Payments", ["Plan", "Audit"], project=pay)

    save(jira, "All", ["Plan", "Build", "Ship"], known=flow, seen=flow.last_updated_at)

    rows = Workflow.objects.order_by("name").values_list("name", "project", "steps")
    assert list(rows) == [("All", None, ["Plan", "Build", "Ship"]), ("Payments", pay.pk, ["Plan", "Audit"])]


def test_what_stands_already_is_not_written(jira: Integration) -> None:
    flow = save(jira, "Ours", ["Plan"])

    assert save(jira, "Ours", ["Plan"], known=flow).last_updated_at == flow.last_updated_at


def test_all_that_is_wrong_is_told_at_once(jira: Integration) -> None:
    save(jira, "Ours", ["Plan"])

    with pytest.raises(Refused) as raised:
        save(jira, "OURS", ["Plan", "plan"])

    assert raised.value.errors == {
        "name": "there is a workflow 'OURS' already",
        "project_id": "'Ours' is the workflow for all projects already; name a project",
        "steps": "'plan' stands there twice",
    }


@pytest.mark.parametrize(
    "steps", [[], None, "Plan", [""], [" Plan"], ["a\nb"], [3], ["x" * 101], ["\x00"], ["x"] * 101]
)
def test_what_are_no_steps_is_refused(jira: Integration, steps: Any) -> None:
    with pytest.raises(Refused, match="steps: "):
        save(jira, "Ours", steps)

    assert not Workflow.objects.exists()


def test_a_project_of_another_tenant_is_refused(jira: Integration) -> None:
    foreign = a_project(with_statuses("Globex").integration)

    with pytest.raises(Refused, match=f"project_id: there is no {foreign.pk}"):
        save(jira, "Ours", ["Plan"], project=foreign)


def test_each_tenant_has_workflows_of_its_own(jira: Integration) -> None:
    save(jira, "Ours", ["Plan"])

    save(with_statuses("Globex").integration, "Ours", ["Plan"])

    assert Workflow.objects.count() == 2


def test_a_used_step_vanishes_only_by_force_and_then_statuses_have_none(jira: Integration) -> None:
    flow = save(jira, "Ours", ["Plan", "Build", "Check"])
    map_status(jira, "3", "Build")
    map_status(jira, "4", "Check")
    map_status(jira, "2", "Build")

    with pytest.raises(Refused) as raised:
        save(jira, "Ours", ["Plan", "Check"], known=flow)
    assert "'Build' by Building, Selected" in raised.value.errors["force"]
    flow.refresh_from_db()
    assert flow.steps == ["Plan", "Build", "Check"]
    save(jira, "Ours", ["Plan", "Check"], known=flow, force=True)

    assert mapped_statuses(jira) == {"2": (DOING, ""), "3": (DOING, ""), "4": (DOING, "Check")}


def test_steps_that_another_workflow_has_for_the_status_do_not_vanish(jira: Integration) -> None:
    pay, web = a_project(jira), a_project(jira, "WEB")
    uses(pay, "3")
    uses(web, "4")
    flow = save(jira, "Ours", ["Build"])
    save(jira, "Payments", ["Build"], project=pay)
    map_status(jira, "3", "Build")
    map_status(jira, "4", "Build")

    with pytest.raises(Refused, match="'Build' by Reviewing"):
        delete_workflow(flow, by="ann")
    save_status_mappings(jira, [StatusMeaning("4", DONE)], by="ann")
    delete_workflow(flow, by="ann")

    assert mapped_statuses(jira)["3"] == (DOING, "Build")


def test_a_workflow_that_becomes_that_of_one_project_takes_its_steps_from_the_others(jira: Integration) -> None:
    uses(a_project(jira, "WEB"), "4")
    flow = save(jira, "Ours", ["Build"])
    map_status(jira, "4", "Build")

    with pytest.raises(Refused, match="force"):
        save(jira, "Ours", ["Build"], project=a_project(jira), known=flow)


def test_a_step_of_another_tenants_status_is_no_hindrance(jira: Integration) -> None:
    other = with_statuses("Globex").integration
    a_workflow(other, "Build")
    map_status(other, "3", "Build")
    flow = save(jira, "Ours", ["Build"])

    delete_workflow(flow, by="ann")

    assert mapped_statuses(other) == {"3": (DOING, "Build")}


def test_a_used_workflow_is_deleted_by_force(jira: Integration) -> None:
    flow = save(jira, "Ours", ["Build"])
    map_status(jira, "3", "Build")

    delete_workflow(flow, by="ann", force=True)

    assert (Workflow.objects.count(), mapped_statuses(jira)) == (0, {"3": (DOING, "")})


def test_who_saw_an_older_one_or_one_that_is_gone_is_told(jira: Integration) -> None:
    flow = save(jira, "Ours", ["Build"])

    for change in (lambda: save(jira, "Ours", ["Ship"], known=flow, seen=timezone.now()),
                   lambda: delete_workflow(flow, by="ann", seen=timezone.now())):  # fmt: skip
        with pytest.raises(Outdated, match="last_updated_at: somebody else changed Ours meanwhile"):
            change()
    Workflow.objects.all().delete()
    with pytest.raises(Outdated, match="id: somebody else deleted Ours meanwhile"):
        save(jira, "Ours", ["Ship"], known=flow)
