"""The pages about fields, statuses, types, levels and workflows."""

from typing import Any

import pytest
from django.test import Client

from custommapping.models import (
    CustomField,
    Project,
    ProjectCustomField,
    Status,
    StatusMapping,
    Wit,
    WitHierarchy,
    WitMapping,
    Workflow,
)
from etl.mapping.saving import save_mapping
from etl.models import EtlJobRun, RunKind
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.etl.admin import addresses
from tests.etl.admin.meanings import form_of, page_of, said, texts
from tests.etl.admin.rows import Rows
from tests.support.making import an_integration
from tests.support.mapping import a_field


@pytest.fixture
def integration(acme: Rows) -> Integration:
    """Of Acme, with statuses "Building" and "Parked" (no category), and a type "Bug"."""
    found = an_integration(tenant=acme.tenant.name)
    owner: dict[str, Any] = {"tenant": found.tenant, "integration": found}
    Status.objects.create(**owner, external_id="1", name="Building", category="In Progress")
    Status.objects.create(**owner, external_id="2", name="Parked")
    Wit.objects.create(**owner, external_id="3", name="Bug")
    return found


@pytest.fixture
def strange(rival: Rows) -> Integration:
    found = an_integration("Theirs", tenant=rival.tenant.name)
    Status.objects.create(tenant=found.tenant, integration=found, external_id="1", name="Rival's status")
    Wit.objects.create(tenant=found.tenant, integration=found, external_id="3", name="Rival's type")
    a_field(found, 9, name="Rival's field")
    return found


def _statuses(integration: Integration) -> dict[str, tuple[str, str]]:
    rows = StatusMapping.objects.filter(integration=integration)
    return {row.status_external_id: (row.category, row.flow_step) for row in rows}


def _workflow(integration: Integration, *steps: str) -> Workflow:
    return Workflow.objects.create(tenant=integration.tenant, name="Flow", steps=list(steps))


# Fields


def test_the_button_queues_a_discovery_and_links_its_run(operator: Client, integration: Integration) -> None:
    address = page_of(CustomField, integration)
    told = said(operator, operator.post(address, {"discover": "1"}))
    run = EtlJobRun.objects.get(kind=RunKind.DISCOVERY)
    assert f'href="/admin/etl/etljobrun/{run.pk}/change/"' in told[0]
    assert f"run {run.pk}" in operator.get(addresses.list_of(CustomField)).content.decode()
    assert said(operator, operator.post(address, {"discover": "1"}))
    assert EtlJobRun.objects.count() == 1


def test_the_list_of_integrations_queues_discoveries_too(operator: Client, integration: Integration) -> None:
    inactive = an_integration("Old", tenant=integration.tenant.name)
    Integration.objects.filter(pk=inactive.pk).update(active=False)
    form = {"action": "discover_fields", "_selected_action": [integration.pk, inactive.pk]}
    told = said(operator, operator.post(addresses.list_of(Integration), form))
    assert EtlJobRun.objects.get().integration == integration
    assert any("inactive" in text for text in told)


def test_figures_are_refreshed(operator: Client, integration: Integration) -> None:
    field = a_field(integration)
    assert "1 fields" in said(operator, operator.post(page_of(CustomField, integration), {"profile": "1"}))[0]
    field.refresh_from_db()
    assert field.profiled_at


def test_fields_are_filtered_by_what_they_are_mapped_to(operator: Client, integration: Integration) -> None:
    mapped, other = a_field(integration, 1), a_field(integration, 2, "number")
    save_mapping(integration, {"team": mapped.external_id}, version=0, by="somebody")
    for query, seen, unseen in (
        ({"mapped": "yes"}, mapped, other),
        ({"mapped": "no"}, other, mapped),
        ({"field_type": "number"}, other, mapped),
        ({"q": "Field 1"}, mapped, other),
    ):
        content = operator.get(addresses.list_of(CustomField), query).content.decode()
        assert addresses.page_of(seen) in content
        assert addresses.page_of(unseen) not in content
    assert "Team" in operator.get(addresses.list_of(CustomField), {"mapped": "yes"}).content.decode()


def test_a_fields_page_tells_its_use_and_who_offers_it(viewer: Client, integration: Integration) -> None:
    field = a_field(integration, items_seen=300, items_filled=1, examples=["Falcons"])
    owner = {"tenant": integration.tenant, "integration": integration}
    Project.objects.create(**owner, external_id="1", key="PAY", name="Payments")
    for key, fields in (("PAY", [{"external_id": field.external_id}]), ("OPS", [{"external_id": "customfield_11"}])):
        ProjectCustomField.objects.create(
            **owner, project_key=key, integration_type="jira", discovered_fields=fields, discovered_at=field.created_at
        )
    content = viewer.get(addresses.page_of(field)).content.decode()
    assert "&lt;1%: 1 of 300 work items" in content
    assert "Falcons" in content
    assert "PAY Payments" in content
    assert "OPS" not in content


# Statuses and types


def test_several_statuses_are_mapped_at_once_and_only_those_that_were_touched(
    operator: Client, integration: Integration
) -> None:
    _workflow(integration, "Build", "Review")
    address = page_of(StatusMapping, integration)
    form = form_of(operator, address)
    assert form["names"] == ["1", "2"]
    chosen = {"row-1-category": "To Do", "row-0-category": "In Progress", "row-0-flow_step": "Review"}
    assert "2 statuses" in said(operator, operator.post(address, {**form, **chosen}))[0]
    assert _statuses(integration) == {"1": ("In Progress", "Review"), "2": ("To Do", "")}
    form = form_of(operator, address)
    assert form["row-0-flow_step"] == ["Review"]
    said(operator, operator.post(address, {**form, "row-1-category": ""}))
    assert _statuses(integration) == {"1": ("In Progress", "Review")}


def test_a_step_alone_is_chosen_with_the_category_that_the_source_says(
    operator: Client, integration: Integration
) -> None:
    _workflow(integration, "Build")
    address = page_of(StatusMapping, integration)
    said(operator, operator.post(address, {**form_of(operator, address), "row-0-flow_step": "Build"}))
    assert _statuses(integration) == {"1": ("In Progress", "Build")}


def test_statuses_are_listed_with_what_nobody_has_mapped(viewer: Client, integration: Integration) -> None:
    StatusMapping.objects.create(
        tenant=integration.tenant, integration=integration, status_external_id="1", category="Done"
    )
    address = page_of(StatusMapping, integration)
    assert "Building" in viewer.get(address).content.decode()
    unmapped = viewer.get(address, {"unmapped": "on"}).content.decode()
    assert "Parked" in unmapped
    assert "Building" not in unmapped
    assert "Parked" not in viewer.get(address, {"q": "build"}).content.decode()
    assert viewer.get(address, {"q": "\x00", "page": "x"}).status_code == 200


def test_of_what_nobody_has_mapped_those_without_any_category_come_first(
    viewer: Client, integration: Integration
) -> None:
    address = page_of(StatusMapping, integration)
    every, unmapped = (viewer.get(address, query).content.decode() for query in ({}, {"unmapped": "on"}))
    assert every.index("Building") < every.index("Parked")
    assert unmapped.index("Parked") < unmapped.index("Building")


def test_a_wrong_row_is_pointed_out_and_the_others_keep_what_was_chosen(
    operator: Client, integration: Integration
) -> None:
    _workflow(integration, "Build")
    address = page_of(StatusMapping, integration)
    chosen = {"row-0-category": "Done", "row-1-flow_step": "Build"}
    response = operator.post(address, {**form_of(operator, address), **chosen})
    rows = response.context["rows"]
    assert "must be given where there is a flow step" in str(rows[1].form.errors["category"])
    assert rows[0].form["category"].value() == "Done"
    assert not StatusMapping.objects.exists()


def test_a_status_that_somebody_else_mapped_meanwhile_is_told_and_can_be_saved_then(
    operator: Client, integration: Integration
) -> None:
    address = page_of(StatusMapping, integration)
    form = {**form_of(operator, address), "row-0-category": "Done"}
    for external_id in ("1", "2"):
        StatusMapping.objects.create(
            tenant=integration.tenant, integration=integration, status_external_id=external_id, category="To Do"
        )
    response = operator.post(address, form)
    assert "somebody else changed" in str(response.context["rows"][0].form.errors)
    assert not response.context["rows"][1].form.errors
    assert set(_statuses(integration).values()) == {("To Do", "")}
    seen = response.context["rows"][0].form["seen"].value()
    assert said(operator, operator.post(address, {**form, "row-0-seen": seen}))
    assert _statuses(integration) == {"1": ("Done", ""), "2": ("To Do", "")}


def test_types_get_an_own_name_and_a_level(operator: Client, integration: Integration) -> None:
    level = WitHierarchy.objects.create(tenant=integration.tenant, name="Story", level=1)
    address = page_of(WitMapping, integration)
    chosen = {"row-0-wit_to": "Defect", "row-0-hierarchy_id": str(level.pk)}
    said(operator, operator.post(address, {**form_of(operator, address), **chosen}))
    mapping = WitMapping.objects.get()
    assert (mapping.wit_from, mapping.wit_to, mapping.hierarchy) == ("Bug", "Defect", level)
    assert Wit.objects.get(name="Bug").mapping == mapping


def test_what_is_sent_for_another_tenants_rows_changes_nothing(
    operator: Client, integration: Integration, strange: Integration
) -> None:
    foreign = WitHierarchy.objects.create(tenant=strange.tenant, name="Theirs", level=7)
    address = page_of(WitMapping, integration)
    form = form_of(operator, address)
    for chosen in ({"row-0-hierarchy_id": str(foreign.pk), "row-0-wit_to": "X"}, {"names": "Rival's type"}):
        operator.post(address, {**form, **chosen})
        assert not WitMapping.objects.exists()


@pytest.mark.parametrize("model", [CustomField, StatusMapping, WitMapping])
def test_a_viewer_presses_no_button_and_a_stranger_sees_nothing(
    model: Any, viewer: Client, administrator: Client, integration: Integration, strange: Integration
) -> None:
    own, other = page_of(model, integration), page_of(model, strange)
    content = viewer.get(own, follow=True).content.decode()
    assert not [text for text in (">Save<", "Queue for", "Refresh figures") if text in content]
    assert viewer.post(own, {"discover": "1"}).status_code == 403
    for response in (administrator.get(other), administrator.post(other, {"discover": "1"}), viewer.get(other)):
        assert response.status_code == 404
    listed = administrator.get(addresses.list_of(model)).content.decode()
    assert "Rival" not in listed
    assert other not in listed
    assert not EtlJobRun.objects.exists()


# Levels and workflows


def test_a_workflows_steps_are_written_one_a_line(operator: Client, integration: Integration) -> None:
    form = {"tenant": integration.tenant.pk, "name": "Flow", "project": "", "steps": "Build\n\n Review \n"}
    assert operator.post(addresses.add(Workflow), form).status_code == 302
    workflow = Workflow.objects.get()
    assert workflow.steps == ["Build", "Review"]
    assert "Build\nReview" in operator.get(addresses.page_of(workflow)).content.decode()


def test_the_only_tenant_is_chosen_already(superuser: Client, acme: Rows) -> None:
    def chosen() -> Any:
        return superuser.get(addresses.add(Workflow)).context["adminform"].form["tenant"].value()

    Tenant.objects.exclude(pk=acme.tenant.pk).delete()
    assert chosen() == acme.tenant.pk
    Tenant.objects.create(name="Another")
    assert chosen() is None


def test_what_a_service_refuses_is_said_at_the_field(operator: Client, integration: Integration) -> None:
    _workflow(integration, "Build")
    form = {"tenant": integration.tenant.pk, "name": "Other", "project": "", "steps": "Build\nbuild"}
    response = operator.post(addresses.add(Workflow), form)
    errors = response.context["adminform"].form.errors
    assert "stands there twice" in str(errors["steps"])
    assert "workflow for all projects already" in str(errors["project"])
    assert Workflow.objects.count() == 1


def test_a_step_in_use_goes_only_when_that_is_confirmed(operator: Client, integration: Integration) -> None:
    workflow = _workflow(integration, "Build", "Review")
    StatusMapping.objects.create(
        tenant=integration.tenant,
        integration=integration,
        status_external_id="1",
        category="In Progress",
        flow_step="Review",
    )
    address = addresses.page_of(workflow)
    form = {"name": "Flow", "project": "", "steps": "Build", "seen": workflow.last_updated_at.isoformat()}
    response = operator.post(address, form)
    assert "steps are used: 'Review' by Building" in response.context["adminform"].form.errors["force"][0]
    assert 'type="checkbox" name="force"' in response.content.decode()
    assert operator.post(address, {**form, "force": "on"}).status_code == 302
    assert _statuses(integration) == {"1": ("In Progress", "")}


def test_a_workflow_that_somebody_else_changed_meanwhile_is_not_overwritten(
    operator: Client, integration: Integration
) -> None:
    workflow = _workflow(integration, "Build")
    form = {"name": "Mine", "project": "", "steps": "Build", "seen": workflow.last_updated_at.isoformat()}
    workflow.name = "Theirs"
    workflow.save()
    response = operator.post(addresses.page_of(workflow), form)
    assert "somebody else changed" in str(response.context["adminform"].form.errors)
    assert Workflow.objects.get().name == "Theirs"


def test_a_level_in_use_is_deleted_only_when_that_is_confirmed_again(
    operator: Client, integration: Integration
) -> None:
    level = WitHierarchy.objects.create(tenant=integration.tenant, name="Story", level=1)
    WitMapping.objects.create(
        tenant=integration.tenant, integration=integration, wit_from="Bug", wit_to="Defect", hierarchy=level
    )
    asked = operator.post(addresses.delete(level), {"post": "yes"})
    assert "types stand on 'Story': Bug" in texts(operator.get(asked["Location"]))[0]
    assert WitHierarchy.objects.exists()
    assert operator.post(asked["Location"], {"post": "yes"}).status_code == 302
    assert not WitHierarchy.objects.exists()
    assert WitMapping.objects.get().hierarchy is None


def test_levels_have_names_and_numbers_of_their_own(operator: Client, integration: Integration) -> None:
    WitHierarchy.objects.create(tenant=integration.tenant, name="Story", level=1)
    form = {"tenant": integration.tenant.pk, "name": "story", "level": "5"}
    errors = operator.post(addresses.add(WitHierarchy), form).context["adminform"].form.errors
    assert "is called 'Story' already" in str(errors["name"]).replace("&#x27;", "'")


def test_a_viewer_reads_workflows_and_levels(viewer: Client, integration: Integration) -> None:
    workflow = _workflow(integration, "Build", "Review")
    content = viewer.get(addresses.page_of(workflow)).content.decode()
    assert "Build → Review" in content
    assert viewer.post(addresses.delete(workflow), {"post": "yes"}).status_code == 403
