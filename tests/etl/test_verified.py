"""Verifications of sandbox sites, with the real providers, while these change and are read."""

from collections.abc import Iterator
from typing import Any

import pytest

from etl import pipeline
from etl.jobs import lifecycle
from etl.models import ExtractionCheckpoint, Overall, Pr, RawExtractionData, Verification, WorkItem
from etl.queue.topology import Stage
from etl.verification import verify
from integrations.models import Integration
from tests.support.driving import run_to_end, waiting, work_off
from tests.support.github import ConnectedGitHub, connect_github, small_github
from tests.support.sites import Connected
from tests.support.tables import derived_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def github() -> Iterator[ConnectedGitHub]:
    with small_github() as server:
        yield connect_github(server)


def verified(integration: Integration, *, repairs: bool = False) -> Verification:
    verification = verify.run(verify.request(integration, trigger="test", repairs=repairs))
    assert verification.state == "finished", verification.error_message
    return verification


def said(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the hash of what told of it: asked for by its id, a pull request is told of in another way."""
    return [{name: value for name, value in row.items() if name != "content_hash"} for row in rows]


def forget_answers(item: str) -> None:
    """Nothing is left to make it from."""
    for answer in RawExtractionData.objects.filter(digests__has_key=item):
        answer.digests = {other: digest for other, digest in (answer.digests or {}).items() if other != item}
        answer.save()


def test_it_holds_in_the_middle_of_a_sync_while_issues_come_and_change(connected: Connected) -> None:
    run_to_end(connected.job)
    assert verified(connected.integration).score == 0
    connected.site.add_issue("PAY", summary="Before the next sync")
    run = lifecycle.start(connected.job.pk, trigger="test")
    looks = 0
    while todo := [(stage, unit) for stage in (Stage.EXTRACTION, Stage.TRANSFORM) for unit in waiting(run.pk, stage)]:
        pipeline.handle(todo[0][0], [todo[0][1]])
        if looks < 4:
            looks += 1
            connected.site.edit_issue(connected.site.keys()[looks], summary="Meanwhile")
            connected.site.add_issue("PAY", summary="Meanwhile")
            report = verified(connected.integration).report
            assert sum(one["drift"] for one in report["projects"]) == 0, report
            assert report["totals"]["created_since"] >= looks


def test_what_drifted_of_a_jira_is_found_and_repaired_exactly(connected: Connected) -> None:
    run_to_end(connected.job)
    before = derived_rows(connected.integration.pk)
    lost, gone = WorkItem.objects.filter(project__key="PAY").order_by("id")[:2]
    forget_answers(lost.external_id)
    lost.delete()
    found = verified(connected.integration, repairs=True)

    (pay,) = (one for one in found.report["projects"] if one["name"] == "PAY")
    assert (pay["missing"], pay["gone"], found.report["totals"]["missing"]) == (1, 0, 1)
    assert found.repair
    work_off(found.repair)
    assert derived_rows(connected.integration.pk) == before

    connected.site.delete_issue(gone.key)
    found = verified(connected.integration, repairs=True)
    assert found.report["totals"]["gone"] == 1
    assert found.repair
    work_off(found.repair)
    gone.refresh_from_db()
    assert gone.deleted_at
    assert verified(connected.integration).score == 0
    listed = ExtractionCheckpoint.objects.filter(run=found.repair, step="jira_issue_listing")
    assert {one.cursor["question"]["project_key"] for one in listed} == {"PAY"}


def test_what_drifted_of_a_github_is_found_and_repaired_exactly(github: ConnectedGitHub) -> None:
    assert run_to_end(github.job).status == Overall.FINISHED
    assert verified(github.integration).score == 0
    before = derived_rows(github.integration.pk)
    lost, other = Pr.objects.filter(repository__full_name="acme/console").order_by("id")[:2]
    forget_answers(lost.external_id)
    lost.delete()
    other_id = other.external_id
    other.delete()
    github.site.open_pull("acme/console", title="Since then")

    found = verified(github.integration, repairs=True)

    (console,) = (one for one in found.report["repositories"] if one["name"] == "acme/console")
    assert (console["missing"], console["underived"], console["created_since"]) == (2, 1, 1)
    assert found.report["totals"]["missing"] == 2
    assert found.repair
    work_off(found.repair)
    assert found.repair.status == Overall.FINISHED
    assert Pr.objects.filter(external_id__in=[lost.external_id, other_id]).count() == 2
    after = derived_rows(github.integration.pk)
    for table in ("prs", "prs_commits", "prs_reviews", "prs_comments"):
        assert [row for row in said(before[table]) if row not in said(after[table])] == []
    listed = ExtractionCheckpoint.objects.filter(run=found.repair, step="github_pull_request_listing")
    assert [one.cursor["full_name"] for one in listed] == ["acme/console"]
    assert verified(github.integration).report["totals"]["missing"] == 0
