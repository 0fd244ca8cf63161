"""Mappings that go from one site to another, where the same fields have other ids."""

import json
from typing import Any

import pytest

from custommapping.errors import Refused
from custommapping.exchange import FORMAT, exported, imported
from custommapping.models import CustomField, CustomFieldMapping
from integrations.models import Integration
from tests.support.loading import offline_integration
from tests.support.mapping import a_field

pytestmark = pytest.mark.django_db

SELECT = {"type": "option", "custom": "x:select"}


@pytest.fixture
def here() -> Integration:
    return offline_integration()


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"external_id": "customfield_1", "name": name, "type": "string", "schema": {"type": "string"}, **more}


def document(**columns: Any) -> dict[str, Any]:
    return {"format": FORMAT, "version": 1, "columns": columns}


def refused(integration: Integration, given: Any) -> dict[str, str]:
    with pytest.raises(Refused) as error:
        imported(integration, given)
    return error.value.errors


def test_an_export_names_the_fields_of_the_mapping(here: Integration) -> None:
    team = a_field(here, 1, "option", name="Team", schema=SELECT)
    CustomFieldMapping.objects.create(tenant=here.tenant, integration=here, team_field=team)

    assert exported(here) == document(
        team={"external_id": "customfield_1", "name": "Team", "type": "option", "schema": SELECT}
    )
    assert exported(offline_integration(name="Other")) == document()


def test_what_is_exported_is_imported_as_it_was(here: Integration) -> None:
    fields = {"team_field": a_field(here, 1), "story_points_field": a_field(here, 2, "number")}
    CustomFieldMapping.objects.create(tenant=here.tenant, integration=here, **fields)

    assert imported(here, json.loads(json.dumps(exported(here)))) == {
        "team": "customfield_1",
        "story_points": "customfield_2",
    }


def test_a_field_is_the_one_of_its_id_and_name_before_any_other_of_that_name(here: Integration) -> None:
    a_field(here, 1, name="Team"), a_field(here, 2, "option", name="Team", schema=SELECT)

    given = named("Team", external_id="customfield_1", schema=SELECT)

    assert imported(here, document(team=given)) == {"team": "customfield_1"}


def test_an_id_alone_means_nothing_on_another_site(here: Integration) -> None:
    a_field(here, 1, name="Severity"), a_field(here, 2, name="Team")

    assert imported(here, document(team=named("Team"))) == {"team": "customfield_2"}


def test_of_fields_of_one_name_in_any_case_the_one_of_the_same_kind_is_taken(here: Integration) -> None:
    a_field(here, 7, name="TEAM")
    a_field(here, 8, "option", name=" team", schema=SELECT | {"customId": 8})

    given = named("Team", type="option", schema=SELECT | {"customId": 1})

    assert imported(here, document(team=given)) == {"team": "customfield_8"}


def test_a_field_of_another_kind_is_taken_where_the_name_is_its_alone(here: Integration) -> None:
    a_field(here, 7, name="Team")

    assert imported(here, document(team=named("Team", schema=SELECT))) == {"team": "customfield_7"}
    assert imported(here, document(team={"name": "team"})) == {"team": "customfield_7"}


def test_a_field_that_is_listed_is_taken_before_one_that_is_not(here: Integration) -> None:
    a_field(here, 7, name="Team", active=False), a_field(here, 8, name="Team")

    assert imported(here, document(team=named("Team"))) == {"team": "customfield_8"}


def test_the_same_field_is_not_taken_where_it_is_not_listed_any_more_and_another_of_that_name_is(
    here: Integration,
) -> None:
    a_field(here, 1, name="Team", active=False), a_field(here, 8, "option", name="Team", schema=SELECT)

    assert imported(here, document(team=named("Team"))) == {"team": "customfield_8"}


def test_empty_columns_stay_empty(here: Integration) -> None:
    assert imported(here, document(team=None)) == {"team": None}
    assert imported(here, document()) == {}


def test_all_that_is_wrong_is_said_at_once(here: Integration) -> None:
    for number in (7, 8, 10):
        a_field(here, number, name="Team")
    a_field(here, 20, name="Effort"), a_field(here, 21, name="Old", active=False), a_field(here, 22, name="Area")
    a_field(offline_integration("Rival"), 30, name="Secret")

    said = refused(
        here,
        document(
            team=named("Team"),
            story_points=named("Effort"),
            code_changed=named("Secret", external_id="customfield_30"),
            custom_field_01=named("Old"),
            custom_field_02=named("Area"),
            custom_field_03=named("Area"),
            custom_field_04={"external_id": "customfield_22"},
            custom_field_05="customfield_22",
            custom_field_21=named("Nowhere"),
        ),
    )

    assert said == {
        "team": "Jira has several custom fields 'Team': customfield_7, customfield_8, customfield_10",
        "story_points": "takes only numbers, and field customfield_20 (Effort) is of type 'string'",
        "code_changed": "Jira has no custom field 'Secret' ('customfield_30')",
        "custom_field_01": "field customfield_21 (Old) is inactive: the site does not list it any more",
        "custom_field_02": "field customfield_22 (Area) fills custom_field_03 too: it can fill one column",
        "custom_field_03": "field customfield_22 (Area) fills custom_field_02 too: it can fill one column",
        "custom_field_04": "{'external_id': 'customfield_22'} names no field: it needs a name",
        "custom_field_05": "'customfield_22' names no field: it needs a name",
        "custom_field_21": "there is no column 'custom_field_21'; there are team, code_changed, story_points and"
        " custom_field_01 to custom_field_20",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "its format is None, not"), ([], "its format is None, not"), ("x", "its format is None, not"),
        ({"format": "x", "version": 1, "columns": {}}, "its format is 'x', not"),
        ({"format": FORMAT, "columns": {}}, "its version is None: only 1 is known"),
        ({"format": FORMAT, "version": 2, "columns": {}}, "its version is 2: only 1 is known"),
        ({"format": FORMAT, "version": True, "columns": {}}, "its version is True: only 1 is known"),
        ({"format": FORMAT, "version": 1}, "its columns are None, not an object"),
        ({"format": FORMAT, "version": 1, "columns": [1]}, "its columns are [1], not an object"),
    ],
)  # fmt: skip
def test_what_is_no_such_document_is_refused(here: Integration, given: Any, said: str) -> None:
    assert said in refused(here, given)["document"]


@pytest.mark.parametrize("part", ["external_id", "type", "schema"])
@pytest.mark.parametrize("odd", [None, 5, [], {}, {"custom": {}}, "x" * 100_000])
def test_odd_parts_of_a_field_do_no_harm(here: Integration, part: str, odd: Any) -> None:
    a_field(here, 7, name="Team")

    assert imported(here, document(team=named("Team", **{part: odd}))) == {"team": "customfield_7"}
    assert len(refused(here, document(team=named("Nowhere", **{part: odd})))["team"]) < 500


def test_an_import_saves_nothing(here: Integration) -> None:
    a_field(here, 7, name="Team")

    imported(here, document(team=named("Team")))

    assert not CustomFieldMapping.objects.exists()
    assert CustomField.objects.count() == 1


def test_a_renamed_field_is_not_taken_for_another_kind_of_its_old_name(here: Integration) -> None:
    a_field(here, 1, "option", name="Crew", schema=SELECT), a_field(here, 2, name="Team")

    team = named("Team", type="option", schema=SELECT)

    assert "customfield_1 is 'Crew' here, and 'Team' is customfield_2" in refused(here, document(team=team))["team"]
    assert imported(here, document(team=named("Team"))) == {"team": "customfield_2"}
