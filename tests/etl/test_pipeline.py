"""What becomes of a unit and its message, for every way in which its work can end."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DataError, OperationalError
from django.utils import timezone

from etl import pipeline, sql
from etl.extraction.stage import extract
from etl.jobs import leases, lifecycle, recovery, units
from etl.jobs.advance import advance
from etl.jobs.units import Lease, LeaseLost
from etl.models import (
    EtlJobEvent,
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    QdrantVector,
    RawExtractionData,
    WorkItem,
)
from etl.queue.broker import Dead, Done, Outcome
from etl.queue.topology import Stage
from integrations.errors import Permanent, RateLimited, Transient
from integrations.models import IntegrationLimit
from integrations.sandbox import Faults
from pulse.postgres.scope import owner_scope
from tests.support.brokers import RecordingBroker
from tests.support.driving import forget_delays, waiting, work_off
from tests.support.making import PROJECTS, a_run, all_planned, checkpoint, raw_row, vector
from tests.support.sites import Connected
from tests.support.tables import derived_rows
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
UNTIL_LOADED = (Stage.EXTRACTION, Stage.TRANSFORM)
Work = Callable[[Lease], None]


def doing(monkeypatch: pytest.MonkeyPatch, stage: Stage, work: Work) -> None:
    """Lets a stage's work be that."""
    monkeypatch.setitem(pipeline.STAGES, stage, pipeline.StageSpec(work, pipeline.STAGES[stage].feeds))


def raising(monkeypatch: pytest.MonkeyPatch, stage: Stage, error: Exception) -> None:
    def work(lease: Lease) -> None:
        raise error

    doing(monkeypatch, stage, work)


def started(connected: Connected) -> tuple[EtlJobRun, ExtractionCheckpoint]:
    run = lifecycle.start(connected.job.pk, trigger="test")
    return run, ExtractionCheckpoint.objects.get(run=run)


def fetch(unit: ExtractionCheckpoint) -> Outcome:
    outcome = pipeline.handle(Stage.EXTRACTION, [unit.pk])
    unit.refresh_from_db()
    return outcome


def reason_of(unit: ExtractionCheckpoint | RawExtractionData) -> str:
    assert unit.error_details is not None
    return str(unit.error_details["error"])


# What the site answers


def test_a_page_that_is_fetched_is_stored_and_its_transform_woken(
    connected: Connected, recording: RecordingBroker
) -> None:
    run, unit = started(connected)
    recording.published.clear()

    assert fetch(unit) == Done()

    raw = RawExtractionData.objects.get(run=run)
    assert [body["raw_data_id"] for body in recording.bodies() if "raw_data_id" in body] == [raw.pk]
    assert (unit.status, raw.status) == ("completed", "pending")
    assert run.steps.get(step=PROJECTS).transform == "running"


def test_a_site_that_asks_to_wait_parks_the_unit_and_blocks_the_integration(connected: Connected) -> None:
    _run, unit = started(connected)
    connected.server.faults = Faults(throttle_first=1, retry_after=120)

    assert fetch(unit) == Done()

    limit = IntegrationLimit.objects.get(integration=connected.integration)
    assert (unit.status, unit.tries, unit.published_at) == ("pending", 0, None)
    assert unit.not_before is not None
    assert timedelta(seconds=100) < unit.not_before - timezone.now() <= timedelta(seconds=120)
    assert limit.blocked_until == unit.not_before
    assert limit.errors_in_a_row == 0
    assert reason_of(unit).startswith(f"Jira: {PROJECTS}: ")
    assert "429" in reason_of(unit)


def test_a_unit_that_was_woken_before_its_integration_was_blocked_makes_no_call(connected: Connected) -> None:
    _run, unit = started(connected)
    until = timezone.now() + timedelta(minutes=3)
    IntegrationLimit.objects.create(integration=connected.integration, tenant=connected.tenant, blocked_until=until)

    assert fetch(unit) == Done()

    assert not connected.server.requests
    assert (unit.status, unit.tries, unit.not_before, unit.published_at) == ("pending", 0, until, None)


def test_a_server_error_is_tried_again_later_and_then_succeeds(connected: Connected) -> None:
    run, unit = started(connected)
    connected.server.faults = Faults(fail_first=2)

    assert fetch(unit) == Done()

    assert "500" in reason_of(unit)
    assert (unit.status, unit.tries, unit.published_at) == ("pending", 1, None)
    assert fetch(unit) == Done()
    assert unit.pages == 0
    forget_delays(run.pk)
    assert fetch(unit) == Done()
    assert (unit.status, unit.pages) == ("completed", 1)
    assert IntegrationLimit.objects.get().errors_in_a_row == 0


def test_the_third_server_error_is_a_dead_letter_that_names_integration_step_and_call(connected: Connected) -> None:
    run, unit = started(connected)
    connected.server.faults = Faults(fail_first=10)
    outcomes: list[Outcome] = []
    delays: list[float] = []
    for _ in range(3):
        outcomes.append(fetch(unit))
        if unit.not_before:
            delays.append((unit.not_before - timezone.now()).total_seconds())
        forget_delays(run.pk)

    unit.refresh_from_db()
    assert [type(outcome) for outcome in outcomes] == [Done, Done, Dead]
    first, second = delays
    assert first <= 5 * 1.25 < second <= 30 * 1.25
    assert unit.status == "failed"
    assert isinstance(outcomes[-1], Dead)
    assert outcomes[-1].reason == reason_of(unit)
    assert outcomes[-1].reason.startswith(f"Jira: {PROJECTS}: ")
    assert "/rest/api/" in outcomes[-1].reason
    assert EtlJobEvent.objects.filter(run=run, level="error", message__contains="answered 500").count() == 3


def test_ten_server_errors_in_a_row_hold_the_integration_back(connected: Connected) -> None:
    _run, unit = started(connected)
    IntegrationLimit.objects.create(integration=connected.integration, tenant=connected.tenant, errors_in_a_row=9)
    connected.server.faults = Faults(fail_first=2)

    fetch(unit)

    until = IntegrationLimit.objects.get().blocked_until
    assert until is not None
    assert until > timezone.now() + timedelta(minutes=4)


def test_a_project_that_is_forbidden_fails_alone_and_all_others_are_loaded(connected: Connected) -> None:
    forbidden = connected.site.keys()[0].partition("-")[0]
    connected.server.faults = Faults(forbidden_projects=(forbidden,))
    run, _ = started(connected)

    outcomes = work_off(run, stages=UNTIL_LOADED)

    dead = [outcome.reason for outcome in outcomes if isinstance(outcome, Dead)]
    assert dead
    assert all(forbidden in reason or "403" in reason or "400" in reason for reason in dead)
    keys = connected.site.keys()
    others = {key for key in keys if not key.startswith(f"{forbidden}-")}
    assert others
    assert set(WorkItem.objects.values_list("key", flat=True)) == others


def test_a_run_with_a_forbidden_project_ends_failed_with_the_reason(connected: Connected) -> None:
    connected.server.faults = Faults(forbidden_projects=(connected.site.keys()[0].partition("-")[0],))
    run, _ = started(connected)
    work_off(run, stages=UNTIL_LOADED)
    QdrantVector.objects.update(status="completed")

    advance(run.pk)

    run.refresh_from_db()
    assert run.status == Overall.FAILED
    assert run.error_message.startswith("Jira: jira_")


def test_a_page_of_html_is_a_dead_letter_at_once(connected: Connected) -> None:
    _run, unit = started(connected)
    connected.server.faults = Faults(html_under="/rest/api/3/project")

    outcome = fetch(unit)

    assert isinstance(outcome, Dead)
    assert "instead of JSON" in outcome.reason
    assert "/project/search" in outcome.reason
    assert (unit.status, unit.tries) == ("failed", 0)
    assert not RawExtractionData.objects.exists()


def test_an_answer_that_is_cut_off_is_not_stored(connected: Connected) -> None:
    _run, unit = started(connected)
    connected.server.faults = Faults(cut_under="/rest/api/3/project/search")

    outcome = fetch(unit)

    assert isinstance(outcome, Done | Dead)
    assert unit.status != "completed"
    assert not RawExtractionData.objects.exists()


# What the work raises


def end_own_session() -> None:
    """As when the server is restarted."""
    with owner_scope():
        sql.fetch("SELECT pg_terminate_backend(pg_backend_pid())", [])


def test_a_message_about_a_unit_that_is_done_is_dealt_with(connected: Connected) -> None:
    _run, unit = started(connected)
    fetch(unit)
    calls = len(connected.server.requests)

    assert fetch(unit) == Done()

    assert len(connected.server.requests) == calls


def test_a_message_about_a_unit_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(units.UnitInvisible):
        pipeline.handle(Stage.TRANSFORM, [10**9])


def test_a_lease_that_was_lost_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = raw_row(all_planned(a_run()))
    raising(monkeypatch, Stage.TRANSFORM, LeaseLost())

    assert pipeline.handle(Stage.TRANSFORM, [unit.pk]) == Done()

    unit.refresh_from_db()
    assert (unit.status, unit.error_details) == ("processing", None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Permanent("field x is missing"), f"Jira: {PROJECTS}: field x is missing"),
        (DataError("value too long"), f"Jira: {PROJECTS}: DataError: value too long"),
        (KeyError("x"), f"Jira: {PROJECTS}: KeyError: 'x'"),
        (Permanent("a\0b \ud800"), f"Jira: {PROJECTS}: a\ufffdb ?"),
    ],
)
def test_what_cannot_work_fails_at_once_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, said: str
) -> None:
    run = all_planned(a_run())
    unit, other = raw_row(run, PROJECTS), raw_row(run)
    raising(monkeypatch, Stage.TRANSFORM, error)
    caplog.set_level(logging.CRITICAL)

    assert pipeline.handle(Stage.TRANSFORM, [unit.pk]) == Dead(said)

    unit.refresh_from_db()
    other.refresh_from_db()
    run.refresh_from_db()
    assert (unit.status, reason_of(unit)) == ("failed", said)
    assert (other.status, run.status) == ("pending", Overall.RUNNING)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [Transient("gone away"), OperationalError("deadlock detected")])
def test_what_may_pass_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    unit = raw_row(all_planned(a_run()))
    raising(monkeypatch, Stage.TRANSFORM, error)

    outcome = pipeline.handle(Stage.TRANSFORM, [unit.pk])

    unit.refresh_from_db()
    assert outcome == Done()
    assert (unit.status, unit.tries) == ("pending", 1)


@pytest.mark.django_db(transaction=True)
def test_a_database_session_that_is_lost_is_replaced_and_the_unit_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = raw_row(all_planned(a_run()))
    doing(monkeypatch, Stage.TRANSFORM, lambda lease: end_own_session())

    outcome = pipeline.handle(Stage.TRANSFORM, [unit.pk])

    unit.refresh_from_db()
    assert outcome == Done()
    assert (unit.status, unit.tries) == ("pending", 1)


@pytest.mark.django_db(transaction=True)
def test_a_unit_whose_end_the_database_was_away_for_waits_again_as_soon_as_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unit = raw_row(all_planned(a_run()), tries=1)
    writes, threads = units.hand_back, []
    away = [OperationalError("the server is starting up")] * 2

    def told(lease: Lease, error: Exception) -> str:
        raise OperationalError("server closed the connection")

    def write(lease: Lease) -> None:
        if away:
            raise away.pop()
        writes(lease)

    raising(monkeypatch, Stage.TRANSFORM, OperationalError("server closed the connection"))
    monkeypatch.setattr(pipeline, "_told", told)
    monkeypatch.setattr(pipeline, "hand_back", lambda lease: threads.append(leases.hand_back(lease)))
    monkeypatch.setattr(units, "hand_back", write)
    monkeypatch.setattr(leases, "HAND_BACK_SECONDS", 0.01)

    with pytest.raises(OperationalError):
        pipeline.handle(Stage.TRANSFORM, [unit.pk])
    threads[0].join(10)

    unit.refresh_from_db()
    assert (unit.status, unit.lease_token, unit.takes, unit.tries) == ("pending", None, 0, 1)
    assert away == []


@pytest.mark.django_db(transaction=True)
def test_trouble_of_our_own_database_does_not_count_against_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = checkpoint(all_planned(a_run()))
    raising(monkeypatch, Stage.EXTRACTION, OperationalError("deadlock detected"))

    assert pipeline.handle(Stage.EXTRACTION, [unit.pk]) == Done()

    assert not IntegrationLimit.objects.exists()


def test_neither_errors_nor_successes_of_later_stages_count_for_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    run = all_planned(a_run())
    IntegrationLimit.objects.create(integration=run.integration, tenant_id=run.tenant_id, errors_in_a_row=9)
    raising(monkeypatch, Stage.TRANSFORM, Transient("gone away"))
    pipeline.handle(Stage.TRANSFORM, [raw_row(run).pk])
    raising(monkeypatch, Stage.EMBEDDING, RateLimited("slow down", timezone.now() + timedelta(hours=1)))
    pipeline.handle(Stage.EMBEDDING, [vector(run).pk])
    doing(monkeypatch, Stage.TRANSFORM, lambda lease: None)
    pipeline.handle(Stage.TRANSFORM, [raw_row(run).pk])

    limit = IntegrationLimit.objects.get()
    assert (limit.errors_in_a_row, limit.blocked_until) == (9, None)


def test_of_a_batch_that_fails_each_record_is_tried_alone(
    monkeypatch: pytest.MonkeyPatch, recording: RecordingBroker
) -> None:
    run = all_planned(a_run())
    good, bad = vector(run), vector(run)

    def work(lease: Lease) -> None:
        if bad.pk in lease.ids:
            raise Permanent("too long")
        with units.ending(lease):
            pass

    doing(monkeypatch, Stage.EMBEDDING, work)
    assert pipeline.handle(Stage.EMBEDDING, [good.pk, bad.pk]) == Done()
    alone = [body["unit_ids"] for body in recording.bodies()]
    assert alone == [[good.pk], [bad.pk]]

    outcomes = [pipeline.handle(Stage.EMBEDDING, [unit.pk]) for unit in (good, bad)]

    run.refresh_from_db()
    good.refresh_from_db()
    assert [type(outcome) for outcome in outcomes] == [Done, Dead]
    assert (good.status, run.status, run.errors_encountered) == ("completed", Overall.FAILED, 1)


def test_a_queue_that_is_away_does_not_undo_the_work(connected: Connected, recording: RecordingBroker) -> None:
    run, unit = started(connected)
    recording.refuses = True

    assert fetch(unit) == Done()

    assert unit.status == "completed"
    assert run.steps.get(step=PROJECTS).extraction == "finished"


def test_a_lease_is_renewed_while_the_work_goes_on_and_not_after(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []

    def work(lease: Lease) -> None:
        held.append(len(leases._keeper._held))
        with units.ending(lease):
            pass

    doing(monkeypatch, Stage.TRANSFORM, work)

    pipeline.handle(Stage.TRANSFORM, [raw_row(all_planned(a_run())).pk])

    assert (held, len(leases._keeper._held)) == ([1], 0)


# Delivered twice


def rows_after_a_sync(connected: Connected, deliver: Callable[[Stage, int], object]) -> EtlJobRun:
    """A sync of which every message is delivered in that way."""
    run, _ = started(connected)
    while todo := [(stage, unit) for stage in UNTIL_LOADED for unit in waiting(run.pk, stage)]:
        deliver(*todo[0])
    return run


def once(stage: Stage, unit: int) -> None:
    pipeline.handle(stage, [unit])


def forget_the_first(connected: Connected) -> None:
    """As if nothing had ever been read, or loaded."""
    links = ("work_items_prs_links", "changelogs", "work_items", "projects_wits", "projects_statuses")
    for table in (*links, "statuses", "wits", "projects"):
        sql.execute(f"DELETE FROM {table} WHERE integration_id = %s", [connected.integration.pk])
    lifecycle.stop(connected.job.pk)
    sql.execute("DELETE FROM extraction_checkpoints WHERE integration_id = %s", [connected.integration.pk])


def test_every_message_delivered_twice_leaves_the_same_rows_as_once(connected: Connected) -> None:
    rows_after_a_sync(connected, once)
    expected, calls = derived_rows(connected.integration.pk), RawExtractionData.objects.count()
    forget_the_first(connected)

    def twice(stage: Stage, unit: int) -> None:
        pipeline.handle(stage, [unit])
        pipeline.handle(stage, [unit])

    run = rows_after_a_sync(connected, twice)

    assert derived_rows(connected.integration.pk) == expected
    assert RawExtractionData.objects.filter(run=run).count() == calls
    assert len(expected["work_items"]) == len(connected.site.keys())


@pytest.mark.django_db(transaction=True)
def test_every_message_delivered_to_two_workers_at_once_leaves_the_same_rows(connected: Connected) -> None:
    rows_after_a_sync(connected, once)
    expected, calls = derived_rows(connected.integration.pk), RawExtractionData.objects.count()
    forget_the_first(connected)

    def to_two(stage: Stage, unit: int) -> None:
        at_once(*[lambda: pipeline.handle(stage, [unit])] * 2)

    run = rows_after_a_sync(connected, to_two)

    assert derived_rows(connected.integration.pk) == expected
    assert RawExtractionData.objects.filter(run=run).count() == calls


@pytest.mark.django_db(transaction=True)
def test_a_unit_whose_worker_was_taken_for_dead_is_committed_once(connected: Connected) -> None:
    run, unit = started(connected)
    late = units.take(ExtractionCheckpoint, [unit.pk])
    assert late is not None
    sql.execute("UPDATE extraction_checkpoints SET lease_until = now() - interval '1 second'", [])
    recovery.take_back(ExtractionCheckpoint)
    current = units.take(ExtractionCheckpoint, [unit.pk])
    assert current is not None

    def work(lease: Lease) -> bool:
        try:
            list(extract(lease))
        except LeaseLost:
            return False
        return True

    assert at_once(lambda: work(late), lambda: work(current)) == [False, True]
    assert RawExtractionData.objects.filter(run=run).count() == 1
