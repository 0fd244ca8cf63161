"""`runs`: what each did, how far it is, its log; stopping one and trying again what failed in it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from etl.jobs import discovery, lifecycle
from etl.models import EtlJobEvent, EtlJobRun, EtlJobRunStep, ExtractionCheckpoint, Overall, RunKind, UnitState
from integrations.models import Integration
from tests.etl.api.callers import Caller
from tests.support.making import ISSUES, PROJECTS, all_failed, all_planned, an_integration, checkpoint, job_of

FIGURES = {
    "execution_time": 60.5,
    "stage_seconds": {"extraction": 40.0, "transform": 20.5},
    "records_processed": 30,
    "errors_encountered": 1,
    "quarantined": 2,
    "api_calls_made": 5,
    "vectorization_queued": 30,
    "memory_usage": 123.5,
}


@pytest.fixture
def run(integration: Integration) -> EtlJobRun:
    """One that has just begun, without events."""
    run = lifecycle.start(job_of(integration).pk, trigger="test")
    EtlJobEvent.objects.all().delete()
    return run


def test_runs_are_found_by_job_kind_and_status_the_newest_first(caller: Caller, integration: Integration) -> None:
    job, other = job_of(integration), job_of(an_integration("Other"))
    first, second = (lifecycle.start(one.pk, trigger="test") for one in (job, other))
    third = discovery.request(job, "test")

    def found(path: str = "runs", **query: Any) -> list[int]:
        return [row["id"] for row in caller.get(path, **query).json()["results"]]

    assert found() == [third.pk, second.pk, first.pk]
    assert found(job_id=job.pk) == found(f"jobs/{job.pk}/runs") == [third.pk, first.pk]
    assert found(integration_id=other.integration_id) == [second.pk]
    assert found(kind="discovery") == found(f"jobs/{job.pk}/runs", kind="discovery") == [third.pk]
    assert found(status="RUNNING") == [second.pk, first.pk]
    assert found(f"jobs/{job.pk}/runs", status="RUNNING") == [first.pk]


def test_pages_of_runs_cost_the_same_queries_however_many_there_are(caller: Caller, integration: Integration) -> None:
    for number in range(5):
        lifecycle.start(job_of(an_integration(f"Jira {number}")).pk, trigger="test")
    counted = []
    for limit in (1, 5):
        with CaptureQueriesContext(connection) as queries:
            assert len(caller.get("runs", limit=limit).json()["results"]) == limit
        counted.append(len(queries))

    assert counted[0] == counted[1]


def test_a_run_of_another_job_is_no_parameter(caller: Caller) -> None:
    answer = caller.get("runs", job_id=10**9)

    assert (answer.status_code, list(answer.json()["errors"])) == (404, ["job_id"])


def test_a_run_is_told_with_its_figures_and_its_steps(caller: Caller, run: EtlJobRun) -> None:
    ended = datetime(2024, 5, 1, 12, tzinfo=UTC)
    EtlJobRun.objects.filter(pk=run.pk).update(
        **FIGURES, status=Overall.FINISHED, finished_at=ended, warning="2 records are in quarantine"
    )
    times = {"extraction": {"started_at": "2024-05-01T11:00:00+00:00", "finished_at": "2024-05-01T11:30:00+00:00"}}
    EtlJobRunStep.objects.filter(run=run, step=PROJECTS).update(times=times, extraction="finished")

    told = caller.get(f"runs/{run.pk}").json()

    assert {name: told[name] for name in FIGURES} == FIGURES
    assert (told["status"], told["finished_at"], told["trigger"]) == ("FINISHED", "2024-05-01T12:00:00Z", "test")
    assert (told["warning"], told["estimated_end"]) == ("2 records are in quarantine", None)
    assert [step["order"] for step in told["steps"]] == [1, 2, 3, 4]
    first = told["steps"][0]
    assert (first["step"], first["display_name"]) == (PROJECTS, "Projects & Types")
    assert (first["extraction"], first["transform"], first["embedding"]) == ("finished", "idle", "idle")
    assert first["times"] == times
    listed = caller.get("runs").json()["results"][0]
    assert {name: told[name] for name in listed} == listed


def test_an_open_run_says_how_far_it_is(caller: Caller, run: EtlJobRun) -> None:
    all_planned(run)
    checkpoint(run, ISSUES, status=UnitState.COMPLETED)
    checkpoint(run, ISSUES)

    told = caller.get(f"runs/{run.pk}").json()

    assert told["progress"][ISSUES] == {"extraction": {"done": 1, "total": 2}}
    assert told["status"] == "RUNNING"


# The log


def write(run: EtlJobRun, message: str, **more: Any) -> int:
    return EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=message, **more).pk


def test_events_are_found_by_level_stage_step_and_words(caller: Caller, run: EtlJobRun) -> None:
    first = write(run, "run started")
    second = write(run, "PAY-7: no status", level="warning", stage="transform", step=ISSUES, context={"unit_id": 4})
    third = write(run, "the site answered 500", level="error", stage="extraction", step=ISSUES)

    def found(**query: Any) -> list[int]:
        return [row["id"] for row in caller.get(f"runs/{run.pk}/events", **query).json()["results"]]

    assert found() == [first, second, third]
    assert found(order="newest") == [third, second, first]
    assert found(level="warning") == found(stage="transform") == found(search="pay-7") == [second]
    assert found(step=ISSUES) == [second, third]
    assert found(step=ISSUES, level="info") == []
    assert caller.get(f"runs/{run.pk}/events", level="warning").json()["results"][0]["context"] == {"unit_id": 4}


def test_a_log_is_read_in_pages_and_followed_from_the_last_event_that_was_seen(caller: Caller, run: EtlJobRun) -> None:
    ids = [write(run, f"event {number}") for number in range(5)]
    other = lifecycle.start(job_of(an_integration("Other")).pk, trigger="test")

    path, pages = f"runs/{run.pk}/events", []
    page = caller.get(path, limit=2).json()
    pages.append([row["id"] for row in page["results"]])
    while page["next"]:
        page = caller.get(path, limit=2, cursor=page["next"]).json()
        pages.append([row["id"] for row in page["results"]])
    write(other, "not ours")
    last = write(run, "one more")

    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert [row["id"] for row in caller.get(path, after_id=ids[-1]).json()["results"]] == [last]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"level": "loud"}, "level"),
        ({"stage": "load"}, "stage"),
        ({"order": "id"}, "order"),
        ({"after_id": 0}, "after_id"),
    ],
)
def test_a_filter_that_is_none_is_refused(caller: Caller, run: EtlJobRun, query: dict[str, Any], field: str) -> None:
    answer = caller.get(f"runs/{run.pk}/events", **query)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


# Stopping, trying again


def test_a_run_that_does_not_show_in_its_jobs_state_is_stopped(caller: Caller, integration: Integration) -> None:
    run = discovery.request(job_of(integration), "test")

    answer = caller.post(f"runs/{run.pk}/stop")

    assert (answer.status_code, answer.json()["status"], answer.json()["kind"]) == (200, "STOPPED", "discovery")
    again = caller.post(f"runs/{run.pk}/stop")
    assert (again.status_code, again.json()["type"]) == (409, "conflict")
    assert "STOPPED" in again.json()["detail"]


def test_what_failed_in_a_run_of_any_kind_is_tried_again(caller: Caller, integration: Integration) -> None:
    run = all_failed(lifecycle.request_items(integration, ["10001"], trigger="test"))

    answer = caller.post(f"runs/{run.pk}/retry")

    assert (answer.status_code, answer.json()["status"]) == (202, "RUNNING")
    assert answer.json()["kind"] == RunKind.WEBHOOK
    assert ExtractionCheckpoint.objects.get().status == UnitState.PENDING


def test_a_run_in_which_nothing_failed_is_not_tried_again(caller: Caller, run: EtlJobRun) -> None:
    lifecycle.stop(run.job_id)

    answer = caller.post(f"runs/{run.pk}/retry")

    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")
    assert f"run {run.pk}" in answer.json()["detail"]
