from decimal import Decimal
from typing import Any

import pytest

from custommapping.models import CustomField, CustomFieldMapping
from etl.models import Changelog, QdrantVector, WorkItem
from integrations.records import WorkItemRecord
from tests.support.loading import Loading, offline_integration
from tests.support.records import at, change, issue, items, moved
from tests.support.tables import derived_rows, versions


def history(loading: Loading, external_id: str = "1") -> list[tuple[str, str | None, str | None, int]]:
    rows = Changelog.objects.filter(work_item=loading.item(external_id)).order_by("transition_change_date", "id")
    return [(row.external_id, row.from_status_name, row.to_status_name, row.time_in_status_seconds) for row in rows]


def test_a_status_change_becomes_a_changelog_with_both_statuses_and_the_time_in_the_one_left(
    loading: Loading,
) -> None:
    loading.load(items(issue(status="5", changes=(change(7, 1, "1", "3"), change(8, 3.5, "3", "5")), version=4)))

    first, last = Changelog.objects.order_by("external_id")
    assert first.from_status is not None
    assert last.to_status is not None
    assert (first.from_status.name, last.to_status.name) == ("Backlog", "Closed")
    assert (first.transition_start_date, first.transition_change_date, first.time_in_status_seconds) == (
        at(0), at(1), 3600,
    )  # fmt: skip
    assert (last.transition_start_date, last.transition_change_date, last.time_in_status_seconds) == (
        at(1), at(3.5), 9000,
    )  # fmt: skip


def test_several_changes_in_one_history_are_rows_of_their_own(loading: Loading) -> None:
    changes = (change(7, 1, "1", "3"), change(7, 1, "3", "5", item=2))

    loading.load(items(issue(status="5", changes=changes, version=1)))

    assert list(Changelog.objects.order_by("item_number").values_list("external_id", "item_number")) == [
        ("7", 0), ("7", 2),
    ]  # fmt: skip


def test_an_older_answer_overwrites_neither_an_item_nor_its_changelogs(listed: Loading) -> None:
    listed.load(items(moved("1", "1", "3", "5", summary="Newer")))
    before = versions(listed.integration.pk)

    listed.load(items(moved("1", "1", "3", summary="Older")))

    assert versions(listed.integration.pk) == before
    assert listed.item().summary == "Newer"
    assert len(history(listed)) == 2


def test_of_two_answers_about_the_same_moment_the_one_stored_later_wins_in_either_order(loading: Loading) -> None:
    first, second = loading.source(), loading.source()
    later = items(issue(summary="Later", changes=(change(2, 1, "1", "2"),), version=1))
    earlier = items(issue(summary="Earlier", changes=(change(1, 1, "1", "3"),), version=1))

    loading.load(later, second)
    loading.load(earlier, first)

    assert loading.item().summary == "Later"
    assert [row[0] for row in history(loading)] == ["2"]


def test_a_newer_answer_in_which_changelogs_vanished_removes_them(listed: Loading) -> None:
    listed.load(items(issue(changes=(change(1, 1, "1", "3"), change(2, 2, "3", "1")), version=2)))

    listed.load(items(issue(changes=(change(2, 2, "3", "1"),), version=3), issue("2")))

    assert history(listed) == [("2", "Building", "Backlog", 7200)]
    assert listed.item().total_work_starts == 1


def test_an_answer_with_two_versions_of_an_issue_loads_the_newer_with_its_history(loading: Loading) -> None:
    newer, older = moved("1", "1", "3", "5", summary="Newer"), moved("1", "1", "3", summary="Older")

    loading.load(items(newer, older))

    assert loading.item().summary == "Newer"
    assert len(history(loading)) == 2


def test_loading_the_same_again_writes_no_row_and_queues_no_vector(listed: Loading) -> None:
    batch = items(moved("1", "1", "3", "5"), moved("2", "2", "5", parent_id="1"), issue("3", labels=("a", "b")))
    listed.load(batch)
    listed.load(batch)
    before = versions(listed.integration.pk)

    again = listed.load(batch)

    assert versions(listed.integration.pk) == before
    assert (again.records, again.vectors, again.quarantined) == (3, 0, 0)


def test_a_moved_issue_keeps_its_row_under_its_new_key_and_project(loading: Loading) -> None:
    loading.load(items(issue("1")))
    known = loading.item().pk

    loading.load(items(issue("1", key="XYZ-9", project_id="200", project_key="XYZ", version=1)))

    item = loading.item()
    assert (item.pk, item.key, item.project.external_id) == (known, "XYZ-9", "200")


def test_text_with_every_awkward_character_comes_back_as_it_was(loading: Loading) -> None:
    text = "tab\t newline\n return\r backslash \\ \\N \\. quote \" ' emoji \N{ROCKET} \x01 %s {}"

    loading.load(items(issue(summary=text, description=f"\\.\n{text}", labels=(text,), custom={"customfield_1": text})))

    item = loading.item()
    assert (item.summary, item.description, item.labels) == (text, f"\\.\n{text}", [text])
    assert item.custom_fields_overflow == {"customfield_1": text}


def parents(loading: Loading) -> dict[str, str | None]:
    rows = WorkItem.objects.filter(integration=loading.integration).values_list("external_id", "parent__external_id")
    return dict(rows)


def test_a_child_finds_a_parent_that_was_loaded_before_it(loading: Loading) -> None:
    loading.load(items(issue("1")))

    loading.load(items(issue("2", parent_id="1")))

    assert parents(loading) == {"1": None, "2": "1"}


@pytest.mark.parametrize("parent", [None, "9", "3"], ids=["none", "one not loaded yet", "another"])
def test_a_child_that_changes_its_parent_leaves_the_old_one(loading: Loading, parent: str | None) -> None:
    loading.load(items(issue("1"), issue("3")))
    loading.load(items(issue("2", parent_id="1")))

    loading.load(items(issue("2", parent_id=parent, version=1)))

    assert parents(loading)["2"] == (parent if parent == "3" else None)


def map_fields(loading: Loading, **columns: str) -> None:
    """Makes those fields fill those columns ('story_points_field')."""
    owner = {"tenant": loading.integration.tenant, "integration": loading.integration}
    fields = {
        column: CustomField.objects.create(**owner, external_id=field, name=field, field_type="any")
        for column, field in columns.items()
    }
    CustomFieldMapping.objects.create(**owner, **fields)


def with_custom(**custom: Any) -> WorkItemRecord:
    return issue(custom=custom)


def test_mapped_fields_fill_their_columns_and_all_others_the_overflow(loading: Loading) -> None:
    map_fields(
        loading, team_field="customfield_1", code_changed_field="customfield_2", story_points_field="customfield_3",
        custom_field_01="customfield_4", custom_field_20="customfield_5",
    )  # fmt: skip
    values = {"customfield_1": {"name": "Falcons"}, "customfield_2": True, "customfield_3": 3.5,
              "customfield_4": [{"value": "a"}, {"value": "b"}],
              "customfield_5": {"value": "x", "child": {"value": "y"}},
              "customfield_6": {"id": "6"}}  # fmt: skip

    loading.load(items(with_custom(**values)))

    item = loading.item()
    assert (item.team, item.code_changed, item.story_points) == ("Falcons", "true", Decimal("3.5"))
    assert (item.custom_field_01, item.custom_field_20, item.custom_field_02) == ("a, b", "x / y", None)
    assert item.custom_fields_overflow == {"customfield_6": {"id": "6"}}


def test_no_value_is_null_and_zero_is_zero(loading: Loading) -> None:
    map_fields(loading, story_points_field="customfield_3", custom_field_01="customfield_4")

    loading.load(items(issue("1", custom={}), issue("2", custom={"customfield_3": 0, "customfield_4": 0})))

    assert (loading.item("1").story_points, loading.item("1").custom_field_01) == (None, None)
    assert (loading.item("2").story_points, loading.item("2").custom_field_01) == (Decimal(0), "0")


def test_a_value_that_does_not_fit_its_column_is_kept_in_the_overflow(loading: Loading) -> None:
    map_fields(loading, story_points_field="customfield_3")

    loading.load(items(with_custom(customfield_3="about five")))

    assert loading.item().story_points is None
    assert loading.item().custom_fields_overflow == {"customfield_3": "about five"}


def test_without_a_mapping_every_field_is_in_the_overflow(loading: Loading) -> None:
    loading.load(items(with_custom(customfield_3=5, customfield_4=[1, None])))

    assert loading.item().custom_fields_overflow == {"customfield_3": 5, "customfield_4": [1, None]}


def test_a_mapping_made_later_applies_when_the_same_answer_is_loaded_again(loading: Loading) -> None:
    batch, source = items(with_custom(customfield_3="8")), loading.source()
    loading.load(batch, source)
    map_fields(loading, story_points_field="customfield_3")

    loading.load(batch, source)

    assert loading.item().story_points == 8
    assert loading.item().custom_fields_overflow == {}


def test_only_rows_whose_text_changed_are_queued_for_embedding_again(loading: Loading) -> None:
    loading.load(items(issue("1"), issue("2")))
    QdrantVector.objects.update(status="completed")

    loaded = loading.load(items(issue("1", version=1, summary="Other words"), issue("2", version=1, priority="High")))

    assert loaded.vectors == 1
    assert list(QdrantVector.objects.filter(status="pending").values_list("external_id", flat=True)) == ["1"]


def test_the_content_hash_is_kept_with_the_item(loading: Loading) -> None:
    loading.load(items(issue("1")), hashes={"1": "0123456789abcdef"})

    assert loading.item().content_hash == "0123456789abcdef"


def test_two_integrations_with_the_same_ids_stay_apart(loading: Loading) -> None:
    others = [Loading.of(offline_integration(*names)) for names in (("Acme", "Jira 2"), ("Globex", "Jira"))]
    for other in others:
        other.load(items(moved("1", "1", "5", summary="Theirs"), issue("2", parent_id="1")))
    before = [derived_rows(other.integration.pk) for other in others]

    loading.load(items(moved("1", "2", "3", summary="Ours", version=9), issue("2", version=9, wit=issue().wit)))
    loading.load(items(moved("1", "2", "3", "5", summary="Ours again", version=10)))

    assert [derived_rows(other.integration.pk) for other in others] == before
    assert loading.item().summary == "Ours again"
    assert WorkItem.objects.count() == 6
