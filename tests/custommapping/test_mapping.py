"""What may be mapped to what, and what is said of what may not."""

import pytest

from custommapping.errors import Refused
from custommapping.fitting import misfit
from custommapping.mapping import checked, columns_of, find_mapping
from custommapping.models import MAPPED_COLUMNS, CustomField, CustomFieldMapping
from integrations.models import Integration
from tests.support.loading import offline_integration
from tests.support.mapping import a_field

pytestmark = pytest.mark.django_db


@pytest.fixture
def jira() -> Integration:
    return offline_integration()


def errors(integration: Integration, **columns: str | None) -> dict[str, str]:
    with pytest.raises(Refused) as refused:
        checked(integration, columns)
    return refused.value.errors


@pytest.mark.parametrize(
    ("column", "kind", "fits"),
    [
        ("story_points", "number", True), ("story_points", "string", False), ("story_points", "option", False),
        ("story_points", "any", False), ("story_points", "", False), ("story_points", "date", False),
        ("team", "string", True), ("team", "team", True), ("team", "any", True), ("team", "array", True),
        ("team", "date", False), ("team", "datetime", False), ("team", "number", True),
        ("code_changed", "option", True), ("code_changed", "any", True), ("code_changed", "datetime", False),
        ("custom_field_01", "date", True), ("custom_field_20", "number", True), ("custom_field_07", "", True),
    ],
)  # fmt: skip
def test_only_numbers_are_story_points_and_no_date_is_a_team_or_a_change_of_code(
    column: str, kind: str, fits: bool
) -> None:
    reason = misfit(column, CustomField(external_id="customfield_7", name="Effort", field_type=kind))

    assert (reason is None) is fits
    assert fits or all(word in str(reason) for word in ("customfield_7", "Effort", repr(kind or "unknown")))


def test_a_mapping_names_fields_by_their_source_ids_and_empty_columns_by_nothing(jira: Integration) -> None:
    points, team = a_field(jira, 1, "number"), a_field(jira, 2)

    columns = {"team": "customfield_2", "story_points": "customfield_1", "code_changed": None, "custom_field_03": ""}

    assert checked(jira, columns) == {"team": team, "story_points": points}


def test_all_that_is_wrong_is_said_at_once(jira: Integration) -> None:
    a_field(jira, 1), a_field(jira, 2, active=False), a_field(jira, 3)
    a_field(offline_integration(name="Other"), 4)
    a_field(offline_integration("Globex"), 5)

    said = errors(
        jira,
        story_points="customfield_1",
        team="customfield_2",
        code_changed="customfield_4",
        custom_field_01="customfield_5",
        custom_field_02="customfield_99",
        custom_field_03="customfield_3",
        custom_field_04="customfield_3",
        custom_field_21="customfield_3",
        custom_field_05="a\0b",
    )

    assert said == {
        "custom_field_21": "there is no column 'custom_field_21'; there are team, code_changed, story_points and"
        " custom_field_01 to custom_field_20",
        "story_points": "takes only numbers, and field customfield_1 (Field 1) is of type 'string'",
        "team": "field customfield_2 (Field 2) is inactive: the site does not list it any more",
        "code_changed": "integration Jira has no custom field 'customfield_4'",
        "custom_field_01": "integration Jira has no custom field 'customfield_5'",
        "custom_field_02": "integration Jira has no custom field 'customfield_99'",
        "custom_field_03": "field customfield_3 (Field 3) fills custom_field_04 too: it can fill one column",
        "custom_field_04": "field customfield_3 (Field 3) fills custom_field_03 too: it can fill one column",
        "custom_field_05": "integration Jira has no custom field 'a\\x00b'",
    }


def test_an_inactive_field_may_stay_where_it_is_mapped_or_move(jira: Integration) -> None:
    field = a_field(jira, 1, active=False)
    CustomFieldMapping.objects.create(tenant=jira.tenant, integration=jira, custom_field_01=field)

    assert checked(jira, {"custom_field_01": "customfield_1"}) == {"custom_field_01": field}
    assert checked(jira, {"team": "customfield_1"}) == {"team": field}


def test_a_mapped_field_whose_type_has_changed_is_refused_until_it_is_unmapped(jira: Integration) -> None:
    field = a_field(jira, 1, "string")
    CustomFieldMapping.objects.create(tenant=jira.tenant, integration=jira, story_points_field=field)

    assert "is of type 'string'" in errors(jira, story_points="customfield_1", team=None)["story_points"]
    assert checked(jira, {"story_points": None}) == {}


def test_every_column_has_a_reference_and_they_come_in_their_order(jira: Integration) -> None:
    fields = {column: a_field(jira, number, "number") for number, column in enumerate(MAPPED_COLUMNS)}
    references = {f"{column}_field" if number < 3 else column: fields[column] for number, column in enumerate(fields)}
    CustomFieldMapping.objects.create(tenant=jira.tenant, integration=jira, **references)

    found = columns_of(find_mapping(jira.tenant_id, jira.pk))

    assert (found, list(found)) == (fields, list(MAPPED_COLUMNS))


def test_an_inactive_mapping_maps_nothing(jira: Integration) -> None:
    CustomFieldMapping.objects.create(tenant=jira.tenant, integration=jira, team_field=a_field(jira), active=False)

    assert columns_of(find_mapping(jira.tenant_id, jira.pk)) == {}
    assert columns_of(None) == {}
