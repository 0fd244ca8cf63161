from dataclasses import astuple
from datetime import UTC, date, datetime
from typing import Any

import pytest

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.jira.issues import cut_issue_ids
from integrations.providers.jira.normalise import ISSUES, normalise
from integrations.records import NOBODY, Category, Person

from .samples import ADA, KIND, STATUS, Json, history, issue, page, read, record, refusal


def test_an_issue_is_read_whole() -> None:
    found = record(
        issue(
            7,
            description={"type": "doc", "version": 1, "content": [{"type": "text", "text": "As a user"}]},
            parent={"id": "50001", "key": "ORB-1", "fields": {}},
            priority={"id": "3", "name": "Medium"},
            resolution={"id": "10000", "name": "Fixed"},
            reporter=ADA,
            assignee={"displayName": "Former user"},
            labels=["red", "blue"],
            resolutiondate="2025-03-08T23:30:00.000-0200",
            duedate="2025-04-01",
        )
    )
    assert (found.external_id, found.key, found.summary) == ("50007", "ORB-7", "Thing 7")
    assert (found.project_id, found.project_key, found.project_name) == ("20001", "ORB", "Orbit")
    assert astuple(found.wit) == ("10301", "Story", "A tale", False, 0)
    assert astuple(found.status) == ("10101", "Wird geprüft", Category.IN_PROGRESS, "", None)
    assert found.created == datetime(2025, 3, 1, 8, tzinfo=UTC)
    assert found.updated == datetime(2025, 3, 9, 17, 0, 0, 500_000, tzinfo=UTC)
    assert found.created.tzinfo is found.updated.tzinfo is UTC
    assert (found.description, found.parent_id, found.parent_key) == ("As a user", "50001", "ORB-1")
    assert (found.priority, found.resolution, found.labels) == ("Medium", "Fixed", ("red", "blue"))
    assert (found.reporter, found.assignee) == (Person("5b10-ada", "Ada Quill"), Person(None, "Former user"))
    assert found.resolved == datetime(2025, 3, 9, 1, 30, tzinfo=UTC)
    assert found.due == date(2025, 4, 1)


@pytest.mark.parametrize("nothing", [None, ..., "", [], {}])
def test_what_an_issue_does_not_say_is_none(nothing: Any) -> None:
    texts = dict.fromkeys(["summary", "description", "labels", "resolutiondate", "duedate"], nothing)
    objects = dict.fromkeys(["parent", "priority", "resolution", "reporter", "assignee"], nothing)
    found = record(issue(**texts, **objects))
    assert (found.summary, found.description, found.parent_id, found.priority) == ("", None, None, None)
    assert (found.reporter, found.assignee, found.labels, found.resolved, found.due) == (NOBODY, NOBODY, (), None, None)
    assert (found.custom, found.changes) == ({}, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resolutiondate", "12/okt/2022"),
        ("resolutiondate", "2017000-09-05T00:00:00.000+0000"),
        ("resolutiondate", {"when": "soon"}),
        ("duedate", "12017-01-01"),
        ("duedate", 20250101),
    ],
)
def test_an_optional_date_that_no_calendar_has_is_kept_as_it_is_and_costs_nothing(name: str, value: Any) -> None:
    found = record(issue(**{name: value, "customfield_1": "x"}))
    assert (found.resolved, found.due) == (None, None)
    assert found.custom == {name: value, "customfield_1": "x"}


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2025-03-01T09:00:00.000+0000", datetime(2025, 3, 1, 9, tzinfo=UTC)),
        ("2025-03-01T09:00:00.000+0800", datetime(2025, 3, 1, 1, tzinfo=UTC)),
        ("2025-03-01T09:00:00.000+01:00", datetime(2025, 3, 1, 8, tzinfo=UTC)),
        ("2025-03-01T09:00:00.000Z", datetime(2025, 3, 1, 9, tzinfo=UTC)),
        ("2025-03-01 09:00:00.193-0700", datetime(2025, 3, 1, 16, 0, 0, 193_000, tzinfo=UTC)),
        (1_740_819_600_193, datetime(2025, 3, 1, 9, 0, 0, 193_000, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_however_it_is_written(written: Any, moment: datetime) -> None:
    assert record(issue(created=written)).created == moment


def test_of_an_issue_that_comes_twice_the_newer_version_counts() -> None:
    old, new = issue(1, summary="old"), issue(1, summary="new", updated="2025-03-09T17:00:00.501+0000")
    for both in ([old, new], [new, old]):
        assert [found.summary for found in read(issue(2), *both).work_items] == ["Thing 2", "new"]
    assert [found.summary for found in read(old, issue(1, summary="later")).work_items] == ["later"]


def test_a_description_in_wiki_markup_passes_through() -> None:
    assert record(issue(description="h1. Title\r\n* one")).description == "h1. Title\r\n* one"
    assert record(issue(description="")).description is None
    assert record(issue(description={})).description is None


def test_custom_fields_keep_their_values_and_empty_ones_are_left_out() -> None:
    given: Json = {
        "a": 0,
        "b": 3.0,
        "c": False,
        "d": "x",
        "e": [None],
        "f": {"child": {}},
        "g": "0.0",
        "h": [{"id": 1}],
    }
    empty: Json = {"u": "[]", "v": None, "w": [], "x": {}, "y": "", "z": "{}"}
    fields = {f"customfield_{name}": value for name, value in (given | empty).items()}
    found = record(issue(**fields, timespent=5)).custom
    assert found == {f"customfield_{name}": value for name, value in given.items()}
    assert type(found["customfield_b"]) is float
    assert found["customfield_c"] is False


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ({"key": "new", "name": "Done"}, Category.TO_DO),
        ({"key": "done", "name": "Erledigt"}, Category.DONE),
        ({"key": "undefined", "name": "No Category"}, None),
        ({"key": ["new"]}, None),
        ({"name": "Done"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_category_is_read_by_its_key(category: Any, expected: Category | None) -> None:
    assert record(issue(status=STATUS | {"statusCategory": category})).status.category is expected


def test_a_scoped_status_names_its_project() -> None:
    scope = {"type": "PROJECT", "project": {"id": "20001"}}
    assert record(issue(status=STATUS | {"scope": scope})).status.project_id == "20001"


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("created", ..., "fields.created"),
        ("created", None, "fields.created"),
        ("created", "yesterday", "fields.created"),
        ("created", "2025-03-01T09:00:00.000", "fields.created"),
        ("created", "2025-03-01", "fields.created"),
        ("created", True, "fields.created"),
        ("created", 10**18, "fields.created"),
        ("created", "0001-01-01T00:00:00.000+1400", "fields.created"),
        ("updated", "2017000-09-05T00:00:00.000+0000", "fields.updated"),
        ("updated", "9999-12-31T23:00:00.000-0800", "fields.updated"),
        ("project", ..., "fields.project"),
        ("project", "ORB", "fields.project"),
        ("project", {"key": "ORB"}, "fields.project.id"),
        ("issuetype", None, "fields.issuetype"),
        ("issuetype", {"name": "Story"}, "fields.issuetype.id"),
        ("issuetype", KIND | {"hierarchyLevel": "0"}, "fields.issuetype.hierarchyLevel"),
        ("status", [], "fields.status"),
        ("status", STATUS | {"id": ""}, "fields.status.id"),
        ("status", STATUS | {"id": True}, "fields.status.id"),
        ("status", STATUS | {"id": 10**5000}, "fields.status.id"),
        ("summary", 12, "fields.summary"),
        ("description", ["x"], "fields.description"),
        ("summary", False, "fields.summary"),
        ("priority", 0, "fields.priority"),
        ("labels", "red", "fields.labels"),
        ("labels", ["red", None], "fields.labels"),
        ("priority", "Medium", "fields.priority"),
        ("assignee", "ada", "fields.assignee"),
        ("parent", {"id": {"x": 1}}, "fields.parent.id"),
    ],
)
def test_a_field_that_cannot_be_read_quarantines_its_issue_alone(field: str, value: Any, path: str) -> None:
    found = refusal(issue(2, **{field: value}))
    assert (found.table, found.external_id, found.path) == ("work_items", "50002", f"issues[1].{path}")
    assert path in found.reason
    if not isinstance(value, dict):
        assert ("is missing" if value in (None, ...) else repr(value)) in found.reason


@pytest.mark.parametrize(
    ("broken", "external_id", "path"),
    [
        ("gone", "", "issues[1]"),
        (None, "", "issues[1]"),
        (issue(2) | {"id": None}, "ORB-2", "issues[1].id"),
        (issue(2) | {"id": {}, "key": []}, "", "issues[1].id"),
        (issue(2) | {"key": None}, "50002", "issues[1].key"),
        (issue(2) | {"fields": ["summary"]}, "50002", "issues[1].fields"),
    ],
)
def test_what_is_no_issue_is_quarantined(broken: Any, external_id: str, path: str) -> None:
    found = refusal(broken)
    assert (found.external_id, found.path) == (external_id, path)


def test_a_long_value_is_shortened_in_the_reason() -> None:
    assert len(refusal(issue(2, created="x" * 1_000_000)).reason) < 300


@pytest.mark.parametrize(("content", "found"), [([], "list"), (None, "NoneType"), ({"values": []}, "values")])
def test_an_answer_that_is_no_page_of_issues_is_permanent(content: Any, found: str) -> None:
    with pytest.raises(Permanent, match=f"jira_issues 'p' is .*{found}"):
        normalise(RawAnswer(ISSUES, "p", content))


def test_text_that_databases_refuse_does_not_stop_the_reader() -> None:
    assert record(issue(summary="a\0b \ud83d")).summary == "a\0b \ud83d"
    assert "\0" not in refusal(issue(2, created="a\0b \ud83d")).reason
    assert refusal(issue(2, created="\ud83d")).reason.isascii()


def test_an_empty_page_is_an_empty_batch() -> None:
    assert read().work_items == []


def test_issues_to_skip_are_not_looked_at() -> None:
    batch = normalise(page(issue(1), issue(2, created="never"), issue(3)), skip={"50001", "50002"})
    assert [found.key for found in batch.work_items] == ["ORB-3"]
    assert list(batch.quarantined) == []


@pytest.mark.parametrize(
    ("changelog", "is_cut"),
    [
        ({"total": 0, "histories": []}, False),
        ({"total": 1, "histories": []}, True),
        ({"total": 1}, True),
        ({"histories": [history("1", 5)]}, True),
        ({"histories": [history("1", 5)], "total": None}, True),
        ({"histories": [history("1", 5)], "total": 1, "maxResults": 1}, False),
    ],
)
def test_a_history_is_asked_for_unless_an_issue_says_that_it_holds_all_of_it(changelog: Json, is_cut: bool) -> None:
    assert cut_issue_ids([issue(1), issue(2) | {"changelog": changelog}, "gone"]) == ["50002"] * is_cut
