"""The development status of issues is asked for as soon as their page is loaded."""

import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from custommapping.fields import fields_by_column
from custommapping.models import CustomField, CustomFieldMapping
from etl import pipeline
from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.models import (
    EtlJob,
    EtlJobRun,
    EtlJobRunStep,
    ExtractionCheckpoint,
    QdrantVector,
    RawExtractionData,
    RunKind,
    WorkItem,
    WorkItemPrLink,
)
from etl.queue.topology import Stage
from integrations.providers.jira.extract_dev_status import DevStatusStep
from integrations.records import LinkKind
from integrations.sandbox.jira.catalog import PROJECTS
from integrations.sandbox.jira.development import Development
from tests.support.driving import forget_delays, run_to_end, waiting, work_off
from tests.support.sites import Connected, connect, small_site
from tests.support.tables import derived_rows, rows_of, versions

SEED = 22
STEP = DevStatusStep.declared.name
LOADING = (Stage.EXTRACTION, Stage.TRANSFORM)
KINDS = {LinkKind.PULL_REQUEST: "pullrequest", LinkKind.BRANCH: "branch", LinkKind.COMMIT: "repository"}


@pytest.fixture
def connected(db: None) -> Iterator[Connected]:
    """An integration with a small site: two projects, a few issues with development, at one of them all gone."""
    with small_site(14, seed=SEED, projects=PROJECTS[:2]) as server:
        yield connect(server, batch_size="5")


def sync(job: EtlJob, config: Mapping[str, Any] | None = None) -> EtlJobRun:
    """A whole sync but for the embedding, which takes longest and has no part in this."""
    run = lifecycle.start(job.pk, trigger="test", config=config)
    work_off(run, stages=LOADING)
    QdrantVector.objects.filter(run=run).update(status="completed")
    advance(run.pk)
    run.refresh_from_db()
    return run


def work_off_until_asked(run: EtlJobRun) -> None:
    """Loads what is fetched at once, and stops when something about the development of a first page was fetched."""
    while not checkpoints(run, pages__gt=0):
        transforms = waiting(run.pk, Stage.TRANSFORM)
        if transforms:
            pipeline.handle(Stage.TRANSFORM, transforms[:1])
        else:
            # The newest: what is born of a page comes after the page that follows.
            pipeline.handle(Stage.EXTRACTION, waiting(run.pk, Stage.EXTRACTION)[-1:])


def developed(connected: Connected) -> dict[str, tuple[Development, ...]]:
    """By key, what the site knows of the issues that have any development."""
    issues = {entry.key: connected.site.issue(entry).development for entry in connected.site.entries}
    return {key: found for key, found in issues.items() if found}


def wanted_links(connected: Connected) -> dict[tuple[str, str, str], int]:
    """How many links there should be, by key, application and kind."""
    return {
        (key, one.application.lower(), kind.value): one.counts()[name]
        for key, found in developed(connected).items()
        for one in found
        for kind, name in KINDS.items()
        if one.counts()[name] and not one.gone
    }


def loaded_links() -> dict[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = {}
    for row in WorkItemPrLink.objects.values_list("work_item__key", "source", "kind"):
        found[row] = found.get(row, 0) + 1
    return found


def checkpoints(run: EtlJobRun, **fields: Any) -> list[ExtractionCheckpoint]:
    return list(ExtractionCheckpoint.objects.filter(run=run, step=STEP, **fields).order_by("id"))


def states(run: EtlJobRun) -> Mapping[str, str]:
    step = EtlJobRunStep.objects.get(run=run, step=STEP)
    return {stage.value: getattr(step, stage.value) for stage in Stage}


def asked(connected: Connected) -> list[str]:
    """The ids of the issues whose summaries were asked for."""
    return [call.text("issueId") for call in connected.server.requests if call.path.endswith("/issue/summary")]


def test_a_sync_brings_the_links_of_all_issues_that_have_development_and_asks_for_no_others(
    connected: Connected,
) -> None:
    run = run_to_end(connected.job)

    assert (run.status, run.warning) == ("FINISHED", "")
    assert len(developed(connected)) > 1
    assert loaded_links() == wanted_links(connected)
    read = WorkItem.objects.exclude(dev_status_read_at=None)
    assert {item.key for item in read} == set(developed(connected))
    assert sorted(asked(connected)) == sorted(item.external_id for item in read)
    assert set(states(run).values()) == {"finished"}


def test_it_starts_as_soon_as_a_page_is_loaded_and_the_step_shows_it(connected: Connected) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")

    work_off_until_asked(run)

    assert ExtractionCheckpoint.objects.filter(run=run, step__contains="issues", status="pending").exists()
    assert EtlJobRunStep.objects.get(run=run, step=STEP).planned_at is None
    assert states(run)["extraction"] == "running"
    assert asked(connected)


def test_a_second_sync_with_nothing_changed_asks_for_none_and_writes_nothing(connected: Connected) -> None:
    sync(connected.job)
    before = versions(connected.integration.pk)
    connected.server.requests.clear()

    again = sync(connected.job, {"full_sync": True})

    assert again.status == "FINISHED"
    assert asked(connected) == []
    assert checkpoints(again) == []
    assert versions(connected.integration.pk) == before
    assert set(states(again).values()) == {"finished"}


def test_an_issue_that_changed_is_asked_for_again_and_what_ended_goes(connected: Connected) -> None:
    sync(connected.job)
    key = next(key for key, found in developed(connected).items() if found[0].pull_requests and not found[0].gone)
    connected.site.develop_issue(key, commits=2, application="GitLab")
    connected.site.edit_issue(key, summary="Other words")
    connected.server.requests.clear()

    sync(connected.job)

    item = WorkItem.objects.get(key=key)
    assert asked(connected) == [item.external_id]
    assert {link: count for link, count in loaded_links().items() if link[0] == key} == {(key, "gitlab", "commit"): 2}
    assert loaded_links() == wanted_links(connected)


def without_pull_requests(connected: Connected) -> str:
    """Unlinks all of an open issue, of which neither the time of its last update nor its history tells; its key."""
    done = WorkItem.objects.filter(status__category="Done").values_list("key", flat=True)
    key = next(key for key, found in developed(connected).items() if not found[0].gone and key not in done)
    assert any(link[0] == key for link in loaded_links())
    connected.site.develop_issue(key)
    return key


def test_a_repair_asks_again_for_open_issues_whose_development_was_read_long_ago(connected: Connected) -> None:
    sync(connected.job)
    before = loaded_links()
    key = without_pull_requests(connected)
    WorkItem.objects.filter(key=key).update(dev_status_read_at=timezone.now() - timedelta(days=30))
    connected.server.requests.clear()

    run = lifecycle.start_repair(connected.job.pk, trigger="test")
    work_off(run, stages=LOADING)

    assert asked(connected) == [WorkItem.objects.get(key=key).external_id]
    assert loaded_links() == {link: count for link, count in before.items() if link[0] != key}
    assert WorkItem.objects.filter(key=key, dev_status_read_at__gt=timezone.now() - timedelta(days=1)).exists()


def test_an_issue_that_a_webhook_names_is_asked_for_again(connected: Connected) -> None:
    sync(connected.job)
    key = next(iter(developed(connected)))
    connected.site.develop_issue(key, pull_requests=["OPEN", "MERGED"], application="stash")
    connected.server.requests.clear()

    run = lifecycle.request_items(connected.integration, [WorkItem.objects.get(key=key).external_id], trigger="test")
    work_off(run, stages=LOADING)

    assert len(asked(connected)) == 1
    assert {link: count for link, count in loaded_links().items() if link[0] == key} == {
        (key, "stash", "pull_request"): 2
    }


def test_a_run_without_development_status_asks_for_none(connected: Connected) -> None:
    run = sync(connected.job, {"include_dev_status": False})

    assert run.status == "FINISHED"
    assert asked(connected) == []
    assert not WorkItemPrLink.objects.exists()


def test_a_run_without_that_step_asks_for_none(connected: Connected) -> None:
    steps = ["jira_projects_and_issue_types", "jira_statuses_and_relationships", "jira_issues_with_changelogs"]

    run = sync(connected.job, {"steps": steps})

    assert run.status == "FINISHED"
    assert asked(connected) == []


def test_reprocessing_makes_the_same_links_without_a_call_in_whatever_order(connected: Connected) -> None:
    sync(connected.job)
    before = rows_of("work_items_prs_links", connected.integration.pk)
    WorkItem.objects.all().delete()
    connected.server.requests.clear()

    run = lifecycle.reprocess(connected.job.pk, trigger="test")
    # As if each were the other way round: what an item needs comes before it.
    details = RawExtractionData.objects.filter(run=run, step=STEP).order_by("-id").values_list("pk", flat=True)
    for raw_id in details:
        pipeline.handle(Stage.TRANSFORM, [raw_id])
    assert not WorkItemPrLink.objects.exists()
    work_off(run, shuffle=random.Random(5), stages=LOADING)

    assert rows_of("work_items_prs_links", connected.integration.pk) == before
    assert not connected.server.requests


def test_what_was_left_when_a_run_was_stopped_is_asked_for_in_the_next_one(connected: Connected) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")
    work_off_until_asked(run)
    lifecycle.stop(connected.job.pk)
    left = checkpoints(run, status="cancelled")
    assert left

    again = sync(connected.job)

    assert again.status == "FINISHED"
    assert {unit.pk for unit in left} <= {unit.pk for unit in checkpoints(again, status="completed")}
    assert loaded_links() == wanted_links(connected)
    assert len(asked(connected)) == len(set(asked(connected)))


def test_a_page_loaded_twice_in_a_run_is_asked_for_once(connected: Connected) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")
    work_off(run, stages=LOADING)
    before = len(checkpoints(run))
    WorkItem.objects.update(content_hash="")
    RawExtractionData.objects.filter(run=run, entity_type="jira_issues").update(status="pending")

    work_off(run, stages=LOADING)

    assert len(checkpoints(run)) == before > 0
    assert len(asked(connected)) == len(set(asked(connected)))


def test_an_account_without_the_permission_finishes_with_a_warning(connected: Connected) -> None:
    connected.server.faults.lacking = ("VIEW_DEV_TOOLS",)

    run = sync(connected.job)

    assert run.status == "FINISHED"
    assert "the account lacks the permission 'View development tools'" in run.warning
    assert WorkItem.objects.count() == len(connected.site.entries)
    assert not WorkItemPrLink.objects.exists()


@pytest.mark.django_db
def test_with_faults_the_links_are_the_same() -> None:
    with small_site(14, seed=SEED, projects=PROJECTS[:2]) as server:
        good, bad = connect(server, name="Good"), connect(server, name="Bad")
        sync(good.job)
        server.faults.only_under, server.faults.error_share = "/rest/dev-status", 0.3
        run = lifecycle.start(bad.job.pk, trigger="test")

        while work_off(run, stages=LOADING):
            forget_delays(run.pk)

        assert RawExtractionData.objects.filter(run=run, step=STEP).exists()
        assert derived_rows(bad.integration.pk) == derived_rows(good.integration.pk)


def _a_field(connected: Connected, external_id: str, **schema: str) -> CustomField:
    return CustomField.objects.create(
        tenant=connected.tenant, integration=connected.integration, external_id=external_id, name="Entwicklung",
        field_type="any", schema=schema,
    )  # fmt: skip


def test_the_field_is_the_one_that_the_tenant_mapped_else_the_one_of_its_kind(connected: Connected) -> None:
    assert fields_by_column(connected.integration) == {}
    _a_field(connected, "customfield_5", custom="com.example:other")
    _a_field(
        connected,
        "customfield_7",
        custom="com.atlassian.jira.plugins.jira-development-integration-plugin:devsummarycf",
    )
    assert fields_by_column(connected.integration) == {"code_changed": "customfield_7"}

    mapped = _a_field(connected, "customfield_9", custom="com.example:mine")
    CustomFieldMapping.objects.create(
        tenant=connected.tenant, integration=connected.integration, code_changed_field=mapped
    )

    assert fields_by_column(connected.integration) == {"code_changed": "customfield_9"}


@pytest.mark.parametrize("kind", [RunKind.REPROCESS, RunKind.IMPORT, RunKind.DISCOVERY])
def test_runs_that_call_nobody_give_rise_to_no_call(connected: Connected, kind: RunKind) -> None:
    run = sync(connected.job)
    WorkItem.objects.all().delete()
    EtlJobRun.objects.filter(pk=run.pk).update(status="RUNNING", kind=kind)
    ExtractionCheckpoint.objects.filter(step=STEP).delete()
    RawExtractionData.objects.filter(entity_type="jira_issues").update(status="pending")

    work_off(run, stages=LOADING)

    assert WorkItem.objects.count() == len(connected.site.entries)
    assert checkpoints(run) == []


def test_links_of_an_issue_whose_development_field_shows_nothing_any_more_end_with_its_next_change(
    connected: Connected,
) -> None:
    sync(connected.job)
    key = next(key for key, found in developed(connected).items() if not found[0].gone)
    connected.site.develop_issue(key)
    connected.site.edit_issue(key, summary="Other words")
    connected.server.requests.clear()

    sync(connected.job)

    assert asked(connected) == [WorkItem.objects.get(key=key).external_id]
    assert loaded_links() == wanted_links(connected)
    # That a pull request mentions it is no reason to ask.
    item = WorkItem.objects.get(key=key)
    owner = {"tenant_id": item.tenant_id, "integration_id": item.integration_id}
    WorkItemPrLink.objects.create(**owner, work_item=item, source="mention", external_id="#1")
    connected.site.edit_issue(key, summary="Yet others")
    connected.server.requests.clear()
    sync(connected.job)
    assert asked(connected) == []
