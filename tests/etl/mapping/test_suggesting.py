"""Suggestions become the mapping when somebody accepts them."""

import pytest

from custommapping.errors import Outdated, Refused
from custommapping.mapping import columns_of, find_mapping
from etl.mapping.saving import Saved, save_mapping
from etl.mapping.suggesting import accept, suggestions
from etl.models import RunKind
from integrations.models import Integration
from tests.integrations.providers.jira.samples import issue
from tests.support.making import a_run, an_integration
from tests.support.mapping import a_field, transformed

pytestmark = pytest.mark.django_db


@pytest.fixture
def jira() -> Integration:
    """An integration with a field for team, one for story points and one for neither."""
    integration = an_integration()
    a_field(integration, 1, name="Team"), a_field(integration, 2, "number", name="Story Points")
    a_field(integration, 3, name="Customer")
    return integration


def mapped(integration: Integration) -> dict[str, str]:
    row = find_mapping(integration.tenant_id, integration.pk)
    return {column: field.external_id for column, field in columns_of(row).items()}


def accepted(integration: Integration, *columns: str, version: int = 0) -> Saved:
    return accept(integration, columns or None, version=version, by="ann")


def test_fields_of_the_integration_alone_are_suggested(jira: Integration) -> None:
    other = an_integration("Other")
    a_field(other, 4, name="Team")

    assert {column: made.field.external_id for column, made in suggestions(jira).items()} == {
        "team": "customfield_1",
        "story_points": "customfield_2",
    }
    assert {column: made.field.external_id for column, made in suggestions(other).items()} == {"team": "customfield_4"}


def test_all_suggestions_are_accepted_at_once_and_applied(jira: Integration) -> None:
    transformed(a_run(jira, RunKind.IMPORT), issue(1, customfield_1="Falcons"))

    saved = accepted(jira)

    assert mapped(jira) == {"team": "customfield_1", "story_points": "customfield_2"}
    assert (saved.version, saved.run is not None) == (1, True)
    assert suggestions(jira) == {}


def test_what_is_mapped_already_stays_beside_what_is_accepted(jira: Integration) -> None:
    save_mapping(jira, {"custom_field_05": "customfield_3"}, version=0, by="ann")

    accepted(jira, "team", version=1)

    assert mapped(jira) == {"team": "customfield_1", "custom_field_05": "customfield_3"}


def test_a_field_that_is_gone_gives_way_to_the_one_that_is_suggested(jira: Integration) -> None:
    gone = a_field(jira, 9, name="Old team")
    save_mapping(jira, {"team": "customfield_9"}, version=0, by="ann")
    gone.active = False
    gone.save()

    accepted(jira, version=1)

    assert mapped(jira)["team"] == "customfield_1"


def test_where_nothing_is_suggested_nothing_is_accepted(jira: Integration) -> None:
    with pytest.raises(Refused, match="code_changed: nothing is suggested for this column") as refused:
        accepted(jira, "team", "code_changed", "custom_field_01")

    assert list(refused.value.errors) == ["code_changed", "custom_field_01"]
    assert mapped(jira) == {}


def test_who_saw_another_mapping_is_told_before_anything_else(jira: Integration) -> None:
    save_mapping(jira, {"team": "customfield_1"}, version=0, by="bob")

    with pytest.raises(Outdated):
        accepted(jira, "team")

    assert mapped(jira) == {"team": "customfield_1"}
