"""Where the next sync begins: at the site's own clock, and only after a sync that read everything."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from custommapping.models import Authority, Project
from etl.jobs import planning
from etl.models import EtlJobRun, EtlJobRunStep, ExtractionCheckpoint
from tests.support.making import ISSUES, PROJECTS, a_run, an_integration, checkpoint, raw_row

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


def read(run: EtlJobRun, **fields: Any) -> ExtractionCheckpoint:
    """The project's partition, read to its end."""
    return checkpoint(
        run,
        **{"partition_key": PARTITION, "status": "completed", "first_answer_at": timezone.now(), **fields},
    )


def watermark_of(unit: ExtractionCheckpoint) -> object:
    unit.refresh_from_db()
    return unit.watermark


def planned_since(run: EtlJobRun) -> object:
    """From when on a run that is planned now reads the project; None: all of it."""
    planning.plan_step(run, EtlJobRunStep.objects.get(run=run, step=ISSUES))
    cursor: dict[str, Any] = ExtractionCheckpoint.objects.get(run=run, step=ISSUES).cursor
    return cursor["since"]


def after(run: EtlJobRun, **config: Any) -> EtlJobRun:
    """The integration's next run."""
    EtlJobRun.objects.filter(pk=run.pk).update(status="FINISHED")
    following = a_run(run.integration)
    following.config = config
    following.save()
    return following


def test_a_partition_that_was_read_to_its_end_keeps_the_sites_clock_at_its_first_page() -> None:
    run = a_sync()
    unit = read(run)

    planning.keep_watermarks(run)

    assert watermark_of(unit) == unit.first_answer_at


@pytest.mark.parametrize("state", ["failed", "cancelled", "pending"])
def test_a_partition_that_was_not_read_to_its_end_keeps_none(state: str) -> None:
    run = a_sync()
    unit = read(run, status=state)

    planning.keep_watermarks(run)

    assert watermark_of(unit) is None


def test_a_partition_of_which_a_cut_page_was_not_completed_keeps_none() -> None:
    run = a_sync()
    unit = read(run)
    checkpoint(run, parent_raw=raw_row(run, is_complete=False), status="failed")

    planning.keep_watermarks(run)

    assert watermark_of(unit) is None


def test_a_sync_that_read_only_a_part_moves_no_watermark() -> None:
    run = a_sync(projects=["AB"])
    unit = read(run)

    planning.keep_watermarks(run)

    assert watermark_of(unit) is None


def test_the_first_sync_reads_everything() -> None:
    assert planned_since(a_sync()) is None


def test_the_next_sync_begins_a_little_before_the_newest_watermark() -> None:
    run, now = a_sync(), timezone.now()
    read(run, watermark=now)
    read(run, watermark=now - timedelta(days=1), partition_key=f"{PARTITION}:older", step=ISSUES)

    since = planned_since(after(run))

    assert isinstance(since, int)
    assert timedelta(0) < now - datetime.fromtimestamp(since / 1000, UTC) <= timedelta(hours=1)


def test_a_full_sync_reads_everything_again() -> None:
    run = a_sync()
    read(run, watermark=timezone.now())

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


def test_where_the_list_of_projects_did_not_come_whole_the_known_ones_are_asked_for() -> None:
    run = a_sync()
    raw_row(run, PROJECTS, status="completed", extraction_metadata={"projects": ["10001"]})
    EtlJobRunStep.objects.filter(run=run, step=PROJECTS).update(transform="failed")

    assert planned_partitions(run) == [PARTITION]
