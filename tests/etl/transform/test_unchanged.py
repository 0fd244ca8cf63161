"""A page whose items the database holds as they are: left alone, and not even read back."""

from typing import Any

import pytest

from custommapping.models import Status
from etl import pipeline
from etl.models import EtlJobRun, QuarantinedRecord, RawExtractionData, RunKind, WorkItem
from etl.queue.topology import Stage
from integrations.provider import RawAnswer
from tests.integrations.providers.jira.samples import history, issue, item, page
from tests.support.making import a_run, raw_row

pytestmark = pytest.mark.django_db


def loaded(run: EtlJobRun, *issues: dict[str, Any], followups: tuple[Any, ...] = (), **fields: Any) -> None:
    """Stores a page with the hashes that extraction makes of it, and transforms it."""
    provider = run.integration.provider_code
    answers = [page(*issues), *(RawAnswer("jira_changelogs", "c", content) for content in followups)]
    first: RawExtractionData | None = None
    for answer in answers:
        values: dict[str, Any] = {"raw_data": answer.content, "digests": provider.digests(answer), "parent": first}
        kept = {"entity_type": answer.entity_type, "external_id": answer.external_id, **values}
        row = raw_row(run, **(kept | (fields if first is None else {})))
        first = first or row
    assert first
    pipeline.handle(Stage.TRANSFORM, [first.pk])
    first.refresh_from_db()
    assert (first.status, first.records) == ("completed", len(issues))


UNREADABLE: dict[str, Any] = {"raw_data": "not a page"}


def test_a_page_that_has_not_changed_is_not_read_back() -> None:
    run, issues = a_run(kind=RunKind.IMPORT), [issue(1), issue(2)]
    loaded(run, *issues)
    before = list(WorkItem.objects.values_list("external_id", "last_updated_at"))

    loaded(run, *issues, **UNREADABLE)

    assert list(WorkItem.objects.values_list("external_id", "last_updated_at")) == before


def test_of_a_page_that_has_changed_only_the_changed_issue_is_written() -> None:
    run = a_run(kind=RunKind.IMPORT)
    loaded(run, issue(1), issue(2))
    before = dict(WorkItem.objects.values_list("external_id", "last_updated_at"))

    loaded(run, issue(1), issue(2, summary="Other"))

    after = dict(WorkItem.objects.values_list("external_id", "last_updated_at"))
    assert [number for number in after if after[number] != before[number]] == ["50002"]


def test_a_history_that_only_a_following_answer_brings_is_a_change() -> None:
    run, cut = a_run(kind=RunKind.IMPORT), issue(1)
    cut["changelog"]["total"] = 1
    logs = [
        {"issueChangeLogs": [{"issueId": "50001", "changeHistories": [history("7", when, item("10101", "10102"))]}]}
        for when in ("2025-03-02T09:00:00.000+0000", "2025-03-03T09:00:00.000+0000")
    ]
    loaded(run, cut, followups=(logs[0],))
    loaded(run, cut, followups=(logs[1],))

    assert str(WorkItem.objects.get().changelogs.get().transition_change_date) == "2025-03-03 09:00:00+00:00"


def test_histories_that_are_divided_otherwise_among_the_following_answers_are_no_change() -> None:
    run, cut = a_run(kind=RunKind.IMPORT), issue(1)
    cut["changelog"]["total"] = 2
    told = [history("7", "2025-03-02T09:00:00.000+0000", item("10101", "10102"))]
    told.append(history("8", "2025-03-03T09:00:00.000+0000", item("10102", "10101")))
    logs = [{"issueChangeLogs": [{"issueId": "50001", "changeHistories": some}]} for some in (told, told[:1], told[1:])]
    loaded(run, cut, followups=(logs[0],))
    before = WorkItem.objects.values_list("raw_data_id", "last_updated_at").get()

    loaded(run, cut, followups=(logs[1], logs[2]))

    assert WorkItem.objects.values_list("raw_data_id", "last_updated_at").get() == before


def test_a_quarantined_issue_is_read_again_though_all_others_are_unchanged() -> None:
    run, bad = a_run(kind=RunKind.IMPORT), issue(2, created="yesterday")
    for _ in range(2):
        answer = raw_row(run, entity_type="jira_issues", raw_data=page(issue(1), bad).content)
        pipeline.handle(Stage.TRANSFORM, [answer.pk])

    assert QuarantinedRecord.objects.get().raw_data_id == answer.pk


def test_a_newer_reader_reads_all_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(kind=RunKind.IMPORT)
    loaded(run, issue(1))
    Status.objects.update(name="Old reader's name", source_updated_at=None, authority=0)
    monkeypatch.setattr(type(run.integration.provider_code), "reader_version", 99)

    loaded(run, issue(1))

    assert Status.objects.get().name == "Wird geprüft"
