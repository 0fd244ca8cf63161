"""The buttons of a job."""

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from etl.jobs import discovery
from etl.jobs.lifecycle import open_run
from etl.models import EtlJob, EtlJobRun, Overall
from integrations.models import Integration
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows


def _job(rows: Rows) -> EtlJob:
    """The job that came with the tenant's integration."""
    integration = rows.row(Integration)
    return EtlJob.objects.get(integration=integration)


def _press(client: Client, action: str, *jobs: EtlJob) -> list[str]:
    """Presses a button for the jobs; what the page says then."""
    form: dict[str, Any] = {"action": action, "_selected_action": [job.pk for job in jobs]}
    response = client.post(addresses.list_of(EtlJob), form, follow=True)
    assert response.status_code == 200
    return [str(message) for message in response.context["messages"]]


def _overall(job: EtlJob) -> Overall:
    return EtlJob.objects.get(pk=job.pk).overall


def test_a_job_is_started_paused_resumed_and_stopped(operator: Client, acme: Rows) -> None:
    job = _job(acme)
    assert _press(operator, "start_jobs", job) == [f"{job.name} was started."]
    assert _overall(job) == Overall.RUNNING
    assert _press(operator, "pause_jobs", job) == [f"{job.name} was paused."]
    assert _overall(job) == Overall.PAUSED
    assert _press(operator, "resume_jobs", job) == [f"{job.name} was resumed."]
    assert _overall(job) == Overall.RUNNING
    assert _press(operator, "stop_jobs", job) == [f"{job.name} was stopped."]
    assert _overall(job) == Overall.STOPPED


def test_the_run_says_that_it_was_started_in_the_admin(operator: Client, acme: Rows) -> None:
    job = _job(acme)
    _press(operator, "start_jobs", job)
    run = open_run(job.pk)
    assert run is not None
    assert run.trigger == "admin"


def test_what_cannot_be_done_is_an_error_that_says_why(operator: Client, acme: Rows) -> None:
    job = _job(acme)
    said = _press(operator, "resume_jobs", job)
    assert said == [f"{job.name} was not resumed: job {job.pk} ({job.name}) is NOT_STARTED: not PAUSED"]


def test_a_job_that_cannot_be_started_does_not_hold_up_another(operator: Client, acme: Rows) -> None:
    running, other = _job(acme), EtlJob.objects.get(integration=acme.row(Integration, 2))
    _press(operator, "start_jobs", running)
    assert len(_press(operator, "start_jobs", running, other)) == 2
    assert _overall(other) == Overall.RUNNING


def test_a_viewer_has_no_buttons(viewer: Client, acme: Rows) -> None:
    job = _job(acme)
    assert "start_jobs" not in viewer.get(addresses.list_of(EtlJob)).content.decode()
    _press(viewer, "start_jobs", job)
    assert _overall(job) == Overall.NOT_STARTED


def test_a_job_of_another_tenant_cannot_be_started(operator: Client, rival: Rows) -> None:
    job = _job(rival)
    _press(operator, "start_jobs", job)
    assert _overall(job) == Overall.NOT_STARTED


def test_changing_a_jobs_plan_never_writes_its_status(operator: Client, acme: Rows) -> None:
    job = _job(acme)
    form = {"name": "Nightly", "order": "7", "active": "on", "settings": "{}", "next_run_0": "", "next_run_1": ""}
    with CaptureQueriesContext(connection) as captured:
        assert operator.post(addresses.page_of(job), form).status_code == 302
    updates = [query["sql"] for query in captured.captured_queries if query["sql"].startswith('UPDATE "etl_jobs"')]
    assert len(updates) == 1
    assert '"status"' not in updates[0]
    job.refresh_from_db()
    assert (job.name, job.order) == ("Nightly", 7)


def _stop(client: Client, run: EtlJobRun) -> list[str]:
    form = {"action": "stop_runs", "_selected_action": [run.pk]}
    return [
        str(message) for message in client.post(addresses.list_of(EtlJobRun), form, follow=True).context["messages"]
    ]


def test_a_run_that_does_not_show_in_its_jobs_state_is_stopped_by_itself(operator: Client, acme: Rows) -> None:
    run = discovery.request(_job(acme), "test")
    assert _stop(operator, run) == [f"{run} was stopped."]
    assert EtlJobRun.objects.get(pk=run.pk).status == Overall.STOPPED
    assert _stop(operator, run) == [f"{run} was not stopped: run {run.pk} is STOPPED: it is over"]


def test_viewers_and_strangers_stop_no_run(viewer: Client, operator: Client, acme: Rows, rival: Rows) -> None:
    ours, theirs = (discovery.request(_job(rows), "test") for rows in (acme, rival))
    assert "stop_runs" not in viewer.get(addresses.list_of(EtlJobRun)).content.decode()
    _stop(viewer, ours)
    _stop(operator, theirs)
    assert set(EtlJobRun.objects.filter(pk__in=[ours.pk, theirs.pk]).values_list("status", flat=True)) == {"READY"}
