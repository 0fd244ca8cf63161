"""The page of a run: steps, times, figures, its log; and its buttons."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.utils import timezone

from etl.admin.run_log import PAGE_EVENTS
from etl.admin.run_page import figures, see
from etl.jobs import discovery, lifecycle
from etl.jobs.advance import advance
from etl.models import (
    EtlJobEvent,
    EtlJobRun,
    EtlJobRunStep,
    ExtractionCheckpoint,
    Overall,
    RawExtractionData,
    WorkerRow,
)
from etl.sql import execute
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


def test_steps_are_listed_with_those_of_the_newest_run_first(viewer: Client, acme: Rows) -> None:
    older = a_run(acme)
    lifecycle.stop(older.job_id)
    newer = a_run(acme)
    listed = viewer.get(addresses.list_of(EtlJobRunStep)).context["cl"].result_list
    assert [step.run_id for step in listed] == [newer.pk] * newer.steps.count() + [older.pk] * older.steps.count()
    assert [step.order for step in listed][: newer.steps.count()] == sorted(step.order for step in newer.steps.all())


def test_the_page_shows_each_step_with_its_stages_and_times(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    times = {"extraction": {"started_at": "2026-03-01T12:00:00+00:00", "finished_at": "2026-03-01T12:01:30+00:00"}}
    EtlJobRunStep.objects.filter(run=run, step=PROJECTS).update(times=times, extraction="finished")

    content = look(operator, run).content.decode()

    assert "Projects &amp; Types" in content
    assert "2026-03-01 12:00:00 to 12:01:30, 1 min 30 s" in content


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


# Large ones


@contextmanager
def rows_read() -> Iterator[list[int]]:
    """How many rows each query gives."""
    found: list[int] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        found.append(context["cursor"].rowcount)
        return result

    with connection.execute_wrapper(look):
        yield found


def test_a_run_of_50_steps_and_100000_events_takes_as_few_queries_and_rows_as_any(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    EtlJobRunStep.objects.bulk_create(
        EtlJobRunStep(tenant_id=run.tenant_id, run=run, step=f"step {n}", order=n, display_name=f"Step {n}")
        for n in range(50)
    )
    execute(
        """INSERT INTO etl_job_events (tenant_id, run_id, level, stage, step, message, context, active, created_at,
               last_updated_at)
           SELECT %s, %s, 'info', '', '', 'event ' || n, '{}', true, now(), now() FROM generate_series(1, 100000) n""",
        [run.tenant_id, run.pk],
    )
    with rows_read() as read:
        shown = look(operator, run)
    assert next(event.message for event, _ in shown.context["events"]) == "event 100000"
    assert len(read) <= 30
    assert max(read) <= 60
    with rows_read() as read:
        assert operator.get(named(EtlJobRun, "parts", run.pk)).status_code == 200
    assert len(read) <= 20
    assert max(read) <= 60


# Figures


def figures_of(run: EtlJobRun) -> dict[str, str]:
    """A minute after it began."""
    now = run.started_at + timedelta(minutes=1)
    return {one.name: one.value for one in figures(run, see(run), 2, now)}


def test_the_figures_of_a_run_that_goes_on_are_those_of_its_units(acme: Rows) -> None:
    run = a_run(acme)
    owner = {"tenant_id": run.tenant_id, "integration_id": run.integration_id, "run": run, "step": PROJECTS}
    ExtractionCheckpoint.objects.create(**owner, partition_key="one", pages=7, status="failed")
    RawExtractionData.objects.create(**owner, raw_data={}, status="completed", records=1200)
    WorkerRow.objects.create(host="one", pid=1, tier="all", memory_mib=99.6, holding=[{"run_id": run.pk}])
    found = figures_of(run)
    assert (found["Records"], found["API calls"], found["Errors"], found["Quarantined"]) == ("1,200", "7", "1", "2")
    assert (found["Rate"], found["Memory"]) == ("20.0 / s", "100 MiB")


def test_the_figures_of_a_run_that_is_over_are_those_summed_at_its_end(acme: Rows) -> None:
    run = a_run(acme)
    run.status, run.finished_at, run.execution_time = Overall.FINISHED, timezone.now(), 4.0
    run.records_processed, run.api_calls_made, run.memory_usage = 10, 3, 210.4
    found = figures_of(run)
    assert (found["Lasted"], found["Rate"], found["Memory"]) == ("4.0 s", "2.5 / s", "210 MiB")
    assert (found["Records"], found["API calls"]) == ("10", "3")


# What the page looks at again


def test_the_parts_alone_say_what_is_true_now(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    assert 'data-status="RUNNING" data-under-way="1"' in parts(operator, run)
    EtlJobRunStep.objects.filter(run=run, step=PROJECTS).update(extraction="failed")
    assert 'data-state="failed">failed' in parts(operator, run)
    lifecycle.stop_run(run.pk)
    assert 'data-status="STOPPED" data-under-way=""' in parts(operator, run)


def parts(client: Client, run: EtlJobRun) -> str:
    response = client.get(named(EtlJobRun, "parts", run.pk))
    assert response.status_code == 200
    return response.content.decode()


def test_the_parts_have_buttons_for_operators_alone_and_nothing_for_strangers(
    operator: Client, viewer: Client, stray: Client, acme: Rows, rival: Rows
) -> None:
    run = a_run(acme)
    assert ('value="stop"' in parts(operator, run), 'value="stop"' in parts(viewer, run)) == (True, False)
    assert operator.get(named(EtlJobRun, "parts", a_run(rival).pk)).status_code == 404
    assert stray.get(named(EtlJobRun, "parts", run.pk)).status_code == 403


def test_a_button_pressed_by_the_script_is_answered_in_words(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    form = {"act": "stop", "confirmed": "1"}
    answer = operator.post(named(EtlJobRun, "act", run.pk), form, headers={"Accept": "application/json"})
    assert answer.json()["told"] == [{"level": "success", "text": f"{run} was stopped.", "link": ""}]


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


def test_who_stops_a_run_is_asked_first(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    asked = operator.post(named(EtlJobRun, "act", run.pk), {"act": "stop"})
    assert "it cannot go on afterwards" in asked.content.decode()
    assert EtlJobRun.objects.get(pk=run.pk).status == Overall.RUNNING


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
