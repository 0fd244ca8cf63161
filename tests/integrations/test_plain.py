"""Records as other tools hand them in."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from integrations import plain
from integrations.errors import Permanent
from integrations.provider import Provider, RawAnswer
from integrations.records import Batch, Category, Person, Quarantined, RepositoryRecord
from integrations.registry import get_provider

JIRA, GITHUB = get_provider("jira"), get_provider("github")
ITEM: dict[str, Any] = {
    "external_id": "50001",
    "key": "ORB-1",
    "project_id": "20001",
    "project_key": "ORB",
    "project_name": "Orbit",
    "wit": {"external_id": "10301", "name": "Story"},
    "status": {"external_id": "3", "name": "Done", "category": "Done"},
    "created": "2025-03-01T09:00:00Z",
    "updated": "2025-03-05T10:00:00+01:00",
    "summary": "Thing 1",
}
CHANGE = {"history_id": "9", "item": 0, "at": "2025-03-03T09:00:00Z", "to_id": "3", "to_name": "Done"}
PULL = {
    "external_id": "7",
    "number": 12,
    "repository": {"external_id": "500", "full_name": "acme/web"},
    "title": "Pay",
    "state": "MERGED",
    "created": "2025-03-01T09:00:00Z",
    "updated": "2025-03-02T09:00:00Z",
}


def read(entity_type: str, *said: Any, provider: Provider = JIRA, skip: frozenset[str] = frozenset()) -> Batch:
    return plain.normalise(provider, RawAnswer(entity_type, "", list(said)), skip)


def refusal(entity_type: str, said: Any, provider: Provider = JIRA) -> Quarantined:
    """Why a record is not taken."""
    (refused,) = read(entity_type, said, provider=provider).quarantined
    return refused


def test_a_work_item_says_what_its_names_say() -> None:
    said = {
        **ITEM,
        "assignee": {"account_id": "5b10", "name": "Ada"},
        "due": "2025-04-01",
        "labels": ["a", "b"],
        "custom": {"customfield_1": "Falcons", "customfield_2": None},
        "changes": [{**CHANGE, "history_id": "10"}, CHANGE],
    }

    (item,) = read("work_items", said).work_items

    assert (item.key, item.status.category, item.wit.name) == ("ORB-1", Category.DONE, "Story")
    assert item.updated == datetime(2025, 3, 5, 9, tzinfo=UTC)
    assert (item.assignee, item.due, item.labels) == (Person("5b10", "Ada"), date(2025, 4, 1), ("a", "b"))
    assert item.custom == {"customfield_1": "Falcons"}
    assert [change.history_id for change in item.changes] == ["9", "10"]
    assert item.description is None


def test_a_pull_request_has_its_repository_and_its_parts() -> None:
    commit = {"sha": "a" * 40, "authored": "2025-03-01T08:00:00Z"}

    (pull,) = read("prs", {**PULL, "commits": [commit], "additions": 3}, provider=GITHUB).pull_requests

    assert (pull.repository, pull.additions) == (RepositoryRecord("500", "acme/web"), 3)
    assert pull.commits[0].authored == datetime(2025, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changed", "path", "said"),
    [
        ({"created": "yesterday"}, "[0].created", "'yesterday', not a date and time with its zone"),
        ({"created": "2025-03-01T09:00:00"}, "[0].created", "not a date and time with its zone"),
        ({"key": None}, "[0].key", "is missing, not a text"),
        ({"key": ""}, "[0].key", "not a text that is not empty"),
        ({"key": 7}, "[0].key", "is 7, not a text"),
        ({"colour": "red"}, "[0].colour", "is 'red', not one of external_id, key, "),
        ({"custom_texts": {}}, "[0].custom_texts", "not one of"),
        ({"due": "soon"}, "[0].due", "not a date like 2024-12-31"),
        ({"labels": "a"}, "[0].labels", "is 'a', not a list"),
        ({"labels": ["a", 1]}, "[0].labels[1]", "is 1, not a text"),
        ({"custom": []}, "[0].custom", "not an object"),
        ({"wit": "Story"}, "[0].wit", "not an object"),
        ({"wit": {"name": "Story"}}, "[0].wit.external_id", "is missing"),
        ({"status": {**ITEM["status"], "category": "done"}}, "[0].status.category", "not one of To Do, In Progress"),
        ({"changes": [{**CHANGE, "item": 2**31}]}, "[0].changes[0].item", "not a whole number up to 2147483647"),
        ({"changes": [{**CHANGE, "item": True}]}, "[0].changes[0].item", "not a whole number"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_value(changed: dict[str, Any], path: str, said: str) -> None:
    refused = refusal("work_items", {**ITEM, **changed})

    assert (refused.table, refused.external_id, refused.path) == ("work_items", "50001", path)
    assert said in refused.reason


def test_a_state_that_no_pull_request_has_is_refused() -> None:
    assert "'open', not one of OPEN, CLOSED, MERGED" in refusal("prs", {**PULL, "state": "open"}, GITHUB).reason
    assert refusal("prs", "a text", GITHUB).path == "[0]"


def test_a_bad_record_leaves_the_others_as_they_are_and_of_two_the_later_counts() -> None:
    batch = read("work_items", ITEM, {**ITEM, "external_id": "2", "key": 1}, {**ITEM, "summary": "Later"})

    assert [item.summary for item in batch.work_items] == ["Later"]
    assert [one.path for one in batch.quarantined] == ["[1].key"]


def test_items_that_need_no_loading_are_left_out_and_what_they_say_has_a_hash() -> None:
    other = {**ITEM, "external_id": "2"}
    hashes = plain.digests(RawAnswer("work_items", "", [ITEM, other, {"key": "nameless"}, 5]))

    assert hashes.keys() == {"50001", "2"}
    assert hashes["50001"] != plain.digests(RawAnswer("work_items", "", [{**ITEM, "summary": "New"}]))["50001"]
    assert [item.external_id for item in read("work_items", ITEM, other, skip=frozenset({"2"})).work_items] == ["50001"]
    assert plain.digests(RawAnswer("statuses", "", [{"external_id": "1"}])) == {}


def test_each_kind_of_site_takes_records_of_its_own_tables() -> None:
    assert plain.entity_types(JIRA) == ["projects", "wits", "statuses", "custom_fields", "work_items"]
    assert plain.entity_types(GITHUB) == ["repositories", "prs"]
    assert plain.is_plain(JIRA, "work_items")
    assert not plain.is_plain(GITHUB, "work_items")


def test_what_is_no_list_is_none() -> None:
    with pytest.raises(Permanent, match="an object of external_id"):
        plain.normalise(JIRA, RawAnswer("statuses", "", {"external_id": "1"}))
