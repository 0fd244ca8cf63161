"""The form that says which custom field fills which column."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from custommapping.models import CustomField, CustomFieldMapping
from etl.mapping.saving import save_mapping
from etl.models import EtlJobRun, RunKind
from integrations.models import Integration
from tests.etl.admin.meanings import form_of, page_of, said, texts
from tests.etl.admin.rows import Rows
from tests.integrations.providers.jira.samples import issue
from tests.support.driving import worked_off
from tests.support.making import a_run, an_integration
from tests.support.mapping import a_field, column, transformed

SQUAD, POINTS, WHEN = "customfield_1", "customfield_2", "customfield_3"


@pytest.fixture
def integration(acme: Rows) -> Integration:
    """Of Acme, with a field of text, one of numbers and one of dates."""
    found = an_integration(tenant=acme.tenant.name)
    for number, kind in ((1, "string"), (2, "number"), (3, "date")):
        a_field(found, number, kind)
    return found


@pytest.fixture
def strange(rival: Rows) -> Integration:
    found = an_integration("Theirs", tenant=rival.tenant.name)
    a_field(found, 9, name="Rival's secret field")
    return found


def _of(integration: Integration) -> str:
    return page_of(CustomFieldMapping, integration)


def _preview(client: Client, integration: Integration, **columns: str) -> Any:
    return client.post(_of(integration), {**form_of(client, _of(integration)), **columns, "preview": "1"})


def _save(client: Client, integration: Integration, previewed: Any, **more: str) -> Any:
    """Presses the button beside the preview."""
    return client.post(_of(integration), {**_typed(previewed), "save": "1", **more})


def _typed(response: Any) -> dict[str, str]:
    """What stands in the form of the page."""
    return {name: "" if value is None else str(value) for name, value in response.context["page"].form.data.items()}


def _saved(integration: Integration) -> dict[str, str | None]:
    row = CustomFieldMapping.objects.get(integration=integration)
    names = ("team_field", "story_points_field", "custom_field_01")
    return {name: getattr(getattr(row, name), "external_id", None) for name in names}


def test_a_mapping_is_previewed_saved_and_applied(operator: Client, integration: Integration) -> None:
    filled: list[dict[str, Any]] = [{SQUAD: "Falcons", POINTS: 5.0}, {SQUAD: "Owls"}]
    transformed(a_run(integration, RunKind.IMPORT), *(issue(key, **more) for key, more in enumerate(filled, 1)))
    previewed = _preview(operator, integration, team=SQUAD, story_points=POINTS)
    content = previewed.content.decode()
    assert "<strong>2</strong> work items would change" in content
    assert "<ins>Falcons</ins>" in content
    assert "<strong>1</strong> Story points" in content
    assert not CustomFieldMapping.objects.exists()
    told = said(operator, _save(operator, integration, previewed))
    run = EtlJobRun.objects.get(kind=RunKind.REPROCESS)
    assert f"run {run.pk}" in told[0]
    assert _saved(integration) == {"team_field": SQUAD, "story_points_field": POINTS, "custom_field_01": None}
    worked_off(run)
    assert sorted(map(str, column(integration, "team").values())) == ["Falcons", "Owls"]


def test_only_what_was_previewed_is_saved(operator: Client, integration: Integration) -> None:
    previewed = _preview(operator, integration, team=SQUAD)
    response = _save(operator, integration, previewed, custom_field_01=WHEN)
    assert "changed after its preview" in texts(response)[0]
    assert not CustomFieldMapping.objects.exists()
    assert said(operator, _save(operator, integration, response))
    assert _saved(integration)["custom_field_01"] == WHEN


@pytest.mark.parametrize(
    ("columns", "field", "message"),
    [
        ({"story_points": SQUAD}, "story_points", "takes only numbers"),
        ({"team": SQUAD, "custom_field_07": SQUAD}, "custom_field_07", "it can fill one column"),
        ({"team": "customfield_9"}, "team", "has no custom field"),
        ({"team": "x\x00"}, "team", "Null characters"),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_nothing_else_is_lost(
    columns: dict[str, str], field: str, message: str, operator: Client, integration: Integration, strange: Integration
) -> None:
    response = _preview(operator, integration, **{"custom_field_20": WHEN, **columns})
    page = response.context["page"]
    assert message in str(page.form.errors[field])
    assert page.preview is None
    assert f'value="{WHEN}" selected' in response.content.decode()
    assert not CustomFieldMapping.objects.exists()


def test_the_second_of_two_is_told_and_keeps_what_was_chosen(operator: Client, integration: Integration) -> None:
    previewed = _preview(operator, integration, team=SQUAD)
    save_mapping(integration, {"custom_field_01": WHEN}, version=0, by="somebody")
    response = _save(operator, integration, previewed)
    assert "Somebody else saved" in texts(response)[0]
    shown = {found.column: (found.theirs, found.yours) for found in response.context["page"].differences}
    assert set(shown) == {"Team", "Custom field 01"}
    assert shown["Team"][1].startswith("Field 1 - customfield_1 - string")
    assert shown["Custom field 01"][0].startswith("Field 3")
    assert _saved(integration)["team_field"] is None
    again = operator.post(_of(integration), {**_typed(response), "preview": "1"})
    assert said(operator, _save(operator, integration, again))
    assert _saved(integration) == {"team_field": SQUAD, "story_points_field": None, "custom_field_01": None}


def test_a_suggestion_is_taken_with_one_click_and_not_saved_yet(operator: Client, integration: Integration) -> None:
    CustomField.objects.filter(external_id=POINTS).update(name="Story Points")
    content = operator.get(_of(integration)).content.decode()
    assert "Story Points - customfield_2 - number" in content
    assert "is a usual one" in content
    assert "not saved yet" not in content
    sent = {**form_of(operator, _of(integration)), "custom_field_01": WHEN}
    for wanted in ("story_points", "all"):
        response = operator.post(_of(integration), {**sent, "use": wanted})
        assert "not saved yet" in response.content.decode()
        form = response.context["page"].form
        assert (form["story_points"].value(), form["custom_field_01"].value()) == (POINTS, WHEN)
    assert not CustomFieldMapping.objects.exists()


def test_selects_find_the_integrations_own_fields_those_that_fit_and_the_most_used_first(
    operator: Client, integration: Integration, strange: Integration
) -> None:
    CustomField.objects.filter(external_id=WHEN).update(items_seen=10, items_filled=7)
    CustomField.objects.filter(external_id=POINTS).update(active=False)
    address = page_of(CustomFieldMapping, integration, "fields")
    found = operator.get(address, {"term": "", "column": "team"}).json()["results"]
    assert [choice["id"] for choice in found] == [SQUAD, WHEN]
    assert found[1]["text"].startswith("Field 3 - customfield_3 - date - 70% filled")
    assert found[1]["disabled"] is True
    assert "disabled" not in found[0]
    for term, ids in (("field 1", [SQUAD]), ("customfield_3", [WHEN]), ("Rival", []), ("\x00", [WHEN, SQUAD])):
        assert [choice["id"] for choice in operator.get(address, {"term": term}).json()["results"]] == ids


def test_a_mapping_is_exported_and_imported(operator: Client, integration: Integration) -> None:
    save_mapping(integration, {"team": SQUAD}, version=0, by="somebody")
    exported = operator.get(page_of(CustomFieldMapping, integration, "export"))
    assert "attachment" in exported["Content-Disposition"]
    CustomFieldMapping.objects.all().delete()
    file = SimpleUploadedFile("mapping.json", exported.content)
    form = {**form_of(operator, _of(integration)), "import": "1", "document": file}
    response = operator.post(_of(integration), form)
    assert response.context["page"].form["team"].value() == SQUAD
    assert response.context["page"].preview is not None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "choose a file"),
        (b"{", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[]", "format"),
        (b"1" * 1_000_001, "larger than"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(
    content: bytes, message: str, operator: Client, integration: Integration
) -> None:
    form = {**form_of(operator, _of(integration)), "import": "1", "team": SQUAD}
    files = {"document": SimpleUploadedFile("mapping.json", content)} if content else {}
    page = operator.post(_of(integration), {**form, **files}).context["page"]
    assert message in str(page.form.non_field_errors())
    assert page.form["team"].value() == SQUAD


def test_an_import_says_at_the_column_which_field_is_not_here(operator: Client, integration: Integration) -> None:
    document = {
        "format": "pulse custom fields mapping",
        "version": 1,
        "columns": {"team": {"external_id": "customfield_77", "name": "Nowhere", "type": "string", "schema": {}}},
    }
    file = SimpleUploadedFile("mapping.json", json.dumps(document).encode())
    form = {**form_of(operator, _of(integration)), "import": "1", "document": file}
    page = operator.post(_of(integration), form).context["page"]
    assert "Nowhere" in str(page.form.errors["team"])


def test_a_mapped_field_that_is_gone_or_of_another_type_is_pointed_out(
    operator: Client, integration: Integration
) -> None:
    save_mapping(integration, {"team": SQUAD, "story_points": POINTS}, version=0, by="somebody")
    CustomField.objects.filter(external_id=SQUAD).update(active=False)
    CustomField.objects.filter(external_id=POINTS).update(field_type="string")
    content = operator.get(_of(integration)).content.decode()
    assert "does not list this field any more" in content
    assert "takes only numbers" in content


def test_a_viewer_sees_the_mapping_and_no_buttons(viewer: Client, integration: Integration) -> None:
    save_mapping(integration, {"team": SQUAD}, version=0, by="somebody")
    response = viewer.get(_of(integration))
    content = response.content.decode()
    assert "Field 1 - customfield_1" in content
    assert not [name for name in ("preview", "save", "use", "import") if f'name="{name}"' in content]
    selects = re.findall(r'<select name="(?:team|custom_field_20)"[^>]*>', content)
    assert ["disabled" in select.split() for select in selects] == [True, True]
    row = CustomFieldMapping.objects.get()
    assert viewer.post(_of(integration), {"version": "1", "preview": "1"}).status_code == 403
    assert viewer.get(page_of(CustomFieldMapping, integration, "export")).status_code == 200
    assert viewer.get(page_of(CustomFieldMapping, integration, "fields")).status_code == 200
    row.refresh_from_db()
    assert row.version == 1


def test_another_tenants_mapping_is_not_there(administrator: Client, viewer: Client, strange: Integration) -> None:
    for client in (administrator, viewer):
        for page in ("of", "fields", "export"):
            response = client.get(page_of(CustomFieldMapping, strange, page))
            assert response.status_code == 404
            assert "secret" not in response.content.decode()
    posted = {"version": "0", "team": "customfield_9", "preview": "1"}
    assert administrator.post(_of(strange), posted).status_code == 404


def test_who_is_not_logged_in_or_has_no_tenant_sees_nothing(
    client: Client, stray: Client, integration: Integration
) -> None:
    for page in ("of", "fields", "export"):
        address = page_of(CustomFieldMapping, integration, page)
        assert client.get(address)["Location"].startswith("/admin/login/")
        assert stray.get(address).status_code == 403


def test_where_no_field_is_known_the_page_says_where_they_are_discovered(
    operator: Client, integration: Integration
) -> None:
    assert "discovers them" not in operator.get(_of(integration)).content.decode()
    CustomField.objects.filter(integration=integration).delete()
    content = operator.get(_of(integration)).content.decode()
    assert (
        f'href="/admin/custommapping/customfield/?integration__id__exact={integration.pk}">Custom fields</a>' in content
    )


def test_integrations_without_a_mapping_stand_above_the_list(
    operator: Client, integration: Integration, strange: Integration
) -> None:
    content = operator.get("/admin/custommapping/customfieldmapping/").content.decode()
    assert _of(integration) in content
    assert _of(strange) not in content
