"""The grid of a job's last runs."""

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from etl.admin.history_grid import SHOWN_RUNS, history_grid
from etl.models import EtlJob, EtlJobRun, EtlJobRunStep
from pulse.tenancy.models import Tenant
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named
from tests.etl.admin.rows import Rows
from tests.etl.admin.test_jobs import job_of


def ran(job: EtlJob, status: str = "FINISHED", steps: tuple[str, ...] = ("one", "two"), **more: object) -> EtlJobRun:
    run = EtlJobRun.objects.create(
        tenant=job.tenant, integration=job.integration, job=job, **{"status": status, "execution_time": 10, **more}
    )
    times = {"extraction": {"started_at": "2026-03-01T12:00:00+00:00", "finished_at": "2026-03-01T12:00:12+00:00"}}
    EtlJobRunStep.objects.bulk_create(
        EtlJobRunStep(
            tenant=job.tenant, run=run, step=name, order=number, display_name=name.title(), times=times,
            extraction="failed" if status == "FAILED" else "finished",
        )
        for number, name in enumerate(steps)
    )  # fmt: skip
    return run


def test_a_row_is_a_stage_of_a_step_and_a_column_a_run_the_newest_last(acme: Rows) -> None:
    job = job_of(acme)
    good, bad = ran(job), ran(job, "FAILED", execution_time=20)
    grid = history_grid(job)
    assert [(column.run, column.height) for column in grid.columns] == [(good, 50.0), (bad, 100.0)]
    assert [(row.step, row.stage) for row in grid.rows][:4] == [
        ("One", "extraction"),
        ("One", "transform"),
        ("One", "embedding"),
        ("Two", "extraction"),
    ]
    first = grid.rows[0].cells
    assert [(cell.state, cell.symbol, cell.lasted) for cell in first] == [
        ("finished", "✓", "12.0 s"),
        ("failed", "✕", "12.0 s"),
    ]
    assert [cell.address for cell in first] == [addresses.page_of(good), addresses.page_of(bad)]


def test_a_stage_that_was_at_work_when_its_run_was_stopped_is_told_as_stopped(acme: Rows) -> None:
    job = job_of(acme)
    runs = [ran(job, status, steps=("one",)) for status in ("STOPPED", "PAUSED")]
    EtlJobRunStep.objects.filter(run__in=runs).update(transform="running")
    cells = history_grid(job).rows[1].cells
    assert [(cell.state, cell.symbol) for cell in cells] == [("stopped", "■"), ("running", "▸")]


def test_a_run_without_a_step_has_an_empty_cell_for_it(acme: Rows) -> None:
    job = job_of(acme)
    ran(job, steps=("two",))
    ran(job)
    grid = history_grid(job)
    assert {row.step: [cell.state for cell in row.cells] for row in grid.rows if row.stage == "extraction"} == {
        "One": ["", "finished"],
        "Two": ["finished", "finished"],
    }


def test_only_the_last_runs_that_have_the_jobs_steps_are_shown_in_two_queries(acme: Rows) -> None:
    job = job_of(acme)
    runs = [ran(job) for _ in range(SHOWN_RUNS + 2)]
    for kind in ("webhook", "discovery"):
        ran(job, kind=kind)
    with CaptureQueriesContext(connection) as captured:
        grid = history_grid(job)
    assert [column.run for column in grid.columns] == runs[2:]
    assert len(captured) == 2


def test_the_jobs_page_shows_the_grid_with_words_for_each_colour(viewer: Client, acme: Rows) -> None:
    job = job_of(acme)
    run = ran(job, "FAILED")
    content = viewer.get(addresses.page_of(job)).content.decode()
    assert "Stages of the last 1 run," in content
    assert f"One, extraction, run {run.pk}: failed, 12.0 s" in content


def test_a_job_that_never_ran_says_so(viewer: Client, acme: Rows) -> None:
    assert "It has not run yet." in viewer.get(addresses.page_of(job_of(acme))).content.decode()


def test_the_grid_alone_is_for_people_of_the_jobs_tenant(
    viewer: Client, stray: Client, acme: Rows, rival: Rows
) -> None:
    ours, theirs = job_of(acme), job_of(rival)
    run = ran(ours)
    ran(theirs)
    seen = viewer.get(named(EtlJobRun, "history_grid", ours.pk))
    assert addresses.page_of(run) in seen.content.decode()
    assert viewer.get(named(EtlJobRun, "history_grid", theirs.pk)).status_code == 404
    assert viewer.get(named(EtlJobRun, "history_grid", 2**40)).status_code == 404
    assert stray.get(named(EtlJobRun, "history_grid", ours.pk)).status_code == 403
    Tenant.objects.filter(pk=acme.tenant.pk).update(active=False)
    assert viewer.get(named(EtlJobRun, "history_grid", ours.pk)).status_code == 302
