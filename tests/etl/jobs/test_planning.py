"""What a step is planned from: the projects and repositories a site has, and where the last sync of each stood."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from custommapping.models import Authority, Project
from etl.jobs import lifecycle, planning
from etl.models import EtlJobEvent, EtlJobRun, EtlJobRunStep, ExtractionCheckpoint, Repository, RunKind
from integrations.errors import Permanent
from integrations.models import Integration
from integrations.provider import RepositoryRef
from tests.support.making import ISSUES, PROJECTS, a_run, an_integration, raw_row

pytestmark = pytest.mark.django_db
PARTITION = "project:10000"


def a_sync(**config: Any) -> EtlJobRun:
    """A run of an integration with one project."""
    run = a_run(an_integration())
    run.config = config
    run.save()
    Project.objects.create(
        tenant_id=run.tenant_id,
        integration_id=run.integration_id,
        external_id="10000",
        key="AB",
        authority=Authority.LISTED,
    )
    return run


def planned_since(run: EtlJobRun) -> object:
    """From when on a run that is planned now reads the project; None: all of it."""
    planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))
    cursor: dict[str, Any] = ExtractionCheckpoint.objects.get(run=run, step=ISSUES).cursor
    return cursor["question"]["since"]


def test_the_first_sync_reads_everything() -> None:
    assert planned_since(a_sync()) is None


def after(run: EtlJobRun, **config: Any) -> EtlJobRun:
    """The integration's next run."""
    EtlJobRun.objects.filter(pk=run.pk).update(status="FINISHED")
    following = a_run(run.integration)
    following.config = config
    following.save()
    return following


def read_until(run: EtlJobRun, moment: datetime) -> None:
    """The project was read to its end, and its scope's watermark kept."""
    planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))
    ExtractionCheckpoint.objects.filter(run=run).update(status="completed", watermark=moment)


def test_the_next_sync_begins_a_little_before_the_newest_watermark() -> None:
    run, now = a_sync(), timezone.now()
    read_until(run, now - timedelta(days=1))
    following = after(run)
    read_until(following, now)

    since = planned_since(after(following))

    assert isinstance(since, int)
    assert timedelta(0) < now - datetime.fromtimestamp(since / 1000, UTC) <= timedelta(hours=1)


def test_a_full_sync_reads_everything_again() -> None:
    run = a_sync()
    read_until(run, timezone.now())

    assert planned_since(after(run, full_sync=True)) is None


def test_a_step_is_marked_as_planned_also_where_it_has_no_partitions() -> None:
    run = a_run()

    planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))

    assert EtlJobRunStep.objects.get(run=run, step=ISSUES).planned_at is not None
    assert not ExtractionCheckpoint.objects.filter(run=run).exists()


def planned_partitions(run: EtlJobRun) -> list[str]:
    planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))
    return list(ExtractionCheckpoint.objects.filter(run=run, step=ISSUES).values_list("partition_key", flat=True))


def test_a_project_that_the_site_does_not_list_any_more_is_not_asked_for() -> None:
    run = a_sync()
    raw_row(run, PROJECTS, status="completed", extraction_metadata={"projects": ["10001"]})

    assert planned_partitions(run) == []


def test_a_repair_asks_for_the_projects_that_the_last_sync_listed() -> None:
    run = a_sync()
    raw_row(run, PROJECTS, status="completed", extraction_metadata={"projects": ["10001"]})
    after(run)
    repair = lifecycle.new_run(run.job, RunKind.REPAIR, "test", {}, lifecycle.repair_steps(run.integration))
    # It was ended early: other answers may have listed more.
    assert [project.key for project in planning.known_projects(repair)] == ["AB"]

    EtlJobRunStep.objects.filter(run=run).update(extraction="finished", transform="finished")

    assert planning.known_projects(repair) == []


def test_where_the_list_of_projects_did_not_come_whole_the_known_ones_are_asked_for() -> None:
    run = a_sync()
    raw_row(run, PROJECTS, status="completed", extraction_metadata={"projects": ["10001"]})
    EtlJobRunStep.objects.filter(run=run, step=PROJECTS).update(transform="failed")

    assert planned_partitions(run) == [PARTITION]


@pytest.mark.parametrize("name", ["ab", "AB", "10000"])
def test_a_restricted_run_reads_the_projects_that_it_names_by_key_in_any_case_or_id(name: str) -> None:
    run = a_sync(projects=[name])
    planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))

    assert ExtractionCheckpoint.objects.filter(run=run, partition_key=PARTITION).exists()
    assert not EtlJobEvent.objects.filter(run=run, level="warning").exists()


def test_a_restricted_run_warns_of_the_projects_that_it_does_not_find() -> None:
    run = a_sync(projects=["AB", "NOPE"])
    planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))

    (event,) = EtlJobEvent.objects.filter(run=run, level="warning")
    assert event.message.endswith("not known: NOPE")


def test_a_run_that_names_no_project_that_is_known_cannot_be_planned() -> None:
    run = a_sync(projects=["NOPE"])

    with pytest.raises(Permanent, match="not known: NOPE"):
        planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))


def a_repository(integration: Integration, number: str, full_name: str = "", **fields: Any) -> Repository:
    return Repository.objects.create(
        tenant_id=integration.tenant_id,
        integration=integration,
        external_id=number,
        full_name=full_name or f"acme/web-{number}",
        **{"authority": Authority.LISTED, **fields},
    )


def test_the_repositories_that_were_listed_and_are_there_are_planned() -> None:
    run, other = a_run(), an_integration("Other", tenant="Rival")
    a_repository(run.integration, "3", archived=True)
    a_repository(run.integration, "1", "acme/web")
    a_repository(run.integration, "4", active=False)
    a_repository(run.integration, "5", authority=Authority.SEEN)
    a_repository(other, "6")

    assert planning.known_repositories(run) == [RepositoryRef("1", "acme/web"), RepositoryRef("3", "acme/web-3")]


def repositories(run: EtlJobRun) -> list[str]:
    return [found.external_id for found in planning.known_repositories(run)]


def test_a_repository_that_the_site_does_not_list_any_more_is_not_asked_for() -> None:
    run = a_sync()
    for number in ("1", "2", "3"):
        a_repository(run.integration, number)
    # Of two owners.
    for number in ("1", "3"):
        raw_row(run, PROJECTS, status="completed", extraction_metadata={"repositories": [number]})

    assert repositories(run) == ["1", "3"]
    assert [project.key for project in planning.known_projects(run)] == ["AB"]
    EtlJobRunStep.objects.filter(run=run, step=PROJECTS).update(extraction="failed")
    assert repositories(run) == ["1", "2", "3"]


@pytest.mark.parametrize("name", ["acme/web", "ACME/Web", "7"])
def test_a_restricted_run_reads_the_repositories_that_it_names_by_full_name_in_any_case_or_id(name: str) -> None:
    run = a_sync(projects=[name])
    a_repository(run.integration, "7", "Acme/web")
    a_repository(run.integration, "8", "Acme/website")
    planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))

    assert repositories(run) == ["7"]
    assert planning.known_projects(run) == []
    assert not EtlJobEvent.objects.filter(run=run, level="warning").exists()


def test_a_restricted_run_warns_of_the_repositories_that_it_does_not_find() -> None:
    run = a_sync(projects=["acme/web", "acme/gone", "AB"])
    a_repository(run.integration, "7", "acme/web")
    a_repository(run.integration, "8", "acme/gone", active=False)
    planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))

    (event,) = EtlJobEvent.objects.filter(run=run, level="warning")
    assert event.message == "this run was restricted to projects or repositories that are not known: acme/gone"
