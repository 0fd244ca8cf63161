"""Re-transforms: of what is stale only, until nothing is, whatever happens meanwhile."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from etl import pipeline
from etl.jobs import lifecycle, units
from etl.jobs.advance import advance
from etl.jobs.lifecycle import IllegalTransition
from etl.jobs.sweep import sweep
from etl.mapping import retransform
from etl.mapping.saving import save_mapping
from etl.models import (
    Changelog,
    EtlJob,
    EtlJobEvent,
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    QuarantinedRecord,
    RawExtractionData,
    RunKind,
    WorkItem,
)
from etl.queue.topology import Stage
from etl.workers.runtime import SchedulerLoop
from integrations.models import Integration
from tests.integrations.providers.jira.samples import history, issue, item
from tests.services.waiting import wait_until
from tests.support.driving import waiting, work_off, worked_off
from tests.support.making import a_run, an_integration, change, job_of, raw_row
from tests.support.mapping import column, is_current, stored, transformed, with_fields
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def jira() -> Integration:
    return with_fields("string", "string", "number")


@pytest.fixture
def imported(jira: Integration) -> EtlJobRun:
    """A run whose pages a test makes up."""
    return a_run(jira, RunKind.IMPORT)


def thing(number: int, **fields: Any) -> dict[str, Any]:
    """An issue whose field 1 is its number and field 2 the number's half."""
    return issue(number, **{"customfield_1": f"one {number}", "customfield_2": f"two {number}", **fields})


def save(integration: Integration, version: int = 0, **columns: str | None) -> EtlJobRun | None:
    return save_mapping(integration, columns, version=version, by="ann").run


def saved(integration: Integration, version: int = 0, **columns: str | None) -> EtlJobRun:
    """The run that applies the mapping."""
    run = save(integration, version, **columns)
    assert run
    return run


def loaded_of(run: EtlJobRun) -> list[int]:
    return sorted(RawExtractionData.objects.filter(run=run).values_list("pk", flat=True))


def due_at(integration: Integration) -> datetime:
    at = job_of(integration).retransform_due_at
    assert at
    return at


def test_a_saved_mapping_fills_its_columns_without_a_call_to_the_site(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1), thing(2))

    run = worked_off(saved(jira, team="customfield_1"))

    assert column(jira, "team") == {"ORB-1": "one 1", "ORB-2": "one 2"}
    assert column(jira, "custom_fields_overflow") == {
        "ORB-1": {"customfield_2": "two 1"},
        "ORB-2": {"customfield_2": "two 2"},
    }
    assert (run.status, run.records_processed, run.api_calls_made) == (Overall.FINISHED, 2, 0)
    assert not ExtractionCheckpoint.objects.exists()
    assert job_of(jira).overall == Overall.FINISHED
    assert job_of(jira).retransform_due_at is None


def test_a_re_transform_says_nothing_of_when_the_site_is_asked_again(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    EtlJob.objects.update(next_run=timezone.now())
    before = job_of(jira)

    worked_off(saved(jira, team="customfield_1"))

    assert (job_of(jira).next_run, job_of(jira).last_sync_date) == (before.next_run, None)


def test_only_answers_that_own_something_stale_are_made_anew(jira: Integration, imported: EtlJobRun) -> None:
    other = a_run(an_integration("Other"), RunKind.IMPORT)
    transformed(other, thing(1))
    superseded = transformed(imported, thing(1))
    owner = transformed(imported, thing(1, summary="Newer"))
    again = transformed(imported, thing(1, summary="Newer"))

    run = worked_off(saved(jira, team="customfield_1"))

    assert loaded_of(run) == [owner.pk]
    assert (is_current(superseded), is_current(owner), is_current(again)) == (False, True, False)
    assert EtlJobEvent.objects.filter(run=run, message__startswith="re-transforming 1 stored answers").exists()


def test_of_a_page_only_what_it_owns_is_made_anew(jira: Integration, imported: EtlJobRun) -> None:
    owner_of_first = transformed(imported, thing(1))
    page = transformed(imported, thing(1), thing(2))
    RawExtractionData.objects.filter(pk=owner_of_first.pk).update(active=False)

    worked_off(saved(jira, team="customfield_1"))

    assert column(jira, "team") == {"ORB-1": None, "ORB-2": "one 2"}
    assert is_current(page)


def test_what_was_refused_in_steps_that_a_re_transform_has_not_does_not_keep_it_due(
    jira: Integration, imported: EtlJobRun
) -> None:
    transformed(imported, thing(1))
    fields = raw_row(imported, step="jira_custom_fields", status="completed")
    QuarantinedRecord.objects.create(
        tenant=jira.tenant, integration=jira, run=imported, raw_data=fields, step=fields.step,
        table_name="custom_fields", external_id="customfield_9", path="[3]", reason="has no name",
    )  # fmt: skip

    run = worked_off(saved(jira, team="customfield_1"))

    assert run.status == Overall.FINISHED
    assert job_of(jira).retransform_due_at is None


def test_what_was_refused_is_tried_again_beside_rows_of_older_answers(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    refused = transformed(imported, thing(1, created="yesterday"))
    RawExtractionData.objects.filter(pk=refused.pk).update(
        raw_data={"issues": [thing(1, summary="Readable by now")]}, digests=None
    )

    worked_off(saved(jira, team="customfield_1"))

    assert column(jira, "summary") == {"ORB-1": "Readable by now"}
    assert QuarantinedRecord.objects.get().resolved_at is not None


def test_histories_and_texts_that_the_same_answer_wrote_are_left_alone_and_those_of_another_reader_are_not(
    jira: Integration, imported: EtlJobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = history("7", "2025-03-02T09:00:00.000+0000", item("10101", "10102"))
    transformed(imported, thing(1, histories=[moved]))
    logs = Changelog.objects.values_list("pk", "last_updated_at", "to_status_name")
    before = list(logs)

    worked_off(saved(jira, team="customfield_1"))
    assert list(logs) == before

    Changelog.objects.update(to_status_name="As an older reader read it")
    monkeypatch.setattr(type(jira.provider_code), "reader_version", 99)
    again = retransform.start(job_of(jira).pk, trigger="test")
    assert again
    worked_off(again)
    assert [name for _, _, name in logs] == [before[0][2]]


def test_where_nothing_is_stale_no_run_begins(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))

    assert retransform.start(job_of(jira).pk, trigger="test") is None
    assert job_of(jira).overall == Overall.NOT_STARTED


def test_a_newer_reader_makes_all_stale(
    jira: Integration, imported: EtlJobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = transformed(imported, thing(1))
    monkeypatch.setattr(type(jira.provider_code), "reader_version", 99)

    run = retransform.start(job_of(jira).pk, trigger="test")

    assert run
    worked_off(run)
    assert is_current(row)


def test_a_run_goes_on_where_a_mapping_is_saved_while_it_runs(jira: Integration, imported: EtlJobRun) -> None:
    for number in range(4):
        transformed(imported, thing(number))
    run = saved(jira, team="customfield_1")
    for unit in waiting(run.pk, Stage.TRANSFORM)[:2]:
        pipeline.handle(Stage.TRANSFORM, [unit])

    assert save(jira, 1, code_changed="customfield_1") is None
    worked_off(run)

    assert set(column(jira, "team").values()) == {None}
    assert column(jira, "code_changed") == {f"ORB-{number}": f"one {number}" for number in range(4)}
    assert job_of(jira).retransform_due_at is None
    assert EtlJobRun.objects.filter(kind=RunKind.REPROCESS).count() == 1


def test_a_mapping_saved_while_a_sync_runs_is_applied_once_that_is_over(jira: Integration) -> None:
    sync = a_run(jira, RunKind.SYNC)
    transformed(sync, thing(1))
    EtlJob.objects.update(status={"overall": "RUNNING"})
    assert save(jira, team="customfield_1") is None
    transformed(sync, thing(2))
    assert retransform.start_all_due() == 0

    EtlJobRun.objects.update(status="FINISHED")
    EtlJob.objects.update(status={"overall": "FINISHED"})
    assert column(jira, "team") == {"ORB-1": None, "ORB-2": "one 2"}
    assert retransform.start_all_due() == 1
    worked_off(EtlJobRun.objects.get(kind=RunKind.REPROCESS))

    assert column(jira, "team") == {"ORB-1": "one 1", "ORB-2": "one 2"}


def test_the_mapping_of_an_inactive_integration_is_applied_since_nobody_is_called(
    jira: Integration, imported: EtlJobRun
) -> None:
    transformed(imported, thing(1))
    Integration.objects.update(active=False)

    worked_off(saved(jira, team="customfield_1"))

    assert column(jira, "team") == {"ORB-1": "one 1"}


def test_a_paused_re_transform_goes_on_with_what_was_saved_meanwhile(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    run = saved(jira, team="customfield_1")
    lifecycle.pause(run.job_id)

    assert save(jira, 1, code_changed="customfield_1") is None
    assert retransform.start_all_due() == 0
    lifecycle.resume(run.job_id)
    run.refresh_from_db()
    worked_off(run)

    assert (column(jira, "team"), column(jira, "code_changed")) == ({"ORB-1": None}, {"ORB-1": "one 1"})


def test_a_stopped_re_transform_waits_for_a_person(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    run = saved(jira, team="customfield_1")

    lifecycle.stop(run.job_id)

    assert retransform.start_all_due() == 0
    assert due_at(jira) <= timezone.now()
    again = retransform.start(run.job_id, trigger="test")
    assert again
    worked_off(again)
    assert column(jira, "team") == {"ORB-1": "one 1"}


def test_after_a_reset_a_stopped_re_transform_begins_again(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    run = saved(jira, team="customfield_1")

    lifecycle.reset(run.job_id)

    assert retransform.start_all_due() == 1


def test_a_sync_that_adopts_what_a_stop_left_applies_the_mapping_too(jira: Integration, imported: EtlJobRun) -> None:
    row = transformed(imported, thing(1))
    lifecycle.stop(saved(jira, team="customfield_1").job_id)

    sync = lifecycle.start(job_of(jira).pk, trigger="test")
    work_off(sync, stages=(Stage.TRANSFORM,))

    assert RawExtractionData.objects.get(pk=row.pk).run_id == sync.pk
    assert (column(jira, "team"), is_current(row)) == ({"ORB-1": "one 1"}, True)


def test_a_worker_that_dies_in_the_middle_costs_nothing_but_time(jira: Integration, imported: EtlJobRun) -> None:
    rows = [transformed(imported, thing(1)), transformed(imported, thing(2))]
    run = saved(jira, team="customfield_1")
    assert units.take(RawExtractionData, [rows[0].pk])
    pipeline.handle(Stage.TRANSFORM, [rows[1].pk])
    change(rows[0], "lease_until = now() - interval '1 s'")

    assert sweep().taken_back == 1
    worked_off(run)

    assert column(jira, "team") == {"ORB-1": "one 1", "ORB-2": "one 2"}
    assert run.status == Overall.FINISHED


def test_an_answer_that_cannot_be_made_anew_fails_the_run_and_is_tried_again_a_cycle_later(
    jira: Integration, imported: EtlJobRun
) -> None:
    bad, good = transformed(imported, thing(1)), transformed(imported, thing(2))
    RawExtractionData.objects.filter(pk=bad.pk).update(raw_data="no page", digests=None)

    run = worked_off(saved(jira, team="customfield_1"))

    assert (run.status, is_current(good), is_current(bad)) == (Overall.FAILED, True, False)
    assert column(jira, "team") == {"ORB-1": None, "ORB-2": "one 2"}
    assert due_at(jira) > timezone.now() + timedelta(minutes=jira.tenant.cycle_minutes - 1)
    assert retransform.start_all_due() == 0
    EtlJob.objects.update(retransform_due_at=timezone.now())
    RawExtractionData.objects.filter(pk=bad.pk).update(raw_data={"issues": [thing(1)]})
    assert retransform.start_all_due() == 1
    worked_off(EtlJobRun.objects.filter(kind=RunKind.REPROCESS).latest("id"))
    assert column(jira, "team") == {"ORB-1": "one 1", "ORB-2": "one 2"}
    assert job_of(jira).retransform_due_at is None


def test_pages_of_an_open_webhook_run_are_made_anew_too(jira: Integration) -> None:
    webhooks = a_run(jira, RunKind.WEBHOOK)
    row = transformed(webhooks, thing(1))

    run = worked_off(saved(jira, team="customfield_1"))

    assert (is_current(row), loaded_of(run)) == (True, [row.pk])


def test_a_page_that_waits_in_another_run_is_left_to_that_one(jira: Integration) -> None:
    webhooks = a_run(jira, RunKind.WEBHOOK)
    row = transformed(webhooks, thing(1))
    RawExtractionData.objects.update(status="pending")

    assert save(jira, team="customfield_1") is None
    assert timezone.now() < due_at(jira) < timezone.now() + timedelta(minutes=2)
    work_off(webhooks)

    assert (column(jira, "team"), is_current(row)) == ({"ORB-1": "one 1"}, True)


def test_a_whole_reprocess_applies_the_mapping_as_well(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    EtlJobRun.objects.filter(pk=imported.pk).update(status="FINISHED")
    run = lifecycle.reprocess(job_of(jira).pk, trigger="test")
    assert save(jira, team="customfield_1") is None

    worked_off(run)

    assert column(jira, "team") == {"ORB-1": "one 1"}
    assert job_of(jira).retransform_due_at is None


def test_a_re_transform_of_a_running_job_is_refused(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    run = saved(jira, team="customfield_1")

    with pytest.raises(IllegalTransition, match="is RUNNING"):
        retransform.start(run.job_id, trigger="test")


def test_an_inactive_tenants_re_transforms_wait(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    lifecycle.reset(saved(jira, team="customfield_1").job_id)
    jira.tenant.active = False
    jira.tenant.save()

    assert retransform.start_all_due() == 0


@pytest.mark.django_db(transaction=True)
def test_of_many_who_start_what_is_due_one_wins(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    lifecycle.reset(saved(jira, team="customfield_1").job_id)

    assert sum(at_once(*[retransform.start_all_due] * 4)) == 1
    assert EtlJobRun.objects.filter(kind=RunKind.REPROCESS, status="RUNNING").count() == 1


@pytest.mark.django_db(transaction=True)
def test_mappings_saved_while_two_workers_transform_are_all_applied(jira: Integration, imported: EtlJobRun) -> None:
    """Pages of a sync, pages made anew, and savers, all at once: what stands at the end is the last mapping."""
    done = [transformed(imported, thing(number)) for number in range(6)]
    fresh = [stored(imported, thing(number)) for number in range(6, 18)]

    def work(rows: list[RawExtractionData]) -> None:
        for row in rows:
            pipeline.handle(Stage.TRANSFORM, [row.pk])
            for run in EtlJobRun.objects.filter(kind=RunKind.REPROCESS, status="RUNNING"):
                for unit in waiting(run.pk, Stage.TRANSFORM)[:2]:
                    pipeline.handle(Stage.TRANSFORM, [unit])

    def keep_saving() -> None:
        for version, name in enumerate(("team", "code_changed", "custom_field_01", "custom_field_02")):
            save(jira, version, **{name: "customfield_1"})

    at_once(lambda: work(fresh[:6]), lambda: work(fresh[6:]), keep_saving)
    retransform.start_all_due()
    for run in EtlJobRun.objects.filter(status="RUNNING"):
        work_off(run, stages=(Stage.TRANSFORM,))
        advance(run.pk)

    assert column(jira, "custom_field_02") == {f"ORB-{number}": f"one {number}" for number in range(18)}
    assert not WorkItem.objects.filter(custom_field_01__isnull=False).exists()
    assert all(map(is_current, [*done, *fresh]))
    EtlJob.objects.update(retransform_due_at=timezone.now())
    assert retransform.start_all_due() == 0
    assert job_of(jira).retransform_due_at is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("recording")
def test_the_scheduler_starts_what_is_due_as_soon_as_the_job_is_free(jira: Integration, imported: EtlJobRun) -> None:
    transformed(imported, thing(1))
    lifecycle.reset(saved(jira, team="customfield_1").job_id)
    EtlJob.objects.update(next_run=None)
    loop = SchedulerLoop(schedule=True)

    loop.start()
    try:
        assert wait_until(EtlJobRun.objects.filter(kind=RunKind.REPROCESS, status="RUNNING").exists, 20)
    finally:
        loop.stop()
