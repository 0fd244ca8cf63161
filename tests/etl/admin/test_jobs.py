"""The buttons of a job."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from custommapping.models import Authority, Project
from etl.jobs.advance import advance
from etl.jobs.lifecycle import open_run
from etl.models import EtlJob, EtlJobRun, ExtractionCheckpoint, Overall, Verification
from integrations.models import Integration
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named, offered, on_list, on_page
from tests.etl.admin.rows import Rows, staff


def job_of(rows: Rows, number: int = 1) -> EtlJob:
    """The job that came with the tenant's integration."""
    return EtlJob.objects.get(integration=rows.row(Integration, number))


def overall(job: EtlJob) -> Overall:
    return EtlJob.objects.get(pk=job.pk).overall


def test_a_job_is_started_paused_resumed_and_stopped_on_the_list(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    for name, done, state in (
        ("start", "started", Overall.RUNNING),
        ("pause", "paused", Overall.PAUSED),
        ("resume", "resumed", Overall.RUNNING),
        ("stop", "stopped", Overall.STOPPED),
        ("reset", "reset: it is READY, and due now", Overall.READY),
        ("reprocess", "reprocessed", Overall.FINISHED),
    ):
        (said,) = on_list(operator, name, job)
        assert f" was {done}" in said
        assert overall(job) == state


def test_what_came_of_a_button_is_said_with_a_link_to_it(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    (said,) = on_page(operator, "start", job)
    run = open_run(job.pk)
    assert run is not None
    assert f'href="{addresses.page_of(run)}">run {run.pk}</a>' in said
    assert run.trigger == "admin: otto"


def test_a_jobs_page_offers_what_can_be_done_in_its_state(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    always = ["repair", "verify", "verify_and_repair"]
    assert offered(operator, job) == ["start", "reprocess", "reset", *always]
    on_page(operator, "start", job)
    assert offered(operator, job) == ["pause", "stop", "reset", *always]
    on_page(operator, "pause", job)
    assert offered(operator, job) == ["resume", "stop", "reset", *always]


@pytest.mark.parametrize("press", [on_list, on_page])
def test_what_cannot_be_done_is_an_error_that_says_why(operator: Client, acme: Rows, press: Any) -> None:
    job = job_of(acme)
    (said,) = press(operator, "resume", job)
    assert said.startswith(f"{job.name} was not resumed: job {job.pk} ({job.name}) is NOT_STARTED")


def test_a_job_that_cannot_be_started_does_not_hold_up_another(operator: Client, acme: Rows) -> None:
    running, other = job_of(acme), job_of(acme, 2)
    on_list(operator, "start", running)
    assert len(on_list(operator, "start", running, other)) == 2
    assert overall(other) == Overall.RUNNING


def test_what_failed_is_retried(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    on_page(operator, "start", job)
    run = EtlJobRun.objects.get(job=job)
    ExtractionCheckpoint.objects.filter(run=run).update(status="failed", error_details={"error": "away"})
    while advance(run.pk):
        ExtractionCheckpoint.objects.filter(run=run, status="pending").update(status="completed")
    assert overall(job) == Overall.FAILED
    assert "retry" in offered(operator, job)

    (said,) = on_page(operator, "retry", job)

    assert f"run {run.pk}" in said
    assert overall(job) == Overall.RUNNING


def test_a_job_is_put_down_to_be_verified(operator: Client, acme: Rows) -> None:
    (said,) = on_page(operator, "verify_and_repair", job_of(acme))
    verification = Verification.objects.get()
    assert f'href="{addresses.page_of(verification)}">verification {verification.pk}</a>' in said
    assert verification.repairs


def test_a_viewer_has_no_buttons(viewer: Client, acme: Rows) -> None:
    job = job_of(acme)
    assert offered(viewer, job) == []
    assert 'value="start"' not in viewer.get(named(EtlJob, "table")).content.decode()
    assert "Run with options" not in viewer.get(addresses.page_of(job)).content.decode()
    on_list(viewer, "start", job)
    assert viewer.post(named(EtlJob, "act", job.pk), {"act": "start"}).status_code == 403
    for ask in (viewer.get, viewer.post):
        assert ask(named(EtlJob, "run", job.pk)).status_code == 403
    assert overall(job) == Overall.NOT_STARTED


def test_a_job_of_another_tenant_cannot_be_moved(operator: Client, rival: Rows) -> None:
    job = job_of(rival)
    on_list(operator, "start", job)
    assert operator.post(named(EtlJob, "act", job.pk), {"act": "start"}).status_code == 404
    assert operator.post(named(EtlJob, "run", job.pk), {}).status_code == 404
    assert overall(job) == Overall.NOT_STARTED


def test_only_a_form_presses_a_button_and_only_one_that_there_is(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    assert operator.get(named(EtlJob, "act", job.pk), {"act": "start"}).status_code == 405
    assert operator.post(named(EtlJob, "act", job.pk), {"act": "destroy"}).status_code == 404
    assert overall(job) == Overall.NOT_STARTED


# A run with options


def ask(client: Client, job: EtlJob, **form: Any) -> Any:
    return client.post(named(EtlJob, "run", job.pk), form, follow=True)


def a_project(job: EtlJob, key: str) -> None:
    of_job = {"tenant_id": job.tenant_id, "integration_id": job.integration_id}
    Project.objects.create(**of_job, external_id=f"id of {key}", key=key, authority=Authority.LISTED)


def test_a_run_of_known_projects_alone_is_refused_where_it_names_none_of_them(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    a_project(job, "PAY")

    response = ask(operator, job, steps=["jira_issues_with_changelogs"], projects="NOPE")

    assert not EtlJobRun.objects.filter(job=job).exists()
    assert "projects or repositories that are not known: NOPE" in response.content.decode()


def test_a_run_is_asked_for_what_the_form_says(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    a_project(job, "PAY")
    assert operator.get(named(EtlJob, "run", job.pk)).status_code == 200

    response = ask(
        operator, job, steps=["jira_issues_with_changelogs"], projects="PAY, OPS", updated_from="2024-01-01",
        updated_to="2024-01-31", full_sync="on", batch_size="20", include_dev_status="on",
    )  # fmt: skip

    run = EtlJobRun.objects.get(job=job)
    assert run.config == {
        "steps": ["jira_issues_with_changelogs"],
        "projects": ["PAY", "OPS"],
        "updated_from": "2024-01-01T00:00:00+00:00",
        "updated_to": "2024-02-01T00:00:00+00:00",
        "full_sync": True,
        "batch_size": 20,
        "include_dev_status": True,
        "include_custom_fields": False,
    }
    (said,) = [str(message) for message in response.context["messages"]]
    assert "full_sync: True" in said
    assert "projects: PAY, OPS, " in said
    assert f"run {run.pk}" in said


def test_a_long_list_of_what_a_run_was_asked_is_said_in_few_words(operator: Client, acme: Rows) -> None:
    response = ask(operator, job_of(acme), projects=",".join(f"P{number}" for number in range(2000)))
    (said,) = [str(message) for message in response.context["messages"]]
    assert "projects: P0, P1, " in said
    assert len(said) < 1000


def test_settings_that_are_nested_too_deeply_are_refused_at_their_field(operator: Client, acme: Rows) -> None:
    response = operator.post(addresses.page_of(job_of(acme)), {"name": "Job", "order": 1, "settings": "[" * 3000})
    assert response.context["adminform"].form.errors["settings"] == ["It is nested too deeply."]


def test_what_a_run_cannot_be_asked_is_said_at_its_field_and_nothing_is_started(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    response = ask(operator, job, updated_from="yesterday", batch_size="5000")
    errors = response.context["form"].errors
    assert "updated_from is 'yesterday'" in str(errors["updated_from"].as_data())
    assert "5000" in str(errors["batch_size"].as_data())
    assert response.context["form"]["updated_from"].value() == "yesterday"
    assert overall(job) == Overall.NOT_STARTED


def test_a_default_of_the_job_is_filled_in_and_can_be_taken_back_for_one_run(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    EtlJob.objects.filter(pk=job.pk).update(settings={"config": {"full_sync": True}})
    assert operator.get(named(EtlJob, "run", job.pk)).context["form"]["full_sync"].value() is True

    ask(operator, job, include_dev_status="on")

    run = open_run(job.pk)
    assert run is not None
    assert not run.config["full_sync"]


def test_a_run_that_cannot_be_started_says_why_and_keeps_the_form(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    on_page(operator, "start", job)
    response = ask(operator, job, projects="PAY", include_dev_status="on")
    assert f"job {job.pk} ({job.name}) is RUNNING" in str([str(message) for message in response.context["messages"]])
    assert response.context["form"]["projects"].value() == "PAY"


# Its plan


def test_changing_a_jobs_plan_never_writes_its_status(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    form = {"name": "Nightly", "order": "7", "active": "on", "settings": "{}", "next_run_0": "", "next_run_1": ""}
    with CaptureQueriesContext(connection) as captured:
        assert operator.post(addresses.page_of(job), form).status_code == 302
    updates = [query["sql"] for query in captured.captured_queries if query["sql"].startswith('UPDATE "etl_jobs"')]
    assert len(updates) == 1
    assert '"status"' not in updates[0]
    job.refresh_from_db()
    assert (job.name, job.order) == ("Nightly", 7)


def test_settings_that_nobody_can_have_meant_are_refused_at_their_field(operator: Client, acme: Rows) -> None:
    form = {"name": "N", "order": "1", "active": "on", "settings": '{"cron": "at night"}', "next_run_0": "",
            "next_run_1": ""}  # fmt: skip
    response = operator.post(addresses.page_of(job_of(acme)), form)
    assert "at night" in str(response.context["adminform"].form.errors["settings"].as_data())


def test_a_superuser_may_press_buttons_of_every_tenant(superuser: Client, rival: Rows) -> None:
    job = job_of(rival)
    on_page(superuser, "start", job)
    assert overall(job) == Overall.RUNNING


def test_a_trigger_is_cut_where_a_name_is_long(acme: Rows, client: Client) -> None:
    client.force_login(staff("n" * 140, acme.tenant, role="operator"))
    on_page(client, "start", job_of(acme))
    assert len(EtlJobRun.objects.get().trigger) == 50
