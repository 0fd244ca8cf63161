"""Reading custom values back from the stored answers, however many fields are asked for."""

from typing import Any

import pytest

from custommapping.models import CustomFieldMapping
from etl.mapping import owned
from etl.mapping.owned import OwnedItem, owned_items
from etl.models import RunKind
from integrations.models import Integration
from tests.integrations.providers.jira.samples import issue
from tests.support.making import a_run, an_integration
from tests.support.mapping import a_field, transformed

pytestmark = pytest.mark.django_db

FIELDS = [f"customfield_{number}" for number in range(1, 6)]


@pytest.fixture
def jira() -> Integration:
    """Field 1 fills a column; of issue 2 a second version on the same page has no fields at all."""
    integration = an_integration()
    CustomFieldMapping.objects.create(
        tenant=integration.tenant, integration=integration, team_field=a_field(integration, 1)
    )
    run = a_run(integration, RunKind.IMPORT)
    transformed(run, issue(1, customfield_1="a", customfield_2={"value": "b"}, customfield_3=None, customfield_9="x"))
    odd: list[Any] = [issue(2, customfield_1="c", customfield_4=[]), {**issue(2), "fields": "none"}, issue(3)]
    transformed(run, *odd)
    return integration


def items(integration: Integration, many: int, monkeypatch: pytest.MonkeyPatch) -> list[OwnedItem]:
    monkeypatch.setattr(owned, "MANY_FIELDS", many)
    return list(owned_items(integration, FIELDS))


def test_few_fields_and_many_are_read_alike(jira: Integration, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = items(jira, 100, monkeypatch), items(jira, 1, monkeypatch)

    assert sorted(map(repr, few)) == sorted(map(repr, many))
    (first,) = [item for item in many if item.key == "ORB-1"]
    assert first.custom == {"customfield_1": "a", "customfield_2": {"value": "b"}}
    assert (dict(first.columns), set(first.overflow)) == ({"team": "a"}, {"customfield_2"})


def test_items_of_newer_answers_come_first(jira: Integration) -> None:
    assert [item.key for item in owned_items(jira, FIELDS)][-1] == "ORB-1"
