"""Runs of chosen steps, projects and dates: they read what they were asked for, and spoil nothing for whole ones."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from etl import pipeline
from etl.jobs import lifecycle, watermarks
from etl.jobs.asked import RunRequest
from etl.models import (
    EtlJob,
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    Pr,
    RawExtractionData,
    WorkItem,
    WorkItemPrLink,
)
from etl.queue.topology import Stage
from integrations.models import Integration
from integrations.sandbox import SandboxServer, SiteSpec
from tests.support.brokers import RecordingBroker
from tests.support.driving import run_to_end, waiting
from tests.support.github import ConnectedGitHub, connect_github, small_github
from tests.support.making import ISSUES, PROJECTS
from tests.support.sites import FEW_PROJECTS, Connected, connect, small_site
from tests.support.tables import derived_rows

pytestmark = pytest.mark.django_db
ITEMS = 12
DEV_STATUS, PULL_REQUESTS = "jira_dev_status", "github_prs_commits_reviews_comments"


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxServer]:
    """One that no test changes."""
    with small_site(ITEMS, projects=FEW_PROJECTS) as server:
        yield server


@pytest.fixture
def jira(site: SandboxServer) -> Connected:
    return connect(site)


@pytest.fixture
def changing() -> Iterator[Connected]:
    with small_site(ITEMS, projects=FEW_PROJECTS) as server:
        yield connect(server)


@pytest.fixture
def github() -> Iterator[ConnectedGitHub]:
    with small_github(6, jira=SiteSpec(ITEMS, projects=FEW_PROJECTS)) as server:
        yield connect_github(server)


def run(integration: Integration, **asked: Any) -> EtlJobRun:
    config = RunRequest.parse(asked, integration).config()
    done = run_to_end(integration.jobs.get(), config)
    assert (done.status, done.error_message) == (Overall.FINISHED, "")
    return done


def half(server: SandboxServer) -> datetime:
    """When the issue in the middle was last updated."""
    at = sorted(entry.updated for entry in server.site.entries)
    return datetime.fromtimestamp(at[len(at) // 2] / 1000, UTC)


def keys(integration: Integration) -> set[str]:
    return set(WorkItem.objects.filter(integration=integration, active=True).values_list("key", flat=True))


@cache
def first_sync(server: SandboxServer) -> dict[str, list[dict[str, Any]]]:
    """What another tenant gets that connects."""
    other = connect(server, tenant="Later")
    run(other.integration)
    return derived_rows(other.integration.pk)


def pages_read(done: EtlJobRun) -> int:
    return RawExtractionData.objects.filter(run=done, entity_type__in=("jira_issues", "github_pull_requests")).count()


def test_a_backfill_reads_its_range_and_the_next_sync_all_the_rest(jira: Connected) -> None:
    middle = half(jira.server)

    run(jira.integration, updated_from=middle)

    wanted = {entry.key for entry in jira.site.entries if entry.updated >= middle.timestamp() * 1000}
    assert keys(jira.integration) == wanted
    assert not watermarks.read(jira.integration.pk, ISSUES)
    assert jira.job.last_sync_date is None
    run(jira.integration)
    assert derived_rows(jira.integration.pk) == first_sync(jira.server)


def test_a_backfill_neither_moves_a_watermark_nor_takes_anything_for_gone(changing: Connected) -> None:
    run(changing.integration)
    before, all_keys, synced_at = (
        watermarks.read(changing.integration.pk, ISSUES),
        keys(changing.integration),
        changing.job.last_sync_date,
    )
    assert before
    changed = sorted(all_keys)[0]
    changing.site.edit_issue(changed, summary="Another summary")

    run(changing.integration, updated_to=half(changing.server), projects=[changed.partition("-")[0]])

    assert watermarks.read(changing.integration.pk, ISSUES) == before
    assert (keys(changing.integration), changing.job.last_sync_date) == (all_keys, synced_at)
    run(changing.integration)
    assert WorkItem.objects.get(key=changed, integration=changing.integration).summary == "Another summary"


def test_chosen_steps_use_what_is_known(changing: Connected) -> None:
    run(changing.integration)
    changed = sorted(keys(changing.integration))[0]
    changing.site.edit_issue(changed, summary="Another summary")

    done = run(changing.integration, steps=[ISSUES])

    assert [step.step for step in done.steps.all()] == [ISSUES]
    assert not RawExtractionData.objects.filter(run=done).exclude(step=ISSUES).exists()
    assert WorkItem.objects.get(key=changed, integration=changing.integration).summary == "Another summary"
    # Nothing waits that no step of the run would end.
    assert not ExtractionCheckpoint.objects.filter(run=done).exclude(status="completed").exists()


def test_development_status_alone_is_read_of_the_items_that_have_some_in_chosen_projects_and_dates(
    jira: Connected,
) -> None:
    run(jira.integration)
    links, asked = WorkItemPrLink.objects.filter(integration=jira.integration), asked_for(jira)
    before = links.count()
    assert before
    *_, last = WorkItem.objects.filter(integration=jira.integration, external_id__in=asked).order_by("updated")
    links.delete()

    done = run(jira.integration, steps=[DEV_STATUS])

    assert (links.count(), pages_read(done), asked_for(jira, done)) == (before, 0, asked)
    earlier = run(jira.integration, steps=[DEV_STATUS], updated_to=last.updated)
    assert asked_for(jira, earlier) == asked - {last.external_id} != set()
    only = run(jira.integration, steps=[DEV_STATUS], projects=[last.key.partition("-")[0]], updated_from=last.updated)
    assert asked_for(jira, only) == {last.external_id}


def asked_for(jira: Connected, done: EtlJobRun | None = None) -> set[str]:
    """The issues of which the development status was asked for."""
    answers = RawExtractionData.objects.filter(integration=jira.integration, entity_type="jira_dev_status_summary")
    if done:
        answers = answers.filter(run=done)
    return {answer.extraction_metadata["issue_id"] for answer in answers}


def test_the_first_step_alone_reads_no_items(jira: Connected) -> None:
    done = run(jira.integration, steps=[PROJECTS])

    assert (pages_read(done), keys(jira.integration)) == (0, set())
    run(jira.integration)
    assert derived_rows(jira.integration.pk) == first_sync(jira.server)


def test_a_restricted_run_leaves_to_whole_ones_what_earlier_runs_left(jira: Connected) -> None:
    stopped = lifecycle.start(jira.job.pk, trigger="test")
    while not waiting(stopped.pk, Stage.TRANSFORM) or not RawExtractionData.objects.filter(step=ISSUES).exists():
        work_one(stopped, Stage.EXTRACTION) or work_one(stopped, Stage.TRANSFORM)
    lifecycle.stop_run(stopped.pk)
    left = RawExtractionData.objects.filter(run=stopped, status="cancelled").count()
    assert left

    run(jira.integration, steps=[PROJECTS])

    assert RawExtractionData.objects.filter(run=stopped, status="cancelled").count() == left
    run(jira.integration)
    assert derived_rows(jira.integration.pk) == first_sync(jira.server)


def work_one(run: EtlJobRun, stage: Stage) -> bool:
    units = waiting(run.pk, stage)
    if units:
        pipeline.handle(stage, units[:1])
    return bool(units)


def test_a_backfill_that_was_stopped_goes_on_in_the_same_one_only(jira: Connected) -> None:
    middle = half(jira.server)
    config = RunRequest.parse({"updated_from": middle}, jira.integration).config()
    stopped = lifecycle.start(jira.job.pk, trigger="test", config=config)
    while not RawExtractionData.objects.filter(entity_type="jira_issues").exists():
        work_one(stopped, Stage.EXTRACTION) or work_one(stopped, Stage.TRANSFORM)
    lifecycle.stop_run(stopped.pk)
    pages = RawExtractionData.objects.filter(entity_type="jira_issues").count()

    run(jira.integration)
    assert derived_rows(jira.integration.pk) == first_sync(jira.server)
    again = run(jira.integration, updated_from=middle)

    assert pages
    messages = again.events.values_list("message", flat=True)
    assert any("go on where an earlier run was left" in message for message in messages)


def test_a_backfill_of_pull_requests_reads_its_range_and_spoils_nothing(github: ConnectedGitHub) -> None:
    pulls = [pull for home in github.site.repositories for pull in github.site.pulls(home)]
    at = sorted(pull.updated_at for pull in pulls)
    before_middle, middle = (datetime.fromtimestamp(at[place], UTC) for place in (len(at) // 2 - 1, len(at) // 2))

    run(github.integration, updated_to=middle)

    found = set(Pr.objects.values_list("external_id", flat=True))
    assert not watermarks.read(github.integration.pk, PULL_REQUESTS)
    run(github.integration)
    every = set(Pr.objects.values_list("external_id", flat=True))
    assert found == set(Pr.objects.filter(updated__lt=middle).values_list("external_id", flat=True)) != every
    before = watermarks.read(github.integration.pk, PULL_REQUESTS)
    done = run(github.integration, steps=[PULL_REQUESTS], updated_from=before_middle, updated_to=middle)
    assert pages_read(done)
    assert watermarks.read(github.integration.pk, PULL_REQUESTS) == before != {}
    assert set(Pr.objects.filter(active=True).values_list("external_id", flat=True)) == every


def test_a_backfill_is_no_reason_for_a_repair(jira: Connected) -> None:
    config = RunRequest.parse({"updated_from": half(jira.server)}, jira.integration).config()
    lifecycle.start(jira.job.pk, trigger="test", config=config)
    EtlJobRun.objects.update(status="FINISHED", finished_at=datetime(2020, 1, 1, tzinfo=UTC))

    assert not lifecycle.is_repair_due(jira.job)


def test_failed_runs_in_a_row_are_counted_until_one_finishes(jira: Connected) -> None:
    right = jira.integration.secrets
    counts = []
    for secrets in ({**right, "api_token": "wrong"}, {**right, "api_token": "wrong"}, right):
        jira.integration.secrets = secrets
        jira.integration.save()
        run_to_end(jira.job, {"steps": [PROJECTS]})
        counts.append(EtlJob.objects.get(pk=jira.job.pk).retry_count)

    assert counts == [1, 2, 0]


def test_the_settings_of_a_job_are_the_defaults_of_its_runs(jira: Connected) -> None:
    EtlJob.objects.update(settings={"config": {"include_dev_status": False, "full_sync": True}})

    begun = lifecycle.start(jira.job.pk, trigger="test", config={"full_sync": False})

    assert begun.config == {"include_dev_status": False, "full_sync": False}


def test_run_job_joins_an_open_run_only_where_that_one_does_what_is_asked(
    jira: Connected, recording: RecordingBroker
) -> None:
    def run_job(*options: str) -> None:
        call_command("run_job", "--integration", str(jira.integration.pk), *options, stdout=StringIO())

    run_job("--from", "2025-01-01")
    run_job("--from", "2025-01-01")
    for other in ((), ("--from", "2025-01-02"), ("--from", "2025-01-01", "--full")):
        with pytest.raises(CommandError, match="is RUNNING: it cannot be started"):
            run_job(*other)

    assert EtlJobRun.objects.count() == 1
