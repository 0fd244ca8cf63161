"""Where the next sync of a scope begins: kept as soon as the scope is stored, whatever becomes of the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etl import pipeline
from etl.jobs import lifecycle, watermarks
from etl.models import EtlJobRun, ExtractionCheckpoint, Overall, RunKind
from etl.queue.topology import Stage
from tests.support.driving import run_to_end, waiting, work_off
from tests.support.making import a_run, checkpoint, raw_row
from tests.support.scripted import ITEMS, Scripted
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
SCOPE = "project:1"
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def read(run: EtlJobRun, **fields: Any) -> ExtractionCheckpoint:
    """A partition of the scope, read to its end."""
    return checkpoint(run, **{"scope": SCOPE, "status": "completed", "first_answer_at": NOON, **fields})


def kept(run: EtlJobRun) -> dict[str, datetime]:
    watermarks.keep_all(run)
    return watermarks.read(run.integration_id, "jira_issues_with_changelogs")


def test_a_scope_that_was_read_whole_keeps_the_sites_clock_at_its_first_answer() -> None:
    run = a_run()
    for minutes in (3, 1, 2):
        read(run, first_answer_at=NOON + timedelta(minutes=minutes))

    assert kept(run) == {SCOPE: NOON + timedelta(minutes=1)}


def test_the_answers_that_completed_a_page_do_not_say_when_it_began() -> None:
    run = a_run()
    read(run)
    read(run, parent_raw=raw_row(run), first_answer_at=NOON - timedelta(hours=1))

    assert kept(run) == {SCOPE: NOON}


@pytest.mark.parametrize("state", ["failed", "cancelled", "pending", "processing"])
@pytest.mark.parametrize("cut", [False, True])
def test_a_scope_of_which_anything_is_missing_keeps_none_and_another_its_own(state: str, cut: bool) -> None:
    run = a_run()
    read(run)
    read(run, status=state, parent_raw=raw_row(run, is_complete=False) if cut else None)
    read(run, scope="project:2")

    assert kept(run) == {"project:2": NOON}


def test_a_partition_of_no_scope_keeps_none() -> None:
    run = a_run()
    read(run, scope="")

    assert kept(run) == {}


def test_a_scope_whose_site_did_not_tell_its_time_keeps_none() -> None:
    run = a_run()
    read(run)
    read(run, first_answer_at=None)

    assert kept(run) == {}


@pytest.mark.parametrize("cut", [False, True])
def test_a_scope_that_was_broken_off_keeps_none(cut: bool) -> None:
    run = a_run()
    read(run)
    read(run, parent_raw=raw_row(run) if cut else None, cursor={"page": 2, "broken_off": True})

    assert kept(run) == {}


@pytest.mark.parametrize(
    "config",
    [
        {"projects": ["AB"]},
        {"steps": ["jira_issues_with_changelogs"]},
        {"updated_from": "2025-01-01T00:00:00+00:00"},
        {"updated_to": "2025-01-01T00:00:00+00:00"},
    ],
)
def test_a_sync_that_was_to_read_only_a_part_keeps_none(config: dict[str, Any]) -> None:
    run = a_run()
    run.config = config
    read(run)

    assert kept(run) == {}


@pytest.mark.parametrize("kind", [kind for kind in RunKind if kind != RunKind.SYNC])
def test_only_syncs_keep_watermarks(kind: RunKind) -> None:
    run = a_run(kind=kind)
    read(run)

    assert kept(run) == {}


def test_the_newest_watermark_of_a_scope_counts() -> None:
    run = a_run()
    read(run, watermark=NOON)
    read(run, watermark=NOON + timedelta(hours=1), status="failed")
    read(run, watermark=NOON - timedelta(hours=1))

    assert watermarks.read(run.integration_id, "jira_issues_with_changelogs") == {SCOPE: NOON + timedelta(hours=1)}


def watermarks_of(scripted: Scripted) -> dict[str, datetime]:
    return watermarks.read(scripted.integration.pk, ITEMS)


def test_a_watermark_is_kept_while_the_answers_still_wait_and_survives_the_end_of_the_run(scripted: Scripted) -> None:
    scripted.project("1", 3)
    began = scripted.world.now + timedelta(minutes=1)
    run = lifecycle.start(scripted.job.pk, trigger="test")

    work_off(run, stages=(Stage.EXTRACTION,))

    assert watermarks_of(scripted) == {"project:1": began}
    lifecycle.stop(scripted.job.pk)
    assert watermarks_of(scripted) == {"project:1": began}


def test_windows_and_cut_pages_belong_to_their_projects_scope(scripted: Scripted) -> None:
    scripted.project("1", 8)
    scripted.world.windows, scripted.world.items["3"].cut = 2, True
    began = scripted.world.now + timedelta(minutes=1)
    run = lifecycle.start(scripted.job.pk, trigger="test")
    while units := waiting(run.pk, Stage.EXTRACTION):
        assert watermarks_of(scripted) == {}
        pipeline.handle(Stage.EXTRACTION, units[:1])

    assert watermarks_of(scripted) == {"project:1": began}
    assert sorted(scripted.world.calls) == [
        *("count:1", "items:1/0:0", "items:1/0:1", "items:1/1:0", "items:1/1:1", "rest:3")
    ]


def test_a_project_that_is_refused_does_not_hold_the_others_back(scripted: Scripted) -> None:
    scripted.project("1", 3)
    scripted.project("2", 3)
    scripted.world.refuses = {"items:1:1"}

    run = run_to_end(scripted.job)

    assert run.status == Overall.FAILED
    assert set(watermarks_of(scripted)) == {"project:2"}


def test_the_next_sync_is_planned_from_the_watermark_and_a_full_one_without(scripted: Scripted) -> None:
    scripted.project("1", 1)
    began = scripted.world.now + timedelta(minutes=1)
    run_to_end(scripted.job)

    for config, since in (({}, began.isoformat()), ({"full_sync": True}, None)):
        run = run_to_end(scripted.job, config)
        assert ExtractionCheckpoint.objects.get(run=run).cursor["question"]["since"] == since


def test_what_a_worker_did_not_live_to_keep_is_kept_at_the_next_start(scripted: Scripted) -> None:
    scripted.project("1", 1)
    run = run_to_end(scripted.job)
    ExtractionCheckpoint.objects.filter(run=run).update(watermark=None)

    lifecycle.start(scripted.job.pk, trigger="test")

    assert set(watermarks_of(scripted)) == {"project:1"}


@pytest.mark.django_db(transaction=True)
def test_of_two_last_partitions_that_end_at_once_the_later_one_keeps_the_watermark(scripted: Scripted) -> None:
    scripted.project("1", 4)
    scripted.world.windows = 2
    run = lifecycle.start(scripted.job.pk, trigger="test")
    pipeline.handle(Stage.EXTRACTION, waiting(run.pk, Stage.EXTRACTION))
    first, second = waiting(run.pk, Stage.EXTRACTION)

    at_once(
        lambda: pipeline.handle(Stage.EXTRACTION, [first]),
        lambda: pipeline.handle(Stage.EXTRACTION, [second]),
    )

    assert set(watermarks_of(scripted)) == {"project:1"}
    assert ExtractionCheckpoint.objects.filter(watermark__isnull=False).count() == 1
