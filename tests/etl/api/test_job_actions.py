"""What moves a job: `jobs/{id}/start` and the others."""

from typing import Any

import pytest

from etl.jobs import lifecycle
from etl.models import EtlJob, EtlJobRun, Overall, RunKind, Verification
from integrations.models import Integration
from tests.etl.api.callers import Caller
from tests.support.brokers import RecordingBroker
from tests.support.making import ISSUES, PROJECTS, all_failed, job_of


@pytest.fixture
def job(integration: Integration) -> EtlJob:
    return job_of(integration)


def ask(caller: Caller, job: EtlJob, action: str, body: Any = None) -> Any:
    return caller.post(f"jobs/{job.pk}/{action}", body)


def state(job: EtlJob) -> Overall:
    return EtlJob.objects.get(pk=job.pk).overall


def test_a_job_is_started_and_workers_are_woken(caller: Caller, job: EtlJob, recording: RecordingBroker) -> None:
    answer = ask(caller, job, "start")

    run = EtlJobRun.objects.get()
    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["job_id"], answer.json()["status"]) == (run.pk, job.pk, "RUNNING")
    assert (run.kind, run.trigger, run.config) == (RunKind.SYNC, "API: otto", {})
    assert [body["run_id"] for body in recording.bodies()] == [run.pk]


def test_a_run_reads_what_it_is_asked_to(caller: Caller, job: EtlJob) -> None:
    asked = {
        "steps": [PROJECTS, ISSUES],
        "projects": ["PAY"],
        "updated_from": "2024-01-01",
        "updated_to": "2024-02-01T00:00:00+00:00",
        "batch_size": 20,
        "include_dev_status": False,
        "include_custom_fields": True,
        "full_sync": None,
    }

    answer = ask(caller, job, "start", asked)

    assert answer.status_code == 202, answer.content
    config = answer.json()["config"]
    assert config == EtlJobRun.objects.get().config
    assert (config["steps"], config["projects"], config["batch_size"]) == ([PROJECTS, ISSUES], ["PAY"], 20)
    assert (config["updated_from"], config["updated_to"]) == ("2024-01-01T00:00:00+00:00", "2024-02-01T00:00:00+00:00")
    assert "full_sync" not in config


@pytest.mark.parametrize(
    ("asked", "field", "message"),
    [
        ({"steps": ["jira_everything"]}, "steps", "'jira_everything', unknown to jira; known are: " + PROJECTS),
        ({"projects": "PAY"}, "projects", "PAY"),
        ({"updated_from": "yesterday"}, "updated_from", "'yesterday'"),
        ({"updated_from": "2024-02-01", "updated_to": "2024-01-01"}, "updated_to", "not after"),
        ({"batch_size": 0}, "batch_size", "0"),
        ({"full_sync": "yes"}, "full_sync", "yes"),
        ({"fullsync": True}, "fullsync", "is unknown; known are: steps, projects, updated_from"),
    ],
)
def test_what_no_run_can_be_asked_is_refused_with_its_name_and_value(
    caller: Caller, job: EtlJob, asked: dict[str, Any], field: str, message: str
) -> None:
    answer = ask(caller, job, "start", asked)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert message in answer.json()["errors"][field][0]
    assert not EtlJobRun.objects.exists()


def test_a_job_is_paused_resumed_and_stopped(caller: Caller, job: EtlJob) -> None:
    run = lifecycle.start(job.pk, trigger="test")

    answers = [ask(caller, job, action) for action in ("pause", "resume", "stop")]

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [
        (200, "PAUSED"),
        (202, "RUNNING"),
        (200, "STOPPED"),
    ]
    assert {answer.json()["id"] for answer in answers} == {run.pk}
    assert (state(job), answers[2].json()["finished_at"] is not None) == (Overall.STOPPED, True)


def test_what_failed_is_tried_again_in_its_run(caller: Caller, job: EtlJob, recording: RecordingBroker) -> None:
    run = all_failed(lifecycle.start(job.pk, trigger="test"))
    recording.published.clear()

    answer = ask(caller, job, "retry")

    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (202, run.pk, "RUNNING")
    assert (state(job), {body["run_id"] for body in recording.bodies()}) == (Overall.RUNNING, {run.pk})


@pytest.mark.parametrize(("action", "kind"), [("reprocess", RunKind.REPROCESS), ("repair", RunKind.REPAIR)])
def test_other_kinds_of_runs_are_begun(caller: Caller, job: EtlJob, action: str, kind: RunKind) -> None:
    answer = ask(caller, job, action)

    run = EtlJobRun.objects.get()
    assert (answer.status_code, answer.json()["id"], answer.json()["kind"]) == (202, run.pk, kind)
    assert run.trigger == "API: otto"


@pytest.mark.parametrize("repair", [False, True])
def test_a_comparison_with_the_site_is_asked_for(caller: Caller, job: EtlJob, repair: bool) -> None:
    answer = ask(caller, job, "verify", {"repair": repair})

    asked = Verification.objects.get()
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (202, asked.pk, asked.state)
    assert (asked.integration_id, asked.trigger, asked.repairs) == (job.integration_id, "API: otto", repair)


@pytest.mark.parametrize("action", ["pause", "resume", "stop", "retry"])
def test_what_cannot_be_done_to_a_job_that_does_not_run_is_answered_with_the_reason(
    caller: Caller, job: EtlJob, action: str
) -> None:
    answer = ask(caller, job, action)

    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")
    assert f"job {job.pk}" in answer.json()["detail"]
    assert "NOT_STARTED" in answer.json()["detail"]
    assert state(job) == Overall.NOT_STARTED


@pytest.mark.parametrize("action", ["start", "resume", "retry", "reprocess", "repair"])
def test_what_cannot_be_done_to_a_job_that_runs_is_answered_with_the_reason(
    caller: Caller, job: EtlJob, action: str
) -> None:
    lifecycle.start(job.pk, trigger="test")

    answer = ask(caller, job, action)

    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")
    assert "RUNNING" in answer.json()["detail"]
    assert (EtlJobRun.objects.count(), state(job)) == (1, Overall.RUNNING)


def test_nothing_of_an_inactive_integration_is_started(caller: Caller, job: EtlJob, integration: Integration) -> None:
    Integration.objects.filter(pk=integration.pk).update(active=False)

    answers = [ask(caller, job, action) for action in ("start", "repair", "verify")]

    assert [answer.status_code for answer in answers] == [409] * 3
    assert all("is inactive" in answer.json()["detail"] for answer in answers)
    assert not EtlJobRun.objects.exists()


def test_a_queue_that_is_away_does_not_keep_a_job_from_being_started(
    caller: Caller, job: EtlJob, recording: RecordingBroker
) -> None:
    recording.refuses = True

    assert ask(caller, job, "start").status_code == 202
    assert state(job) == Overall.RUNNING
