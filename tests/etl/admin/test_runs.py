"""The page of a run: steps, times, figures, its log; and its buttons."""

from typing import Any

from django.test import Client

from etl.admin.run_log import PAGE_EVENTS
from etl.jobs import discovery, lifecycle
from etl.jobs.advance import advance
from etl.models import EtlJobEvent, EtlJobRun, EtlJobRunStep, ExtractionCheckpoint, Overall
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named, offered, on_list, on_page
from tests.etl.admin.rows import HOSTILE, Rows
from tests.etl.admin.test_jobs import job_of

PROJECTS = "jira_projects_and_issue_types"


def a_run(rows: Rows) -> EtlJobRun:
    return lifecycle.start(job_of(rows).pk, trigger="test")


def log(run: EtlJobRun, **more: Any) -> EtlJobEvent:
    return EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, **{"message": "something", **more})


def look(client: Client, run: EtlJobRun, **asked: Any) -> Any:
    response = client.get(addresses.page_of(run), asked)
    assert response.status_code == 200
    return response


def events(client: Client, run: EtlJobRun, **asked: Any) -> list[EtlJobEvent]:
    return [event for event, _ in look(client, run, **asked).context["events"]]


def test_the_page_shows_each_step_with_its_stages_and_times(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    times = {"extraction": {"started_at": "2026-03-01T12:00:00+00:00", "finished_at": "2026-03-01T12:01:30+00:00"}}
    EtlJobRunStep.objects.filter(run=run, step=PROJECTS).update(times=times, extraction="finished")

    content = look(operator, run).content.decode()

    assert "Projects &amp; Types" in content
    assert "from 2026-03-01 12:00:00, 90.0 s" in content


def test_the_log_is_shown_the_newest_first_and_its_hostile_text_as_text(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    last = log(run, message=HOSTILE)
    assert events(operator, run)[0] == last
    assert HOSTILE not in look(operator, run).content.decode()


def test_the_log_is_filtered_and_searched(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    wanted = log(run, level="error", stage="transform", step=PROJECTS, message="page 7 cannot be read: 50%")
    log(run, level="error", stage="extraction", step=PROJECTS)
    for asked in ({"stage": "transform"}, {"search": "PAGE 7"}, {"search": "50%"}, {"level": "error", "search": "7"}):
        found = [event for event in events(operator, run, **asked) if not event.context]
        assert found == [wanted], asked
    assert wanted in events(operator, run, step=PROJECTS)
    assert events(operator, run, step="jira_dev_status") == []


def test_what_cannot_be_asked_of_a_log_is_said_and_the_rest_shown(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    log(run, level="error")
    response = look(operator, run, level="loud", search="something")
    assert "loud" in str(response.context["log"].form.errors)
    assert [event.message for event, _ in response.context["events"]] == ["something"]


def test_a_long_log_is_read_in_pages_that_keep_the_filter(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    made = [log(run, level="warning") for _ in range(PAGE_EVENTS + 3)]
    log(run)

    first = look(operator, run, level="warning").context
    assert [event for event, _ in first["events"]] == made[:2:-1]
    response = operator.get(addresses.page_of(run) + first["log"].older)
    assert [event for event, _ in response.context["events"]] == made[2::-1]
    assert response.context["log"].older == ""
    assert response.context["log"].newest == "?level=warning#log"


def test_another_tenants_events_are_not_in_it(operator: Client, acme: Rows, rival: Rows) -> None:
    log(a_run(rival), message="of the rival")
    assert "of the rival" not in look(operator, a_run(acme)).content.decode()


# Buttons


def test_a_run_that_does_not_show_in_its_jobs_state_is_stopped_by_itself(operator: Client, acme: Rows) -> None:
    run = discovery.request(job_of(acme), "test")
    assert offered(operator, run) == ["stop"]
    assert on_page(operator, "stop", run) == [f"{run} was stopped."]
    assert EtlJobRun.objects.get(pk=run.pk).status == Overall.STOPPED
    assert offered(operator, run) == []
    (said,) = on_list(operator, "stop", run)
    assert said.startswith(f"{run} was not stopped: ")
    assert "STOPPED" in said


def test_what_failed_in_a_run_is_retried(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    ExtractionCheckpoint.objects.filter(run=run).update(status="failed", error_details={"error": "away"})
    while advance(run.pk):
        ExtractionCheckpoint.objects.filter(run=run, status="pending").update(status="completed")
    run.refresh_from_db()
    assert run.status == Overall.FAILED
    assert offered(operator, run) == ["retry"]

    assert on_page(operator, "retry", run) == [f"{run} was retried."]

    run.refresh_from_db()
    assert run.status == Overall.RUNNING


def test_viewers_and_strangers_stop_no_run(viewer: Client, operator: Client, acme: Rows, rival: Rows) -> None:
    ours, theirs = (discovery.request(job_of(rows), "test") for rows in (acme, rival))
    assert offered(viewer, ours) == []
    on_list(viewer, "stop", ours)
    on_list(operator, "stop", theirs)
    assert viewer.post(named(EtlJobRun, "act", ours.pk), {"act": "stop"}).status_code == 403
    assert operator.post(named(EtlJobRun, "act", theirs.pk), {"act": "stop"}).status_code == 404
    assert set(EtlJobRun.objects.filter(pk__in=[ours.pk, theirs.pk]).values_list("status", flat=True)) == {"READY"}
