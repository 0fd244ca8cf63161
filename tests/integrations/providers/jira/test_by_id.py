"""Issues asked for by id: what came, what is gone, and what nobody can tell."""

from typing import Any

import pytest

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.jira.normalise import CHANGELOGS, ISSUE_COUNTS, ISSUES, ISSUES_BY_ID, digests, normalise
from integrations.records import Batch

from .samples import Json, history, issue, item, page

ABSENT = "Issue does not exist or you do not have permission to see it."


def answer(*issues: Any, asked: Any = ("50001", "50002", "50003"), **more: Any) -> RawAnswer:
    metadata = {"issue_ids": list(asked) if isinstance(asked, tuple) else asked}
    return RawAnswer(ISSUES_BY_ID, "issues:by_id", {"issues": list(issues)} | more, metadata)


def errors(**messages: Any) -> list[Json]:
    return [{"id": name[1:], "errorMessage": message} for name, message in messages.items()]


def test_what_was_asked_for_and_did_not_come_is_gone() -> None:
    batch = normalise(answer(issue(2), issue(9), issueErrors=[]))

    assert [found.key for found in batch.work_items] == ["ORB-2", "ORB-9"]
    assert batch.gone == ["50001", "50003"]
    assert list(batch.quarantined) == []


def test_what_the_site_says_not_to_exist_is_gone() -> None:
    batch = normalise(answer(issue(1), issueErrors=errors(_50002=ABSENT, _50003="You have no PERMISSION")))

    assert (batch.gone, list(batch.quarantined)) == (["50002", "50003"], [])


@pytest.mark.parametrize("message", ["Service unavailable", "", None, 5, ["does not exist"]])
def test_an_issue_with_any_other_error_is_quarantined_and_not_gone(message: Any) -> None:
    batch = normalise(answer(issue(1), issueErrors=errors(_50003=message)))

    assert batch.gone == ["50002"]
    (refused,) = batch.quarantined
    assert (refused.table, refused.external_id, refused.path) == (
        "work_items", "50003", "issueErrors[0].errorMessage"
    )  # fmt: skip
    assert refused.reason.startswith(f"{refused.path} is ")
    assert message is None or repr(message) in refused.reason


def test_an_error_of_an_issue_that_came_says_nothing() -> None:
    batch = normalise(answer(issue(1), issue(2), issue(3), issueErrors=errors(_50002="Slow", _50003=ABSENT)))

    assert (len(batch.work_items), batch.gone, list(batch.quarantined)) == (3, [], [])


def test_a_search_of_data_center_answers_as_well() -> None:
    batch = normalise(answer(issue(3), startAt=0, maxResults=50, total=1))

    assert (batch.gone, [found.external_id for found in batch.work_items]) == (["50001", "50002"], ["50003"])


@pytest.mark.parametrize(
    ("issues", "more"),
    [
        ([issue(1)], {"total": 2}),
        ([issue(1), "50002"], {}),
        ([issue(1), issue(2) | {"id": None}], {}),
        ([issue(1)], {"issueErrors": ["Timeout"]}),
        ([issue(1)], {"issueErrors": [{"errorMessage": "Timeout"}]}),
        ([issue(1)], {"issueErrors": {"50002": "Timeout"}}),
    ],
)
def test_where_the_answer_is_not_all_there_is_nothing_is_gone(issues: list[Any], more: Json) -> None:
    assert normalise(answer(*issues, **more)).gone == []


def test_what_is_said_not_to_exist_is_gone_even_where_more_is_amiss() -> None:
    more = {"issueErrors": [*errors(_50003=ABSENT), {"errorMessage": "Timeout"}]}

    assert normalise(answer(issue(1), **more)).gone == ["50003"]


def test_an_issue_that_came_and_cannot_be_read_is_not_gone() -> None:
    batch = normalise(answer(issue(1), issue(2, created=None), asked=("50001", "50002")))

    assert (batch.gone, [found.external_id for found in batch.quarantined]) == ([], ["50002"])


@pytest.mark.parametrize("asked", [None, 5, "50001", [], [None, {"id": "50001"}, ["50001"]]])
def test_who_asked_for_nothing_misses_nothing(asked: Any) -> None:
    assert normalise(answer(asked=asked)).gone == []


def test_ids_are_the_same_as_numbers_and_as_text() -> None:
    assert normalise(answer(issue(1) | {"id": 50001}, asked=(50001, "50002", 50002))).gone == ["50002"]


def test_issues_are_completed_and_skipped_as_on_a_page() -> None:
    cut = issue(2)
    cut["changelog"]["total"] = 1
    log = {"issueId": "50002", "changeHistories": [history("5", 1, item("1", "2"))]}
    batch = normalise(
        answer(issue(1), cut), [RawAnswer(CHANGELOGS, "c", {"issueChangeLogs": [log]})], skip={"50001", "50003"}
    )

    assert [(found.key, len(found.changes)) for found in batch.work_items] == [("ORB-2", 1)]
    assert batch.gone == ["50003"]


def test_an_issue_has_the_same_hash_by_id_as_on_a_page_and_one_that_is_gone_has_its_own() -> None:
    by_id = digests(answer(issue(1), names={"summary": "Titel"}))

    assert by_id.keys() == {"50001", "50002", "50003"}
    assert by_id["50001"] == digests(page(issue(1)))["50001"] != by_id["50002"]


@pytest.mark.parametrize("content", [None, [], {"issueErrors": []}, {"issues": {}}])
def test_what_holds_no_issues_is_permanent(content: Any) -> None:
    for read in (normalise, digests):
        with pytest.raises(Permanent, match=r"jira_issues_by_id 'x' is .*array 'issues'"):
            read(RawAnswer(ISSUES_BY_ID, "x", content, {"issue_ids": ["1"]}))


def test_names_and_schemas_change_neither_hashes_nor_records() -> None:
    plain = page(issue(1, customfield_1="x"))
    explained = page(issue(1, customfield_1="x") | {"self": "https://acme.example/1", "names": {"a": "b"}})
    explained.content.update(names={"customfield_1": "Farbe"}, schema={"customfield_1": {"type": "string"}})

    assert digests(explained) == digests(plain)
    assert normalise(explained) == normalise(plain)
    assert digests(page(issue(1, customfield_1="y"))) != digests(plain)
    assert digests(plain) == digests(RawAnswer(ISSUES, "other", plain.content))


@pytest.mark.parametrize("content", [{"count": 0}, {"count": 12}, {"total": 7, "issues": [], "maxResults": 0}])
def test_a_count_makes_no_record(content: Json) -> None:
    assert normalise(RawAnswer(ISSUE_COUNTS, "count", content)) == Batch()


@pytest.mark.parametrize("content", [{}, [], None, {"count": None}, {"count": -1}, {"count": True}, {"total": "7"}])
def test_a_count_that_is_none_is_permanent(content: Any) -> None:
    with pytest.raises(Permanent, match=r"jira_issue_counts 'count' is .*a number of issues"):
        normalise(RawAnswer(ISSUE_COUNTS, "count", content))
