"""Histories in all shapes: inline, from /changelog/bulkfetch, by the page, and whole issues from Data Center."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.jira.normalise import CHANGELOGS, digests, normalise
from integrations.records import NOBODY, Batch, Person, StatusChange

from .samples import Json, history, issue, item, page, record, refusal

EARLY, LATE = "2025-03-02T10:00:00.000+0000", "2025-03-03T10:00:00.000+0000"


def test_every_status_change_is_read_in_order() -> None:
    changes = record(
        issue(
            1,
            [
                history("900", LATE, {"field": "Link"}, item("2", "3"), item("3", "4")),
                history("99", LATE, item("1", "2"), author=None),
                history(12, 1_740_909_600_000, item(None, "1", fromString="")),
            ],
        )
    ).changes
    assert [(change.history_id, change.item, change.from_id, change.to_id) for change in changes] == [
        ("12", 0, None, "1"),
        ("99", 0, "1", "2"),
        ("900", 1, "2", "3"),
        ("900", 2, "3", "4"),
    ]
    assert changes[0].at == datetime(2025, 3, 2, 10, tzinfo=UTC)
    assert (changes[0].from_name, changes[0].to_name) == (None, "name 1")
    assert (changes[1].by, changes[2].by) == (NOBODY, Person("5b10-ada", "Ada Quill"))


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"fieldId": ...}, True),
        ({"fieldId": ""}, True),
        ({"fieldId": ..., "fieldtype": ...}, True),
        ({"fieldId": ..., "fieldtype": None, "field": "Status"}, False),
        ({"fieldId": ..., "fieldtype": "custom"}, False),
        ({"fieldId": "customfield_10077"}, False),
        ({"field": "Status umbenannt"}, True),
        ({"field": "resolution", "fieldId": "resolution"}, False),
    ],
)
def test_a_status_change_is_told_by_its_field_id(changed: Json, counts: bool) -> None:
    entry = {name: value for name, value in (item("1", "2") | changed).items() if value is not ...}
    assert len(record(issue(1, [history("1", EARLY, entry)])).changes) == int(counts)


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        ("gone", ""),
        (history(None, EARLY, item("1", "2")), ".id"),
        (history("5", "yesterday", item("1", "2")), ".created"),
        (history("5", EARLY) | {"items": "none"}, ".items"),
        (history("5", EARLY, item("1", "2"), "gone"), ".items[1]"),
        (history("5", EARLY, item("1", {"id": 2})), ".items[0].to"),
        (history("5", EARLY, item("1", "2", toString=2)), ".items[0].toString"),
    ],
)
def test_a_broken_history_quarantines_its_issue(broken: Any, path: str) -> None:
    found = refusal(issue(2, [history("4", EARLY, item("1", "2")), broken]))
    assert found.path == f"issues[1].changelog.histories[1]{path}"


@pytest.mark.parametrize("nothing", [..., None, [], {}, ""])
def test_a_history_without_items_changed_nothing(nothing: Any) -> None:
    empty = {name: value for name, value in (history("5", EARLY) | {"items": nothing}).items() if value is not ...}
    found = record(issue(1, [history("4", EARLY, item("1", "2")), empty]))
    assert [change.history_id for change in found.changes] == ["4"]


@pytest.mark.parametrize("nothing", [{"total": 0}, {"total": 0, "histories": None}, {"histories": []}])
def test_an_issue_may_have_no_history_at_all(nothing: Json) -> None:
    assert record(issue(1) | {"changelog": nothing}).changes == ()


def test_a_history_without_a_status_is_not_looked_at_closely() -> None:
    noise = history("5", "yesterday", {"field": "RemoteIssueLink", "from": None, "to": {"x": 1}}, author="nobody")
    assert record(issue(1, [noise])).changes == ()


@pytest.mark.parametrize(
    ("changelog", "path"),
    [
        (None, "issues[1].changelog"),
        ([], "issues[1].changelog"),
        ({"total": 1}, "issues[1].changelog"),
        ({"total": 0, "histories": "none"}, "issues[1].changelog.histories"),
        ({"total": "2", "histories": []}, "issues[1].changelog.total"),
        ({"total": 2, "histories": [history("1", EARLY)]}, "issues[1].changelog"),
    ],
)
def test_an_issue_without_its_whole_history_is_quarantined(changelog: Any, path: str) -> None:
    assert refusal(issue(2) | {"changelog": changelog}).path == path


def renamed(before: Any, **more: Any) -> Json:
    """A history's item of an issue that went to another project."""
    return {"field": "Key", "fieldtype": "jira", "from": None, "fromString": before, "toString": "ORB-1"} | more


def test_the_keys_that_an_issue_had_are_read() -> None:
    moves = [history("4", EARLY, renamed("WEB-7")), history("5", LATE, item("1", "2"), renamed("OPS_2-19"))]
    found = record(issue(1, moves))
    assert found.former_keys == ("OPS_2-19", "WEB-7")
    assert len(found.changes) == 1


@pytest.mark.parametrize("odd", [renamed("WEB-7", fieldtype="custom"), renamed(None), renamed(""), renamed({"x": 1})])
def test_what_is_no_key_that_an_issue_had_is_left_aside(odd: Json) -> None:
    assert record(issue(1, [history("4", EARLY, odd)])).former_keys == ()


FIRST, SECOND, THIRD = (
    history("10", 1_740_909_600_000, item("1", "2")),
    history("20", "2025-03-02T11:00:00.000+0100", item("2", "3"), item("3", "1")),
    history("30", LATE, item("1", "4")),
)


def bulk(number: int, **histories: Any) -> RawAnswer:
    logs = [{"issueId": name[1:], "changeHistories": found} for name, found in histories.items()]
    return RawAnswer(CHANGELOGS, f"changelogs:p:{number}", {"issueChangeLogs": logs})


def paged(*histories: Any, issue_id: Any = "50002", **more: Any) -> RawAnswer:
    """A page of /issue/{id}/changelog."""
    content = {"startAt": 0, "maxResults": 100, "total": 3, "isLast": True, "values": list(histories)} | more
    return RawAnswer(CHANGELOGS, "changelogs:p:1", content, {"issue_id": issue_id} if issue_id is not ... else {})


def whole(*histories: Any, **more: Any) -> RawAnswer:
    """An issue of Data Center, asked for because of its histories alone."""
    changelog = {"startAt": 0, "maxResults": 3, "total": 3, "histories": list(histories)} | more
    return RawAnswer(CHANGELOGS, "changelogs:p:1", {"id": "50002", "key": "ORB-2", "changelog": changelog})


def cut(*histories: Any, total: int = 3) -> Json:
    """Issue 2, whose changelog holds less than it says."""
    issue_cut = issue(2, list(histories))
    issue_cut["changelog"]["total"] = total
    return issue_cut


def changes(batch: Batch) -> list[tuple[str, int, str | None, str | None]]:
    """Of the last issue of a batch in which nothing was refused."""
    assert list(batch.quarantined) == []
    return [(found.history_id, found.item, found.from_id, found.to_id) for found in batch.work_items[-1].changes]


@pytest.mark.parametrize(
    "followups",
    [
        [bulk(1, _50002=[FIRST], _50009=[history("1", EARLY)]), bulk(2, _50002=[SECOND, THIRD])],
        [bulk(2, _50002=[SECOND, THIRD]), bulk(1, _50002=[FIRST])],
        [bulk(1, _50002=[FIRST]), bulk(2, _50002=[FIRST, SECOND])],
        [paged(FIRST, SECOND, THIRD)],
        [paged(FIRST, SECOND, isLast=False, maxResults=2), paged(THIRD, startAt=2)],
        [whole(THIRD, SECOND, FIRST)],
        [bulk(1, _50002=[]), paged(FIRST, SECOND), whole(FIRST, SECOND)],
    ],
)
def test_a_cut_history_is_completed_in_every_shape(followups: list[RawAnswer]) -> None:
    batch = normalise(page(issue(1), cut(THIRD)), followups)

    assert changes(batch) == [
        ("10", 0, "1", "2"), ("20", 0, "2", "3"), ("20", 1, "3", "1"), ("30", 0, "1", "4")
    ]  # fmt: skip
    assert batch.work_items[-1].changes[0].at == batch.work_items[-1].changes[1].at


def test_the_same_history_with_and_without_its_zone_and_author_counts_once() -> None:
    batch = normalise(page(cut(SECOND, total=1)), [bulk(1, _50002=[history(20, 1_740_909_600_000, item("2", "3"))])])

    assert changes(batch) == [("20", 0, "2", "3"), ("20", 1, "3", "1")]


@pytest.mark.parametrize(
    ("inline", "followups", "count"),
    [
        (3, [], "1 of 3"),
        (3, [bulk(1, _50002=[SECOND])], "2 of 3"),
        (3, [bulk(1, _50009=[FIRST, SECOND])], "1 of 3"),
        (3, [paged(FIRST)], "2 of 3"),
        (1, [paged(FIRST, SECOND, total=9)], "3 of 9"),
        (2, [whole(FIRST, total=4)], "2 of 4"),
    ],
)
def test_a_history_that_stays_incomplete_quarantines_its_issue(
    inline: int, followups: list[RawAnswer], count: str
) -> None:
    batch = normalise(page(issue(1), cut(THIRD, total=inline)), followups)

    assert [found.key for found in batch.work_items] == ["ORB-1"]
    assert [(found.external_id, found.path) for found in batch.quarantined] == [("50002", "issues[1].changelog")]
    assert f"{count} histories" in batch.quarantined[0].reason


def told_no_total(*histories: Json) -> Json:
    return {**cut(*histories), "changelog": {"histories": list(histories)}}


@pytest.mark.parametrize(
    ("told", "followups"),
    [
        (cut(THIRD, total=3), []),
        (cut(THIRD, total=3), [bulk(1, _50002=[SECOND])]),
        (told_no_total(THIRD), []),
        (told_no_total(THIRD), [bulk(1, _50002=[FIRST, SECOND])]),
    ],
)
def test_what_a_call_failed_to_bring_costs_its_issue_and_no_other(told: Json, followups: list[RawAnswer]) -> None:
    missing = [{"cursor": {"issue_ids": ["50002"]}, "error": "Jira: 500 of changelogs"}]
    batch = normalise(replace(page(issue(1), told), metadata={"missing": missing}), followups)

    assert [found.key for found in batch.work_items] == ["ORB-1"]
    (refused,) = batch.quarantined
    assert (refused.external_id, refused.path) == ("50002", "issues[1].changelog")
    assert refused.reason == "issues[1].changelog is not whole: Jira: 500 of changelogs"


def test_a_history_that_came_whole_before_the_call_failed_is_read() -> None:
    missing = [{"cursor": {"issue_ids": ["50002", "50003"]}, "error": "500"}]
    answer = replace(page(cut(THIRD, total=2)), metadata={"missing": missing})

    assert len(changes(normalise(answer, [bulk(1, _50002=[FIRST])]))) == 2


def test_more_histories_than_the_total_are_no_fault() -> None:
    assert len(changes(normalise(page(cut(THIRD, total=2)), [paged(FIRST, SECOND, total=1)]))) == 4


def test_histories_of_data_center_have_no_field_id_and_people_without_account_id() -> None:
    told: Json = {"field": "status", "fieldtype": "jira", "from": "1", "fromString": "Open", "to": "2"}
    author = {"name": "ada", "key": "JIRAUSER10100", "displayName": "Ada Quill", "active": False}
    found = record(issue(1, [history("7", EARLY, told | {"toString": "Doing"}, author=author)])).changes

    assert found == (
        StatusChange("7", 0, datetime(2025, 3, 2, 10, tzinfo=UTC), "1", "Open", "2", "Doing",
                     Person("JIRAUSER10100", "Ada Quill")),
    )  # fmt: skip


def test_a_history_without_an_author_was_made_by_nobody() -> None:
    entry = history("7", EARLY, item("1", "2"))
    del entry["author"]

    assert record(issue(1, [entry])).changes[0].by == NOBODY


def test_a_null_source_says_nothing_of_what_the_status_was() -> None:
    entry = item(None, None, fromString="Open", toString="Doing")
    found = record(issue(1, [history("7", EARLY, entry, item("", "2", fromString=""))])).changes

    assert [(change.from_id, change.from_name, change.to_id) for change in found] == [
        (None, "Open", None), (None, None, "2")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        (bulk(1, _50002=[FIRST, history(9, "no", item("1", "2"))]), ".issueChangeLogs[0].changeHistories[1].created"),
        (bulk(1, _50002="none"), ".issueChangeLogs[0].changeHistories"),
        (paged(FIRST, "gone"), ".values[1]"),
        (paged(FIRST, total="3"), ".total"),
        (whole(history(None, LATE)), ".changelog.histories[0].id"),
    ],
)  # fmt: skip
def test_what_is_broken_in_a_followup_is_located_in_it(answer: RawAnswer, path: str) -> None:
    batch = normalise(page(cut(THIRD)), [answer])

    assert [found.path for found in batch.quarantined] == [f"issues[0].changelog(changelogs:p:1){path}"]


@pytest.mark.parametrize("content", [[], None, {}, {"issues": []}, {"issueChangeLogs": {}}, {"changelog": []}])
def test_what_holds_no_histories_is_permanent(content: Any) -> None:
    answer = RawAnswer(CHANGELOGS, "c", content, {"issue_id": "50002"})
    for read in (normalise, digests):
        with pytest.raises(Permanent, match=r"jira_changelogs 'c' is .*, not .*issueChangeLogs"):
            read(answer)


@pytest.mark.parametrize("issue_id", [..., None, "", 50002])
def test_a_page_of_histories_must_say_whose_they_are(issue_id: Any) -> None:
    with pytest.raises(Permanent, match=r"metadata.issue_id is .*, not an id"):
        normalise(paged(FIRST, issue_id=issue_id))


@pytest.mark.parametrize("answer", [bulk(1, _50002=[FIRST], _50009=[]), paged(FIRST), whole(FIRST)])
def test_histories_alone_make_no_record(answer: RawAnswer) -> None:
    assert normalise(answer) == Batch()


@pytest.mark.parametrize("make", [lambda *found: bulk(1, _50002=list(found)), paged, whole])
def test_the_hash_of_histories_stands_under_their_issue_and_changes_with_them_alone(make: Any) -> None:
    one, other, same = digests(make(FIRST)), digests(make(FIRST, SECOND)), make(FIRST)
    same.content["self"] = same.content["nextPage"] = "https://acme.example/other"

    assert list(one) == list(other) == ["50002"]
    assert one != other
    assert digests(same) == one
