"""What a run's log tells of its steps and stages."""

import pytest

from etl.jobs.advance import advance
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint, RawExtractionData, RunKind
from tests.etl.history.making import running, step_of
from tests.support.driving import run_to_end
from tests.support.making import ISSUES, PROJECTS, a_run, all_planned, change, checkpoint
from tests.support.sites import Connected

pytestmark = pytest.mark.django_db


def log(run: EtlJobRun, **wanted: str) -> list[str]:
    return list(EtlJobEvent.objects.filter(run=run, **wanted).order_by("pk").values_list("message", flat=True))


def test_a_run_tells_the_begin_and_the_end_of_each_step_and_stage_with_counts(connected: Connected) -> None:
    run = run_to_end(connected.job)

    told = log(run, step=ISSUES)
    assert told[:2] == ["Issues & Changelogs: began", "Issues & Changelogs: extraction began"]
    assert told[-1] == "Issues & Changelogs: ended"
    assert {"Issues & Changelogs: transform began", "Issues & Changelogs: embedding began"} < set(told)
    units = ExtractionCheckpoint.objects.filter(run=run, step=ISSUES)
    calls = sum(units.values_list("pages", flat=True))
    assert f"Issues & Changelogs: extraction finished: {len(units)} of {len(units)} units, {calls} calls" in told
    (loaded,) = EtlJobEvent.objects.filter(run=run, step=ISSUES, message__contains="transform finished")
    answers = RawExtractionData.objects.filter(run=run, step=ISSUES)
    assert loaded.context == {
        "units": len(answers),
        "completed": len(answers),
        "failed": 0,
        "cancelled": 0,
        "records": sum(answers.values_list("records", flat=True)),
    }
    assert (loaded.level, loaded.stage) == ("info", "transform")


def test_a_step_without_work_says_so_once() -> None:
    run = running()
    advance(run.pk)

    assert log(run, step=ISSUES) == ["Issues & Changelogs: had nothing to do"]
    assert step_of(run).times == {}


def test_a_stage_in_which_a_unit_failed_ends_as_an_error() -> None:
    run = running()
    checkpoint(run, status="failed", error_details={"error": "Jira: 403"})
    checkpoint(run, status="completed", pages=3)

    advance(run.pk)

    assert log(run, level="error", step=ISSUES) == [
        "Issues & Changelogs: extraction failed: 1 of 2 units, 1 failed, 3 calls"
    ]
    assert log(run, level="error", step="") == ["run ended: FAILED"]


def test_a_run_of_webhooks_keeps_no_log_of_its_stages() -> None:
    run = all_planned(a_run(kind=RunKind.WEBHOOK))
    checkpoint(run, status="completed")

    advance(run.pk)

    assert log(run) == ["run ended: FINISHED"]
    assert set(step_of(run).times) == {"extraction"}


def test_a_steps_times_say_from_when_to_when_each_stage_was_at_work() -> None:
    run = running()
    unit = checkpoint(run)
    advance(run.pk)
    times = step_of(run).times
    assert set(times) == {"extraction"}
    assert set(times["extraction"]) == {"started_at"}

    change(unit, "status = 'completed'")
    advance(run.pk)

    ended = step_of(run).times
    assert ended["extraction"]["started_at"] == times["extraction"]["started_at"]
    assert ended["extraction"]["finished_at"] > times["extraction"]["started_at"]
    assert set(ended) == {"extraction"}


def test_a_stage_that_goes_on_after_its_end_has_not_ended() -> None:
    run = running()
    unit, waits = checkpoint(run), checkpoint(run, PROJECTS)
    advance(run.pk)
    change(unit, "status = 'completed'")
    advance(run.pk)
    began = step_of(run).times["extraction"]["started_at"]

    change(unit, "status = 'pending'")
    advance(run.pk)

    assert waits.status == "pending"
    assert step_of(run).times["extraction"] == {"started_at": began}
    assert log(run, step=ISSUES)[-1] == "Issues & Changelogs: extraction goes on"
