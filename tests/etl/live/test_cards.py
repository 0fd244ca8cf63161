"""Cards of jobs: what they say, and that many cost no more queries than few."""

from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from etl.history import counting
from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.live import cards, snapshot
from etl.live.snapshot import Looks, Pace
from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from etl.models.jobs import UNDER_WAY
from tests.support.making import ISSUES, a_run, all_failed, all_planned, an_integration, checkpoint, job_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    made = Looks()
    monkeypatch.setattr(snapshot, "_looks", made)
    return made


def running(name: str = "Jira") -> EtlJobRun:
    run = all_planned(a_run(an_integration(name)))
    lifecycle.write_overall(job_of(run.integration), Overall.RUNNING)
    checkpoint(run, status="completed", pages=2)
    checkpoint(run)
    advance(run.pk)
    return run


def card_of(job_id: int) -> dict[str, Any]:
    (found,) = cards.cards(EtlJob.objects.filter(pk=job_id))
    return found


def test_a_card_of_a_job_that_never_ran_says_so_and_what_can_be_done() -> None:
    job = job_of(an_integration())

    card = card_of(job.pk)

    assert (card["overall"], card["run"], card["progress"]) == ("NOT_STARTED", None, {})
    assert card["actions"] == ["start", "reprocess", "reset"]
    assert card["status"] == job.status
    assert card["integration"] == {"id": job.integration_id, "name": "Jira", "provider": "jira"}


def test_a_card_of_a_running_job_counts_its_units() -> None:
    run = running()

    card = card_of(run.job_id)

    assert card["progress"][ISSUES]["extraction"] == {"done": 1, "total": 2}
    assert card["run"]["id"] == run.pk
    assert card["estimated_end"] is not None


def test_a_card_of_a_failed_job_says_why_in_short_and_has_the_figures_of_its_run() -> None:
    run = running()
    all_failed(run)
    EtlJob.objects.filter(pk=run.job_id).update(error_message="no way " * 200)

    card = card_of(run.job_id)

    assert card["overall"] == "FAILED"
    assert len(card["error"]) == cards.ERROR_CHARACTERS
    assert card["run"]["failed"] == 1
    assert card["progress"] == {}


def test_a_run_beside_the_jobs_own_stands_beside_and_not_in_its_place() -> None:
    run = running()
    other = a_run(run.integration, kind=RunKind.WEBHOOK)

    card = card_of(run.job_id)

    assert card["run"]["id"] == run.pk
    assert [(one["id"], one["kind"]) for one in card["others"]] == [(other.pk, "webhook")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"active": False}, False), ({"next_run": None}, False), ({"status": {"overall": "STOPPED"}}, False)],
)
def test_a_job_that_was_due_long_ago_and_waits_is_late(changes: dict[str, Any], expected: bool) -> None:
    job = job_of(an_integration())
    lifecycle.write_overall(job, Overall.READY)
    due = {"next_run": timezone.now() - timedelta(hours=1)}
    EtlJob.objects.filter(pk=job.pk).update(**{**due, **changes})

    assert card_of(job.pk)["late"] is expected
    assert EtlJob.objects.filter(cards.late()).exists() is expected
    assert cards.totals(EtlJob.objects.all())[cards.LATE] == int(expected)


@pytest.mark.parametrize("status", UNDER_WAY)
def test_a_job_that_waits_for_another_run_of_its_site_is_not_late(status: Overall) -> None:
    run = running()
    EtlJobRun.objects.filter(pk=run.pk).update(status=status)
    due = {"next_run": timezone.now() - timedelta(hours=1), "status": {"overall": "READY"}}
    waiting = EtlJob.objects.create(tenant=run.tenant, integration=run.integration, name="Another", **due)

    assert card_of(waiting.pk)["late"] is False
    assert cards.totals(EtlJob.objects.all())[cards.LATE] == 0

    EtlJobRun.objects.update(status=Overall.FINISHED)
    assert card_of(waiting.pk)["late"] is True
    assert list(EtlJob.objects.filter(cards.late())) == [waiting]
    assert cards.totals(EtlJob.objects.all())[cards.LATE] == 1


def test_jobs_are_counted_by_state_in_one_query() -> None:
    running("One")
    for name in ("Two", "Three"):
        an_integration(name)

    with CaptureQueriesContext(connection) as captured:
        found = cards.totals(EtlJob.objects.all())

    assert len(captured) == 1
    assert (found["all"], found["RUNNING"], found["NOT_STARTED"], found["FAILED"]) == (3, 1, 2, 0)


def test_what_is_urgent_comes_first() -> None:
    ready, failed, runs = (job_of(an_integration(name)) for name in ("Ready", "Failed", "Runs"))
    for job, state in ((ready, Overall.READY), (failed, Overall.FAILED), (runs, Overall.RUNNING)):
        lifecycle.write_overall(job, state)

    found = sorted(cards.by_urgency(EtlJob.objects.all()), key=attrgetter("urgency"))

    assert [job.pk for job in found] == [runs.pk, failed.pk, ready.pk]


def test_only_open_runs_are_counted_however_many_jobs_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    run, counts = running(), counting.counts
    counted = []
    for number in range(8):
        all_failed(running(f"Jira {number}"))

    def noted(run_id: int) -> counting.Counts:
        counted.append(run_id)
        return counts(run_id)

    monkeypatch.setattr(counting, "counts", noted)

    assert len(cards.cards(EtlJob.objects.all())) == 9

    assert counted == [run.pk]


def test_more_jobs_cost_no_more_queries() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            cards.cards(EtlJob.objects.all())
        return len(captured)

    all_failed(running())
    few = queries()
    for number in range(5):
        all_failed(running(f"Jira {number}"))

    assert queries() == few == 3


def test_of_many_running_jobs_some_are_counted_and_the_others_next_time(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, counts = [100.0], counting.counts
    monkeypatch.setattr("etl.live.snapshot.monotonic", lambda: now[0])

    def slow(run_id: int) -> counting.Counts:
        now[0] += snapshot.COUNTING_SECONDS
        return counts(run_id)

    monkeypatch.setattr(counting, "counts", slow)
    runs = [running("One"), running("Two")]
    open_runs = [(EtlJob.objects.get(pk=run.job_id), run) for run in runs]

    first, second = looks.at_many(open_runs), looks.at_many(open_runs)

    assert [bool(first[run.job_id].progress) for run in runs] == [True, False]
    assert [bool(second[run.job_id].progress) for run in runs] == [True, True]


def test_a_rate_is_that_of_the_last_while_and_nobody_guesses_one() -> None:
    pace = Pace(1)

    assert pace.rate(0.0, 10) is None
    assert pace.rate(1.0, 20) is None
    assert pace.rate(2.0, 30) == 10.0
    # Nobody looked for long.
    assert pace.rate(100.0, 30) is None
    assert pace.rate(110.0, 130) == 10.0
    # What failed is tried again: fewer are over.
    assert pace.rate(111.0, 0) is None
