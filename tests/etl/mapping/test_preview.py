"""A preview says exactly what saving a mapping then changes."""

from collections.abc import Mapping
from typing import Any

import pytest

from custommapping.errors import Refused
from custommapping.models import CUSTOM_FIELD_COLUMNS, MAPPED_COLUMNS
from etl.mapping.preview import EXAMPLES, Preview, preview
from etl.mapping.saving import save_mapping
from etl.models import EtlJobRun, Overall, RawExtractionData, RunKind, WorkItem
from integrations.models import Integration
from integrations.sandbox.jira.customfields import CUSTOM_FIELDS
from tests.integrations.providers.jira.samples import issue
from tests.support.driving import run_to_end, worked_off
from tests.support.making import a_run, an_integration
from tests.support.mapping import a_field, transformed, with_fields
from tests.support.sites import Connected

pytestmark = pytest.mark.django_db

Values = dict[str, dict[str, Any]]


def values(integration: Integration) -> Values:
    """What each item has in the mapped columns and beside them."""
    names = (*MAPPED_COLUMNS, "custom_fields_overflow")
    items = WorkItem.objects.filter(integration=integration)
    return {item["external_id"]: item for item in items.values("external_id", *names)}


def applied(integration: Integration, columns: Mapping[str, str | None], version: int = 0) -> tuple[Values, Values]:
    """What stood before the mapping was saved, and after it was applied."""
    before = values(integration)
    run = save_mapping(integration, columns, version=version, by="ann").run
    if run:
        worked_off(run)
    return before, values(integration)


def agrees(would: Preview, before: Values, after: Values) -> bool:
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    counts = {
        column: sum(old[column] != new[column] for old, new in changed.values())
        for column in MAPPED_COLUMNS
        if any(old[column] != new[column] for old, new in changed.values())
    }
    return (would.items, dict(would.by_column)) == (len(changed), counts)


@pytest.fixture
def jira() -> Integration:
    return with_fields("string", "array", "number", "any")


@pytest.fixture
def imported(jira: Integration) -> EtlJobRun:
    """Pages whose items change hands, have odd values, are refused or gone."""
    run = a_run(jira, RunKind.IMPORT)
    odd: list[dict[str, Any]] = [
        {"customfield_1": "a"},
        {"customfield_1": "", "customfield_3": 0},
        {"customfield_1": {"value": "Asia", "child": {"value": "Japan"}}, "customfield_3": 3.1415926535},
        {"customfield_2": [{"name": "x"}, {"name": "y"}], "customfield_4": {"unknown": "shape"}},
        {"customfield_1": "a", "customfield_2": "a", "customfield_3": "five"},
        {"customfield_3": 1e20, "customfield_4": True},
        {},
    ]
    transformed(run, *(issue(number, **fields) for number, fields in enumerate(odd)))
    transformed(run, issue(0, summary="Newer", customfield_1="b"), issue(7, created="yesterday", customfield_1="bad"))
    transformed(run, issue(8, customfield_1="gone"))
    WorkItem.objects.filter(key="ORB-8").update(active=False)
    return run


MAPPINGS: list[dict[str, str | None]] = [
    {"team": "customfield_1", "story_points": "customfield_3"},
    {"team": "customfield_2", "custom_field_01": "customfield_3", "custom_field_20": "customfield_4"},
    {"code_changed": "customfield_4", "story_points": "customfield_3", "team": "customfield_1"},
    {},
    {"custom_field_05": "customfield_2"},
]


def test_what_is_previewed_is_what_is_changed_from_one_mapping_to_the_next(
    jira: Integration, imported: EtlJobRun
) -> None:
    for version, columns in enumerate(MAPPINGS):
        would = preview(jira, columns)

        before, after = applied(jira, columns, version)

        assert agrees(would, before, after), columns


def test_what_is_previewed_while_an_older_mapping_is_not_applied_yet_is_what_is_changed_in_the_end(
    jira: Integration, imported: EtlJobRun
) -> None:
    applied(jira, MAPPINGS[0])
    run = save_mapping(jira, MAPPINGS[1], version=1, by="ann").run
    assert run
    would, before = preview(jira, MAPPINGS[2]), values(jira)

    save_mapping(jira, MAPPINGS[2], version=2, by="bob")
    worked_off(run)

    assert agrees(would, before, values(jira))


def test_an_issue_that_a_page_has_twice_counts_once_as_its_newer_version(jira: Integration) -> None:
    newer = issue(1, updated="2025-03-10T09:00:00.000+0000", customfield_1="new", customfield_3=5)
    older = issue(1, customfield_1="old", customfield_2=["x"])
    unreadable = issue(1, created="yesterday", customfield_1="bad")
    transformed(a_run(jira, RunKind.IMPORT), issue(2, customfield_1="other"), older, newer, unreadable)

    for version, columns in enumerate(MAPPINGS[:3]):
        would = preview(jira, columns)
        before, after = applied(jira, columns, version)
        assert agrees(would, before, after), columns

    assert after["50001"]["team"] == "new"


def test_the_mapping_that_stands_would_change_nothing(jira: Integration, imported: EtlJobRun) -> None:
    applied(jira, MAPPINGS[0])

    assert preview(jira, MAPPINGS[0]) == Preview(0, {}, [])


def test_examples_show_the_texts_of_what_would_change(jira: Integration, imported: EtlJobRun) -> None:
    shown = {example.key: (example.before, example.after) for example in preview(jira, MAPPINGS[0]).examples}

    assert shown == {
        "ORB-0": ({"team": None}, {"team": "b"}),
        "ORB-1": ({"story_points": None}, {"story_points": "0"}),
        "ORB-2": (
            {"team": None, "story_points": None},
            {"team": "Asia / Japan", "story_points": "3.141593"},
        ),
        "ORB-4": ({"team": None}, {"team": "a"}),
    }


def test_there_are_twenty_examples_and_columns_that_few_items_fill_are_among_them(jira: Integration) -> None:
    run = a_run(jira, RunKind.IMPORT)
    rare = issue(60, customfield_1="a", customfield_2="rare")
    transformed(run, *(rare if number == 60 else issue(number, customfield_1="a") for number in range(70)))

    would = preview(jira, {"team": "customfield_1", "custom_field_01": "customfield_2"})

    assert (would.items, len(would.examples)) == (70, EXAMPLES)
    assert [example.after for example in would.examples if "custom_field_01" in example.after] == [
        {"team": "a", "custom_field_01": "rare"}
    ]


def test_a_preview_writes_nothing_and_is_refused_like_a_save(jira: Integration, imported: EtlJobRun) -> None:
    before = (values(jira), list(RawExtractionData.objects.values_list("pk", "fingerprint", "status")))

    preview(jira, MAPPINGS[0])
    with pytest.raises(Refused, match="story_points: takes only numbers"):
        preview(jira, {"story_points": "customfield_1"})

    assert (values(jira), list(RawExtractionData.objects.values_list("pk", "fingerprint", "status"))) == before


def test_of_another_integration_nothing_is_previewed(jira: Integration, imported: EtlJobRun) -> None:
    other = an_integration("Other")
    a_field(other, 1)

    assert preview(other, {"team": "customfield_1"}).items == 0


def test_every_kind_of_field_of_a_whole_site_changes_as_previewed(connected: Connected) -> None:
    """All but seven of the site's thirty fields are mapped at once."""
    for field in CUSTOM_FIELDS:
        a_field(connected.integration, field.number, field.kind, name=field.name)
    assert run_to_end(connected.job).status == Overall.FINISHED
    texts = [field for field in CUSTOM_FIELDS if field.kind not in ("number", "date")]
    rest = [field for field in CUSTOM_FIELDS if field not in texts[:2] and field.name != "Story Points"]
    columns = {"team": texts[1].id, "code_changed": texts[0].id, "story_points": "customfield_10028"}
    columns |= dict(zip(CUSTOM_FIELD_COLUMNS, (field.id for field in rest), strict=False))
    would = preview(connected.integration, columns)

    before, after = applied(connected.integration, columns)

    assert agrees(would, before, after)
    assert set(would.by_column) >= {"team", "code_changed", "story_points"}
    assert len(would.by_column) > 15
