from collections import Counter
from itertools import pairwise
from typing import Any

import orjson
import pytest

from integrations.sandbox import Site, SiteSpec
from integrations.sandbox.jira.catalog import DELETED, PROJECTS
from integrations.sandbox.jira.customfields import CUSTOM_FIELDS
from integrations.sandbox.jira.generator import Issue
from integrations.sandbox.jira.rendering import Renderer, Shape

WHOLE = Shape(("*all",), changelog=True)
SITE = Site(SiteSpec(issues=1500, seed=5))
ISSUES = [SITE.issue(entry) for entry in SITE.entries]
ITEMS = [item for issue in ISSUES for history in issue.histories for item in history.items]


def moves(issue: Issue) -> list[dict[str, Any]]:
    return [item for history in issue.histories for item in history.items if item["field"] == "status"]


def pages(spec: SiteSpec) -> list[bytes]:
    site = Site(spec)
    renderer = Renderer(site, 40)
    return [renderer.issue(entry, WHOLE) for entry in site.entries]


def test_the_same_spec_gives_the_same_bytes_and_another_seed_others() -> None:
    assert pages(SiteSpec(60, 9)) == pages(SiteSpec(60, 9))
    assert pages(SiteSpec(60, 9)) != pages(SiteSpec(60, 10))


def test_every_issue_begins_in_its_workflows_first_status_and_moves_from_where_it_is() -> None:
    for issue in ISSUES:
        first = issue.entry.project.workflow_of(issue.entry.type).chain[0]
        steps = moves(issue)
        assert [first.id, *(step["to"] for step in steps)][-1] == issue.status.id == issue.fields["status"]["id"]
        assert not steps or steps[0]["from"] == first.id
        assert all(before["to"] == after["from"] for before, after in pairwise(steps))
        assert all(step["from"] != step["to"] for step in steps)


def test_histories_ascend_from_created_to_updated() -> None:
    for issue in ISSUES:
        times = [issue.entry.created, *((history.at) for history in issue.histories)]
        assert times == sorted(times)
        assert times[-1] == issue.entry.updated
        ids = [history.id for history in issue.histories]
        assert ids == sorted(set(ids))


def test_a_resolution_is_set_exactly_where_the_status_is_done() -> None:
    for issue in ISSUES:
        done = issue.status.done
        assert (issue.fields["resolution"] is not None) is done
        assert (issue.fields["resolutiondate"] is not None) is done


@pytest.mark.parametrize(("field_id", "shown"), [("priority", "priority"), ("assignee", "assignee")])
def test_the_last_change_of_a_field_is_what_the_issue_shows(field_id: str, shown: str) -> None:
    for issue in ISSUES:
        changes = [i for history in issue.histories for i in history.items if i.get("fieldId") == field_id]
        if changes:
            value = issue.fields[shown]
            assert changes[-1]["to"] == (value and (value.get("id") or value["accountId"]))


def test_an_issue_has_about_ten_histories_and_a_few_have_hundreds() -> None:
    counts = [len(issue.histories) for issue in ISSUES]
    assert 8 <= sum(counts) / len(counts) <= 12
    assert any(count > 100 for count in counts)
    assert any(count == 0 for count in counts)


def test_a_whole_issue_has_about_8_6_kilobytes() -> None:
    sizes = [len(page) for page in pages(SiteSpec(1500, 5))]
    assert 8000 <= sum(sizes) / len(sizes) <= 9300


def test_the_deleted_status_is_in_histories_only() -> None:
    assert any(move["to"] == DELETED.id for issue in ISSUES for move in moves(issue))
    assert not any(issue.status is DELETED for issue in ISSUES)
    assert not any(DELETED in project.workflow.statuses for project in PROJECTS)


def test_work_goes_back_and_is_reopened() -> None:
    seen = [[move["to"] for move in moves(issue)] for issue in ISSUES]
    assert sum(len(set(entered)) < len(entered) for entered in seen) > 50
    assert any(move["fromString"] == "Done" for issue in ISSUES for move in moves(issue))


def test_changelogs_hold_the_oddities_of_real_ones() -> None:
    histories = [history for issue in ISSUES for history in issue.histories]
    fields = [[item["field"] for item in history.items] for history in histories]
    assert any(history.author is None for history in histories)
    assert any(len(set(names)) > 1 for names in fields)
    assert any(names.count("status") > 1 for names in fields)
    assert any(names.count("Link") > 1 for names in fields)
    assert any("fieldId" not in item for item in ITEMS)
    assert any(item["from"] == "" for item in ITEMS)
    assert any(item["from"] is None and item["fromString"] for item in ITEMS)


def test_types_parents_and_categories_are_varied() -> None:
    names = Counter(issue.entry.type.name for issue in ISSUES)
    assert {"Epic", "Story", "Task", "Bug", "Sub-task", "Subtask"} == set(names)
    for entry in SITE.entries:
        if entry.type.level < 0:
            assert entry.parent is not None
            assert entry.parent.project is entry.project
            assert entry in entry.parent.subtasks
    categories = {issue.status.category for issue in ISSUES}
    assert categories == {"new", "indeterminate", "done", "undefined", ""}


def test_there_are_thirty_custom_fields_and_each_has_a_value_somewhere_and_is_null_somewhere() -> None:
    assert len({custom.id for custom in CUSTOM_FIELDS}) == 30
    always = {"customfield_10000", "customfield_10019"}
    for custom in CUSTOM_FIELDS:
        values = [issue.fields[custom.id] for issue in ISSUES]
        assert any(value is not None for value in values), custom.name
        assert custom.id in always or any(value is None for value in values), custom.name


def test_custom_fields_come_in_every_shape() -> None:
    def values(number: int) -> list[Any]:
        found = (issue.fields[f"customfield_{number}"] for issue in ISSUES)
        return [value for value in found if value is not None]

    assert all(isinstance(value, float) for value in values(10028))
    assert 0.0 in values(10028)
    assert {"{}"} < set(values(10000))
    assert any("child" in value for value in values(10032))
    assert any("child" not in value for value in values(10032))
    assert all(value["id"] for value in values(10001))
    assert all(isinstance(value, str) for value in values(10002))
    assert all("state" in sprint for value in values(10020) for sprint in value)
    assert any("," in sprint["name"] for value in values(10020) for sprint in value)
    assert all(value["type"] == "doc" for value in values(10035))


def test_descriptions_use_the_nodes_that_people_use() -> None:
    text = orjson.dumps([issue.fields["description"] for issue in ISSUES]).decode()
    for node in ("paragraph", "bulletList", "orderedList", "codeBlock", "mention", "emoji", "table", "hardBreak"):
        assert f'"type":"{node}"' in text
    assert any(issue.fields["description"] is None for issue in ISSUES)
    assert "تسجيل" in text
    assert "🔥" in text
    assert "\\r\\n" in text
