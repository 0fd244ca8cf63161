"""The home page tells what goes on and what wants looking after, and its cards lead to the rows that they count."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from etl.admin import home_figures
from etl.jobs import lifecycle
from etl.metrics import flow
from etl.metrics.asking import Question
from etl.models import (
    Alert,
    DeadLetter,
    EtlJob,
    EtlJobRun,
    EtlJobRunStep,
    Overall,
    RunKind,
    StageState,
    WorkerRow,
    WorkItem,
)
from integrations.models import Integration, IntegrationLimit
from pulse.tenancy.models import Tenant
from tests.etl.admin.rows import HOSTILE, Rows, staff
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, items, moved, statuses

HOME, NOW, FLOW = reverse("admin:index"), reverse("home-now"), reverse("home-flow")
MOST_QUERIES = 20


@pytest.fixture
def job(db: None) -> EtlJob:
    """One that has synced before, and waits for its next turn."""
    job = offline_integration().jobs.get()
    _stands(job, Overall.FINISHED, last_sync_date=timezone.now(), next_run=timezone.now() + timedelta(hours=1))
    return job


@pytest.fixture
def reader(job: EtlJob, client: Client) -> Client:
    client.force_login(staff("vera", job.tenant, role="viewer"))
    return client


def _stands(job: EtlJob, overall: Overall, **fields: Any) -> None:
    EtlJob.objects.filter(pk=job.pk).update(status={"overall": overall, "steps": {}}, **fields)


def _run(job: EtlJob, **fields: Any) -> EtlJobRun:
    known = {"tenant": job.tenant, "integration": job.integration, "job": job, "kind": RunKind.SYNC}
    return EtlJobRun.objects.create(**{**known, **fields})


def _told(client: Client) -> dict[str, Any]:
    answer = client.get(NOW)
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def _card(client: Client, name: str) -> dict[str, Any]:
    card: dict[str, Any]
    (card,) = [card for card in _told(client)["cards"] if card["name"] == name]
    return card


def _behind(client: Client, link: str) -> list[int]:
    """The ids of the rows of the list that a link leads to."""
    answer = client.get(link)
    assert answer.status_code == 200, link
    if "cl" in answer.context:
        return [row.pk for row in answer.context["cl"].result_list]
    jobs: list[dict[str, Any]] = answer.context["settings"]["list"]["jobs"]
    return [job["id"] for job in jobs]


def test_where_nothing_is_wrong_all_cards_are_good_and_lead_to_their_lists(superuser: Client, job: EtlJob) -> None:
    WorkerRow.objects.create(host="machine", pid=1, tier="all")
    cards = _told(superuser)["cards"]

    assert [card["name"] for card in cards] == [
        "Running now",
        "Failed jobs",
        "Overdue jobs",
        "Open alerts",
        "Open dead letters",
        "Blocked connections",
        "Workers alive",
    ]
    assert [card["value"] for card in cards] == ["0"] * 6 + ["1"]
    assert {card["state"] for card in cards} == {"", "good"}
    assert [len(_behind(superuser, card["link"])) for card in cards] == [0] * 6 + [1]


def test_what_runs_is_shown_with_how_far_it_is(reader: Client, job: EtlJob) -> None:
    run = lifecycle.new_run(job, RunKind.SYNC, "test", {}, list(job.integration.provider_code.steps[:2]))
    first, second = EtlJobRunStep.objects.filter(run=run)
    EtlJobRunStep.objects.filter(pk=first.pk).update(extraction=StageState.FINISHED, transform=StageState.FAILED)
    EtlJobRunStep.objects.filter(pk=second.pk).update(extraction=StageState.RUNNING)

    (entry,) = _told(reader)["running"]
    card = _card(reader, "Running now")
    assert entry["title"] == "Jira"
    assert (entry["done"], entry["all"]) == (2, 6)
    assert entry["link"] == reverse("admin:etl_etljobrun_change", args=[run.pk])
    assert card["value"] == "1"
    assert _behind(reader, card["link"]) == [run.pk]


def test_paused_jobs_and_the_next_run_are_told_beside_those_that_run(reader: Client, job: EtlJob) -> None:
    assert f"next at {timezone.now() + timedelta(hours=1):%H:%M}"[:10] in _card(reader, "Running now")["note"]
    _stands(job, Overall.PAUSED)
    assert _card(reader, "Running now")["note"].startswith("1 paused, next at")


def test_a_job_that_failed_wants_attention_with_its_error(reader: Client, job: EtlJob) -> None:
    _stands(job, Overall.FAILED, error_message=f"401 {HOSTILE}")
    _run(job, status=Overall.FAILED, finished_at=timezone.now())

    card = _card(reader, "Failed jobs")
    assert (card["value"], card["note"], card["state"]) == ("1", "1 run failed today", "bad")
    assert _behind(reader, card["link"]) == [job.pk]
    (entry,) = _told(reader)["attention"]
    assert entry["title"] == "Jira failed"
    assert entry["note"] == f"401 {HOSTILE}"
    assert HOSTILE not in reader.get(HOME).content.decode()


def test_a_job_that_was_due_and_has_not_begun_is_overdue(reader: Client, job: EtlJob) -> None:
    due = timezone.now() - timedelta(minutes=42)
    _stands(job, Overall.FINISHED, next_run=due)

    card = _card(reader, "Overdue jobs")
    assert (card["value"], card["state"]) == ("1", "bad")
    assert _behind(reader, card["link"]) == [job.pk]
    (entry,) = _told(reader)["attention"]
    assert (entry["title"], entry["note"]) == ("Jira is overdue", "by 42 min")
    EtlJob.objects.update(name="Nightly")
    assert _told(reader)["attention"][0]["title"] == "Nightly (Jira) is overdue"


@pytest.mark.parametrize("reason", ["just due", "paused", "stopped", "inactive", "site inactive"])
def test_a_job_is_not_overdue_that_somebody_holds_or_that_has_to_wait(reason: str, reader: Client, job: EtlJob) -> None:
    due = timezone.now() - (timedelta(minutes=5) if reason == "just due" else timedelta(hours=1))
    overall = {"paused": Overall.PAUSED, "stopped": Overall.STOPPED}.get(reason, Overall.FINISHED)
    _stands(job, overall, next_run=due, active=reason != "inactive")
    if reason == "site inactive":
        Integration.objects.update(active=False)

    assert _card(reader, "Overdue jobs")["value"] == "0"
    assert _told(reader)["attention"] == []


def test_open_alerts_and_dead_letters_are_counted_and_listed(reader: Client, job: EtlJob) -> None:
    whose = {"tenant": job.tenant}
    alert = Alert.objects.create(**whose, cause="no_consumer", subject="tier free", message="Nobody takes work")
    Alert.objects.create(**whose, cause="no_consumer", subject="old", message="Over", resolved_at=timezone.now())
    Alert.objects.create(**whose, cause="no_consumer", subject="tier basic", message="Nobody takes other work")
    letter = DeadLetter.objects.create(**whose, queue="etl.jobs", body="{", error="not JSON")
    DeadLetter.objects.create(**whose, queue="etl.jobs", body="{", error="not JSON", state="discarded")

    assert _card(reader, "Open alerts")["value"] == "2"
    assert len(_behind(reader, _card(reader, "Open alerts")["link"])) == 2
    assert _behind(reader, _card(reader, "Open dead letters")["link"]) == [letter.pk]
    assert _card(reader, "Open dead letters")["value"] == "1"
    listed = [(entry["title"], entry["link"]) for entry in _told(reader)["attention"]]
    assert ("Nobody takes work", reverse("admin:etl_alert_change", args=[alert.pk])) in listed
    assert len(listed) == 2


def test_what_alerts_say_of_a_job_that_is_listed_is_not_told_twice(reader: Client, job: EtlJob) -> None:
    for cause, kind, message in (
        ("run_failed", "", "The sync failed"),
        ("run_failed", "repair of ", "A repair failed"),
        ("job_overdue", "", "The sync takes far too long"),
    ):
        Alert.objects.create(tenant=job.tenant, cause=cause, subject=f"{kind}job {job.pk}", message=message)

    _stands(job, Overall.RUNNING)
    listed = {entry["title"] for entry in _told(reader)["attention"]}
    assert listed == {"The sync failed", "A repair failed", "The sync takes far too long"}

    _stands(job, Overall.FAILED)
    listed = {entry["title"] for entry in _told(reader)["attention"]}
    assert listed == {"Jira failed", "A repair failed", "The sync takes far too long"}

    _stands(job, Overall.FAILED, next_run=timezone.now() - timedelta(hours=1))
    listed = {entry["title"] for entry in _told(reader)["attention"]}
    assert listed == {"Jira failed", "Jira is overdue", "A repair failed"}


def test_a_connection_that_is_held_back_is_blocked_until_then(reader: Client, job: EtlJob) -> None:
    until = timezone.now() + timedelta(days=2)
    limit = IntegrationLimit.objects.update_or_create(
        integration=job.integration, defaults={"tenant": job.tenant, "blocked_until": until, "errors_in_a_row": 5}
    )[0]

    card = _card(reader, "Blocked connections")
    assert (card["value"], card["state"]) == ("1", "warned")
    assert f"{until:%Y-%m-%d}" in card["note"]
    assert _behind(reader, card["link"]) == [limit.pk]
    assert _told(reader)["attention"][0]["title"] == "Jira is blocked"
    IntegrationLimit.objects.update(blocked_until=timezone.now())
    assert _card(reader, "Blocked connections")["value"] == "0"


def test_workers_that_serve_the_tenant_are_counted_and_those_that_fell_silent(reader: Client, job: EtlJob) -> None:
    Tenant.objects.update(tier="premium")
    assert _card(reader, "Workers alive")["state"] == "bad"
    for number, tier in enumerate(("all", "premium", "free")):
        WorkerRow.objects.create(host="machine", pid=number, tier=tier)
    WorkerRow.objects.create(host="machine", pid=9, tier="all", heartbeat_at=timezone.now() - timedelta(hours=1))
    WorkerRow.objects.create(host="machine", pid=10, tier="all", ended="stopped", active=False)

    card = _card(reader, "Workers alive")
    assert (card["value"], card["note"], card["state"], card["link"]) == ("2", "1 silent", "warned", None)


def test_rows_are_told_by_day_with_the_runs_that_loaded_them(reader: Client, job: EtlJob) -> None:
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    for days, rows in ((0, 5), (1, 7), (1, 3), (13, 11), (14, 100)):
        _run(job, status=Overall.FINISHED, finished_at=today - timedelta(days=days), records_processed=rows)
    _run(job, records_processed=1000)

    (dataset,) = (chart := _told(reader)["rows"])["datasets"]
    assert chart["labels"][-1] == f"{today:%Y-%m-%d}"
    assert dataset["data"] == [11, *[0] * 11, 10, 5]
    for link, rows in zip(dataset["links"], dataset["data"], strict=True):
        runs = EtlJobRun.objects.filter(pk__in=_behind(reader, link))
        assert sum(runs.values_list("records_processed", flat=True)) == rows


def test_many_are_not_counted_to_the_end(reader: Client, job: EtlJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_figures, "MOST_COUNTED", 2)
    letters = [DeadLetter(tenant=job.tenant, queue="etl.jobs", body="{", error="not JSON") for _ in range(4)]
    DeadLetter.objects.bulk_create(letters[:2])
    assert _card(reader, "Open dead letters")["value"] == "2"
    DeadLetter.objects.bulk_create(letters[2:])
    assert _card(reader, "Open dead letters")["value"] == "2+"


def test_rows_of_another_tenant_are_not_told(reader: Client, rival: Rows, job: EtlJob) -> None:
    before = _told(reader)
    other = offline_integration("Rival").jobs.get()
    _stands(other, Overall.FAILED, error_message="Rival", next_run=timezone.now() - timedelta(days=1))
    _run(other, started_at=timezone.now() - timedelta(days=1))
    _run(other, status=Overall.FAILED, finished_at=timezone.now(), records_processed=5)
    for model in (Alert, DeadLetter):
        rival.row(model)
    limit = {"tenant": other.tenant, "blocked_until": timezone.now() + timedelta(days=1)}
    IntegrationLimit.objects.update_or_create(integration=other.integration, defaults=limit)

    after = _told(reader)
    assert after["rows"]["datasets"][0]["data"] == before["rows"]["datasets"][0]["data"]
    assert (after["running"], after["attention"]) == ([], [])
    assert [card["value"] for card in after["cards"]] == [card["value"] for card in before["cards"]]
    assert "Rival" not in reader.get(HOME).content.decode()


def test_the_page_takes_few_queries_however_much_there_is(superuser: Client, job: EtlJob) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert superuser.get(address).status_code == 200
        return len(captured.captured_queries)

    assert queries(HOME) <= MOST_QUERIES
    for number in range(10):
        other = offline_integration(name=f"Site {number}").jobs.get()
        _stands(other, Overall.FAILED, next_run=timezone.now() - timedelta(days=1))
        _run(other, kind=RunKind.REPAIR)
        IntegrationLimit.objects.update_or_create(
            integration=other.integration,
            defaults={"tenant": other.tenant, "blocked_until": timezone.now() + timedelta(days=1)},
        )
        Alert.objects.create(tenant=job.tenant, cause="no_consumer", subject=str(number), message="Nobody")
    assert queries(HOME) <= MOST_QUERIES
    assert queries(FLOW) <= MOST_QUERIES


def test_a_superuser_who_has_chosen_a_tenant_is_told_of_it_alone(superuser: Client, job: EtlJob) -> None:
    _stands(job, Overall.FAILED)
    rival = offline_integration("Rival").tenant
    assert _card(superuser, "Failed jobs")["value"] == "1"
    superuser.post(reverse("choose-tenant"), {"tenant": rival.pk})
    assert _card(superuser, "Failed jobs")["value"] == "0"
    assert superuser.get(FLOW).json()["said"].startswith("Work items of Rival")


# The first time


def test_who_has_no_connection_is_told_what_to_do_first(administrator: Client, viewer: Client) -> None:
    steps = _told(administrator)["steps"]
    assert [(step["title"], step["done"]) for step in steps] == [
        ("Add a connection", False),
        ("Start its first sync", False),
        ("See how work flows", False),
    ]
    assert steps[0]["link"] == reverse("admin:integrations_integration_add")
    assert [administrator.get(step["link"]).status_code for step in steps] == [200] * 3
    (first, *_) = _told(viewer)["steps"]
    assert (first["link"], first["note"]) == (None, "An administrator of your tenant can do that")


def test_the_first_superuser_is_told_to_add_a_tenant(superuser: Client) -> None:
    first = _told(superuser)["steps"][0]
    assert (first["title"], first["link"]) == ("Add a tenant", reverse("admin:tenancy_tenant_add"))
    assert superuser.get(HOME).status_code == superuser.get(FLOW).status_code == 200


def test_the_steps_are_ticked_off_until_a_sync_has_ended_well(reader: Client, job: EtlJob) -> None:
    EtlJob.objects.update(last_sync_date=None)
    assert [step["done"] for step in _told(reader)["steps"]] == [True, False, False]
    _run(job)
    assert [step["done"] for step in _told(reader)["steps"]] == [True, True, False]
    EtlJob.objects.update(last_sync_date=timezone.now())
    assert _told(reader)["steps"] == []


def test_staff_without_a_tenant_see_an_empty_page(stray: Client, acme: Rows) -> None:
    assert stray.get(HOME).status_code == 200
    told = _told(stray)
    assert (told["cards"], told["running"], told["attention"]) == ([], [], [])
    assert stray.get(FLOW).json()["cards"] == []


@pytest.mark.parametrize("address", [NOW, FLOW])
def test_who_may_not_come_into_the_admin_is_told_nothing(address: str, client: Client, db: None) -> None:
    assert client.get(address).status_code == 302


# How work flows


@pytest.fixture
def loading(job: EtlJob) -> Loading:
    loading = Loading.of(job.integration)
    loading.load(statuses(*STATUSES.values()))
    loading.load(items(*(moved(str(number), "1", "3", *["4"] * number, "5") for number in range(1, 6))))
    return loading


def _finished(external_id: str, at: datetime) -> None:
    WorkItem.objects.filter(external_id=external_id).update(work_last_completed_at=at)


def test_medians_stand_beside_those_of_as_many_days_before(reader: Client, loading: Loading) -> None:
    now = timezone.now()
    for number, days in (("1", 1), ("2", 20), ("3", 40), ("4", 100), ("5", 100)):
        _finished(number, now - timedelta(days=days))
    cards = {card["name"]: card for card in reader.get(FLOW).json()["cards"]}

    today = now.date()
    question = Question(loading.integration.tenant_id, today - timedelta(days=29), today)
    (done,) = flow.finished(question)
    assert cards["Median cycle time, 30 days"]["value"] == done["cycle_time_seconds"]["p50"] / 86400
    assert cards["Median lead time, 30 days"]["value"] == done["lead_time_seconds"]["p50"] / 86400
    assert cards["Finished, 30 days"]["value"] == 2
    assert cards["Finished, 30 days"]["note"] == "↑ 100% from 1 in the 30 days before"
    assert cards["Finished, 90 days"]["value"] == 3
    assert cards["Finished, 90 days"]["note"] == "↑ 50% from 2 in the 90 days before"
    for days in (30, 90):
        card = cards[f"Finished, {days} days"]
        assert len(_behind(reader, card["link"])) == card["value"]


def test_where_nothing_was_finished_lately_the_days_before_the_last_are_told(reader: Client, loading: Loading) -> None:
    told = reader.get(FLOW).json()
    assert told["said"].startswith("Work items of Acme, up to 2024-03-01, when one was finished last")
    assert {card["name"]: card["value"] for card in told["cards"]}["Finished, 30 days"] == 5
    _finished("1", timezone.now() - timedelta(hours=1))
    assert reader.get(FLOW).json()["said"] == f"Work items of Acme, up to {timezone.now().date()}."


def test_items_of_another_tenant_are_not_in_the_medians(reader: Client, loading: Loading) -> None:
    before = reader.get(FLOW).json()
    other = Loading.of(offline_integration("Rival"))
    other.load(statuses(*STATUSES.values()))
    other.load(items(moved("1", "1", "3", "5"), moved("2", "1", "3", "5")))
    assert reader.get(FLOW).json() == before


def test_a_superuser_is_told_of_the_only_tenant_or_of_none(superuser: Client, loading: Loading) -> None:
    assert superuser.get(FLOW).json()["said"].startswith("Work items of Acme")
    Tenant.objects.create(name="Rival")
    assert superuser.get(FLOW).json() == {
        "said": "These figures are of one tenant: choose it on the flow page.",
        "cards": [],
    }
