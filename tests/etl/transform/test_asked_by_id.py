"""Issues that were asked for by id: those that are gone are marked, though all that came is unchanged."""

from dataclasses import replace
from typing import Any

import pytest

from etl import pipeline
from etl.models import EtlJobRun, QuarantinedRecord, RawExtractionData, RunKind, WorkItem
from etl.queue.topology import Stage
from integrations.provider import RawAnswer
from integrations.providers.jira.normalise import ISSUES_BY_ID
from tests.integrations.providers.jira.samples import issue, page
from tests.support.making import a_run, raw_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> EtlJobRun:
    """A run that has loaded issues 1 to 3."""
    made = a_run(kind=RunKind.IMPORT)
    transform(made, page(issue(1), issue(2), issue(3)))
    return made


def transform(run: EtlJobRun, answer: RawAnswer) -> None:
    """Stores an answer as extraction does, and transforms it."""
    row = raw_row(
        run,
        entity_type=answer.entity_type,
        external_id=answer.external_id,
        raw_data=answer.content,
        extraction_metadata=dict(answer.metadata),
        digests=run.integration.provider_code.digests(answer),
    )
    pipeline.handle(Stage.TRANSFORM, [row.pk])
    row.refresh_from_db()
    assert row.status == "completed"


def by_id(*issues: dict[str, Any], **more: Any) -> RawAnswer:
    asked = {"issue_ids": ["50001", "50002", "50003"]}
    return RawAnswer(ISSUES_BY_ID, "issues:by_id", {"issues": list(issues), **more}, asked)


def there() -> dict[str, bool]:
    return dict(WorkItem.objects.values_list("external_id", "active"))


def test_an_issue_that_is_gone_is_marked_beside_those_that_have_not_changed(run: EtlJobRun) -> None:
    before = dict(WorkItem.objects.values_list("external_id", "last_updated_at"))

    transform(run, by_id(issue(1), issue(3)))

    assert there() == {"50001": True, "50002": False, "50003": True}
    after = dict(WorkItem.objects.values_list("external_id", "last_updated_at"))
    assert [number for number in after if after[number] != before[number]] == ["50002"]


def test_an_issue_that_the_site_could_not_give_is_told_of_and_stays(run: EtlJobRun) -> None:
    transform(run, by_id(issue(1), issue(3), issueErrors=[{"id": "50002", "errorMessage": "Timeout"}]))

    assert all(there().values())
    assert "'Timeout'" in QuarantinedRecord.objects.get(external_id="50002").reason


def test_an_issue_that_moved_keeps_its_row_and_changes_its_key(run: EtlJobRun) -> None:
    row = WorkItem.objects.get(external_id="50002").pk
    moved = issue(2, project={"id": "20009", "key": "MIR", "name": "Mir"}, updated="2025-04-01T00:00:00.000+0000")

    transform(run, by_id(issue(1), moved | {"key": "MIR-7"}, issue(3)))

    found = WorkItem.objects.get(external_id="50002")
    assert (found.pk, found.key, found.project.key, found.active) == (row, "MIR-7", "MIR", True)


def test_an_issue_that_left_is_inactive_beside_those_that_have_not_changed(run: EtlJobRun) -> None:
    answer = by_id(issue(1), issue(3))

    transform(run, replace(answer, metadata={**answer.metadata, "left": ["50002"]}))

    assert there() == {"50001": True, "50002": False, "50003": True}
    assert WorkItem.objects.get(external_id="50002").deleted_at is None


def test_a_deletion_that_is_made_anew_before_its_issue_counts_as_well(run: EtlJobRun) -> None:
    transform(run, by_id(issue(1), issue(3)))
    before = WorkItem.objects.get(external_id="50002").deleted_at
    WorkItem.objects.all().delete()
    rows = RawExtractionData.objects.order_by("-id")
    rows.update(status="pending")

    for row in rows:
        pipeline.handle(Stage.TRANSFORM, [row.pk])

    assert there() == {"50001": True, "50002": False, "50003": True}
    assert WorkItem.objects.get(external_id="50002").deleted_at == before
