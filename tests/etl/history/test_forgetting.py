"""What is kept for a while only: the log of runs, workers that are no more, and what was dealt with."""

from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from django.db.models import Model
from django.utils import timezone
from pytest_django import Settings

from etl.history import forgetting
from etl.models import Alert, DeadLetter, EtlJobEvent, EtlJobRun, Verification, WorkerRow
from etl.sql import execute, session_parameters
from tests.support.making import a_run, an_integration

pytestmark = pytest.mark.django_db


def aged(row: Any, days: float, *names: str) -> Any:
    """The row, with those times that many days ago."""
    type(row).objects.filter(pk=row.pk).update(**{name: timezone.now() - timedelta(days=days) for name in names})
    return row


def over(run: EtlJobRun) -> EtlJobRun:
    EtlJobRun.objects.filter(pk=run.pk).update(status="FINISHED")
    return run


def event(run: EtlJobRun, days: float) -> EtlJobEvent:
    row = EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=f"{days} days ago")
    return aged(row, days, "created_at")  # type: ignore[no-any-return]


def left(model: type[Model]) -> set[int]:
    return set(model._default_manager.values_list("pk", flat=True))


def test_events_are_kept_for_as_many_days_as_is_set(settings: Settings) -> None:
    settings.EVENTS_KEEP_DAYS = 30
    run = over(a_run())
    event(run, 31)
    young = event(run, 29)

    assert forgetting.forget_old()["etl_job_events"] == 1

    assert left(EtlJobEvent) == {young.pk}


def test_the_log_of_a_run_that_is_open_is_kept_whole() -> None:
    paused = a_run()
    EtlJobRun.objects.filter(pk=paused.pk).update(status="PAUSED")
    old = event(paused, 400)

    forgetting.forget_old()

    assert left(EtlJobEvent) == {old.pk}


def test_many_are_deleted_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "CHUNK_ROWS", 2)
    monkeypatch.setattr(forgetting, "MOST_CHUNKS", 2)
    run = over(a_run())
    for _ in range(5):
        event(run, 100)

    assert forgetting.forget_old()["etl_job_events"] == 4
    assert forgetting.forget_old()["etl_job_events"] == 1
    assert forgetting.forget_old()["etl_job_events"] == 0


def test_dead_letters_and_alerts_are_kept_until_they_were_dealt_with() -> None:
    run = a_run()
    for state in ("open", "replayed", "discarded"):
        for days in (100, 1):
            letter = DeadLetter.objects.create(tenant=run.tenant, queue="q", body="", error="e", state=state)
            aged(letter, days, "created_at", "last_updated_at", *(["settled_at"] if state != "open" else []))
    for number, days in enumerate((100, 1)):
        for resolved in (True, False):
            alert = Alert.objects.create(tenant=run.tenant, cause="run_failed", subject=f"{number}", message="m")
            aged(alert, days, "first_at", "last_at", *(["resolved_at"] if resolved else []))

    gone = forgetting.forget_old()

    assert (gone["etl_dead_letters"], gone["etl_alerts"]) == (2, 1)
    assert DeadLetter.objects.filter(state="open").count() == 2
    assert Alert.objects.filter(resolved_at=None).count() == 2


def test_of_an_integrations_verifications_the_last_one_is_kept_however_old_it_is() -> None:
    integration = an_integration()
    made = [
        Verification.objects.create(tenant=integration.tenant, integration=integration, state="finished")
        for _ in range(3)
    ]
    for row in made:
        aged(row, 200, "finished_at")

    assert forgetting.forget_old()["etl_verifications"] == 2

    assert left(Verification) == {made[-1].pk}


def test_workers_that_are_no_more_are_kept_for_as_many_days_as_is_set(settings: Settings) -> None:
    settings.WORKERS_KEEP_DAYS = 7

    def worker(days: float, **more: Any) -> int:
        row = WorkerRow.objects.create(host="here", pid=1, tier="all", **more)
        return int(aged(row, days, "heartbeat_at").pk)

    worker(8, active=False, ended="stopped")
    worker(8, ended="silent")
    kept = {worker(6, active=False, ended="died"), worker(8), worker(0)}

    assert forgetting.forget_old()["workers"] == 2

    assert left(WorkerRow) == kept


@pytest.mark.django_db(transaction=True)
def test_a_scheduler_does_not_wait_for_what_another_one_is_deleting() -> None:
    run = over(a_run())
    taken, *_others = [event(run, 100) for _ in range(5)]
    other: Any = psycopg2.connect(**session_parameters())
    try:
        other.cursor().execute("SELECT 1 FROM etl_job_events WHERE id = %s FOR UPDATE", [taken.pk])
        execute("SET lock_timeout TO '5s'", [])

        assert forgetting.forget_old()["etl_job_events"] == 4
        assert left(EtlJobEvent) == {taken.pk}
    finally:
        other.close()
        execute("RESET lock_timeout", [])
