"""A repair finds what no sync is told of: drift, moves and deletions; and does not believe too many of these."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from custommapping.models import CustomField, Status, StatusMapping
from etl import pipeline
from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.jobs.lifecycle import IllegalTransition
from etl.models import (
    EtlJobRun,
    EtlJobRunStep,
    ListedItemRow,
    Overall,
    QdrantVector,
    QuarantinedRecord,
    RawExtractionData,
    RunKind,
    WorkItem,
    WorkItemPrLink,
)
from etl.queue.topology import Stage
from tests.support.driving import work_off
from tests.support.making import an_integration, job_of
from tests.support.records import START
from tests.support.scripted import ITEMS, LINKS, LISTING, Scripted

pytestmark = pytest.mark.django_db
UNTIL_LOADED = (Stage.EXTRACTION, Stage.TRANSFORM)


def synced(scripted: Scripted) -> None:
    """A sync whose vectors are left out: all of them were embedded, for all that a repair sees."""
    run = lifecycle.start(scripted.job.pk, trigger="test")
    work_off(run, stages=UNTIL_LOADED)
    QdrantVector.objects.update(status="completed")
    work_off(run)
    advance(run.pk)
    assert EtlJobRun.objects.get(pk=run.pk).status == Overall.FINISHED
    scripted.world.calls.clear()


def repaired(scripted: Scripted) -> EtlJobRun:
    """A repair, to its end; the vectors that it queued wait no longer."""
    run = lifecycle.start_repair(scripted.job.pk, trigger="test")
    work_off(run, stages=UNTIL_LOADED)
    QdrantVector.objects.filter(run=run).update(status="completed")
    advance(run.pk)
    run.refresh_from_db()
    return run


def a_site(scripted: Scripted, items: int = 40) -> None:
    scripted.world.page = 2 if items < 10 else items
    scripted.project("1", items)
    synced(scripted)


def fetched(scripted: Scripted) -> list[str]:
    """The ids that were fetched again."""
    return [
        number for call in scripted.world.calls if call.startswith("ids:") for number in call[4:].split(",") if number
    ]


def row(number: str) -> WorkItem:
    return WorkItem.objects.get(external_id=number)


def test_where_nothing_drifted_only_the_listing_is_asked_for(scripted: Scripted) -> None:
    a_site(scripted, 3)

    run = repaired(scripted)

    assert (run.kind, run.status, run.api_calls_made) == (RunKind.REPAIR, Overall.FINISHED, 2)
    assert scripted.world.calls == ["listing:1:0", "listing:1:1"]
    assert list(EtlJobRunStep.objects.filter(run=run).values_list("step", flat=True)) == [ITEMS, LINKS, LISTING]


def test_a_repair_leaves_the_jobs_status_alone(scripted: Scripted) -> None:
    a_site(scripted, 1)
    before = scripted.job.status, scripted.job.version, scripted.job.next_run

    repaired(scripted)

    assert (scripted.job.status, scripted.job.version, scripted.job.next_run) == before


@pytest.mark.parametrize(
    "drift", [{"version": 5}, {"status": "5"}, {"key": "P1-99"}, {"project": "2"}], ids=lambda drift: next(iter(drift))
)
def test_an_item_of_which_the_listing_says_something_else_is_fetched_and_keeps_its_row(
    scripted: Scripted, drift: dict[str, Any]
) -> None:
    scripted.project("2", 1)
    a_site(scripted, 3)
    before = row("3").pk
    for name, value in drift.items():
        setattr(scripted.world.items["3"], name, value)

    repaired(scripted)

    assert fetched(scripted) == ["3"]
    told = scripted.world.items["3"]
    assert (row("3").pk, row("3").key, row("3").project.external_id) == (before, told.key, told.project)
    assert row("3").status.external_id == told.status


def test_an_item_that_is_unknown_is_fetched(scripted: Scripted) -> None:
    a_site(scripted, 3)
    scripted.world.fill("1", 1)

    repaired(scripted)

    assert fetched(scripted) == ["4"]
    assert row("4").active


def test_an_item_that_is_gone_becomes_inactive_and_leaves_the_search_index(scripted: Scripted) -> None:
    a_site(scripted)
    del scripted.world.items["7"]
    run = lifecycle.start_repair(scripted.job.pk, trigger="test")

    work_off(run, stages=UNTIL_LOADED)

    assert fetched(scripted) == ["7"]
    assert not row("7").active
    assert row("7").deleted_at is not None
    assert WorkItem.objects.filter(active=True).count() == 39
    waiting = QdrantVector.objects.get(run=run)
    assert (waiting.external_id, waiting.status, waiting.content_hash) == ("7", "pending", "")


def test_a_second_repair_writes_nothing_of_an_item_that_is_gone_already(scripted: Scripted) -> None:
    a_site(scripted)
    del scripted.world.items["7"]
    repaired(scripted)
    deleted_at = row("7").deleted_at
    scripted.world.calls.clear()

    run = repaired(scripted)

    assert fetched(scripted) == []
    assert row("7").deleted_at == deleted_at
    assert not QdrantVector.objects.filter(run=run).exists()


def test_an_item_that_came_back_as_it_was_is_active_again_and_searchable(scripted: Scripted) -> None:
    a_site(scripted)
    lost = scripted.world.items.pop("7")
    repaired(scripted)
    scripted.world.items["7"] = lost

    run = repaired(scripted)

    assert fetched(scripted) == ["7", "7"]
    assert (row("7").active, row("7").deleted_at) == (True, None)
    assert QdrantVector.objects.get(run=run).content_hash != ""


def test_an_absent_item_that_is_still_there_stays(scripted: Scripted) -> None:
    a_site(scripted)
    scripted.world.hidden = {"7"}

    run = repaired(scripted)

    assert fetched(scripted) == ["7"]
    assert row("7").active
    assert run.warning == ""


def test_where_more_than_a_twentieth_is_absent_none_of_it_is_believed(scripted: Scripted) -> None:
    a_site(scripted)
    scripted.world.items["9"].version = 5
    for number in ("1", "2", "3"):
        del scripted.world.items[number]

    run = repaired(scripted)

    assert fetched(scripted) == ["9"]
    assert WorkItem.objects.filter(active=True).count() == 40
    assert run.status == Overall.FINISHED
    assert run.warning == "3 of 40 items are absent from the listing: none of them is taken for deleted"


def test_a_twentieth_is_believed(scripted: Scripted) -> None:
    a_site(scripted)
    for number in ("1", "2"):
        del scripted.world.items[number]

    repaired(scripted)

    assert WorkItem.objects.filter(active=True).count() == 38


def test_a_project_that_is_absent_as_a_whole_is_not_believed_and_another_is(scripted: Scripted) -> None:
    scripted.project("2", 1)
    a_site(scripted, 59)
    del scripted.world.items["1"], scripted.world.items["30"]

    run = repaired(scripted)

    assert fetched(scripted) == ["30"]
    assert row("1").active
    assert run.warning == ("all 1 items of project 2 are absent from the listing: none of them is taken for deleted")


def test_of_a_project_that_could_not_be_listed_nothing_is_absent(scripted: Scripted) -> None:
    a_site(scripted, 3)
    scripted.world.refuses = {"listing:1:1"}

    run = repaired(scripted)

    assert run.status == Overall.FAILED
    assert fetched(scripted) == []


def test_what_was_listed_is_forgotten_at_the_end_of_the_run(scripted: Scripted) -> None:
    a_site(scripted, 3)
    run = lifecycle.start_repair(scripted.job.pk, trigger="test")
    work_off(run, stages=(Stage.EXTRACTION,))
    work_off(run, stages=(Stage.TRANSFORM,))

    assert not ListedItemRow.objects.exists()
    run.refresh_from_db()
    assert run.status == Overall.FINISHED


def with_link(number: str, days_ago: int | None, source: str = "git") -> None:
    item = row(number)
    WorkItemPrLink.objects.create(
        tenant_id=item.tenant_id, integration_id=item.integration_id, work_item=item, source=source, external_id=number
    )
    read_at = None if days_ago is None else timezone.now() - timedelta(days=days_ago)
    WorkItem.objects.filter(pk=item.pk).update(dev_status_read_at=read_at)


def test_development_data_of_open_items_is_read_again_by_age(scripted: Scripted) -> None:
    a_site(scripted, 9)
    for number, days in (("1", 8), ("2", 6), ("3", 30), ("4", 8), ("5", 8)):
        with_link(number, days)
    done = Status.objects.create(
        tenant_id=scripted.integration.tenant_id, integration=scripted.integration, external_id="9", name="D",
        category="Done",
    )  # fmt: skip
    WorkItem.objects.filter(external_id="4").update(status=done)
    del scripted.world.items["5"]
    WorkItem.objects.filter(external_id="5").update(active=False, deleted_at=timezone.now())
    WorkItem.objects.filter(external_id="6").update(code_changed="{pullrequest}")
    WorkItem.objects.filter(external_id="7").update(code_changed="{}")
    with_link("8", None, source="mention")

    repaired(scripted)

    assert scripted.world.reread == ["6", "3", "1"]


def test_what_a_tenants_mapping_calls_done_is_not_read_again(scripted: Scripted) -> None:
    a_site(scripted, 1)
    with_link("1", 30)
    StatusMapping.objects.create(
        tenant_id=scripted.integration.tenant_id,
        integration=scripted.integration,
        status_external_id="1",
        category="Done",
    )

    repaired(scripted)

    assert scripted.world.reread == []


def test_a_repair_does_not_begin_beside_an_open_run(scripted: Scripted) -> None:
    scripted.project("1", 1)
    lifecycle.start(scripted.job.pk, trigger="test")

    with pytest.raises(IllegalTransition, match="has an open run"):
        lifecycle.start_repair(scripted.job.pk, trigger="test")

    lifecycle.stop(scripted.job.pk)
    lifecycle.start_repair(scripted.job.pk, trigger="test")
    with pytest.raises(IllegalTransition, match="has an open run"):
        lifecycle.start_repair(scripted.job.pk, trigger="test")
    assert lifecycle.start(scripted.job.pk, trigger="test").status == Overall.RUNNING


def test_a_repair_that_is_stopped_leaves_nothing_and_another_can_begin(scripted: Scripted) -> None:
    a_site(scripted, 3)
    run = lifecycle.start_repair(scripted.job.pk, trigger="test")
    work_off(run, stages=(Stage.EXTRACTION,))
    for unit in RawExtractionData.objects.filter(run=run, status="pending")[:1]:
        pipeline.handle(Stage.TRANSFORM, [unit.pk])
    assert ListedItemRow.objects.filter(run=run).exists()

    lifecycle.stop_run(run.pk)

    run.refresh_from_db()
    assert run.status == Overall.STOPPED
    assert not ListedItemRow.objects.exists()
    assert lifecycle.start_repair(scripted.job.pk, trigger="test").status == Overall.RUNNING


def test_an_inactive_integration_is_not_repaired() -> None:
    integration = an_integration()
    integration.active = False
    integration.save()

    with pytest.raises(IllegalTransition, match="is inactive"):
        lifecycle.start_repair(job_of(integration).pk, trigger="test")


def test_of_a_project_that_is_not_listed_any_more_the_run_warns(scripted: Scripted) -> None:
    a_site(scripted, 3)
    listed = {"projects": ["2"]}
    RawExtractionData.objects.filter(entity_type="items").update(extraction_metadata=listed)

    run = repaired(scripted)

    assert run.status == Overall.FINISHED
    assert run.warning == "project P1 is not listed any more: none of its 3 items is taken for deleted"
    assert WorkItem.objects.filter(active=True).count() == 3


def test_what_a_sync_loads_beside_the_listing_is_not_absent(scripted: Scripted) -> None:
    a_site(scripted, 3)
    run = lifecycle.start_repair(scripted.job.pk, trigger="test")
    work_off(run, stages=(Stage.EXTRACTION,))
    scripted.world.fill("1", 3)
    work_off(lifecycle.start(scripted.job.pk, trigger="test"), stages=UNTIL_LOADED)
    assert WorkItem.objects.count() == 6
    scripted.world.calls.clear()

    work_off(run, stages=UNTIL_LOADED)

    assert (run.status, run.warning, fetched(scripted)) == (Overall.FINISHED, "", [])


def test_what_is_too_old_to_be_read_is_not_absent(scripted: Scripted) -> None:
    a_site(scripted)
    scripted.world.hidden = {str(number) for number in range(1, 20)}
    WorkItem.objects.filter(external_id__in=scripted.world.hidden).update(updated=START - timedelta(days=9))
    scripted.integration.settings = {"start_date": START.date().isoformat()}
    scripted.integration.save()
    WorkItem.objects.exclude(external_id__in=scripted.world.hidden).update(updated=START + timedelta(days=9))
    for item in scripted.world.items.values():
        item.version = 24 * 9
    del scripted.world.items["40"]

    run = repaired(scripted)

    assert (fetched(scripted), run.warning) == (["40"], "")


def test_an_item_in_quarantine_is_fetched_until_it_is_well(scripted: Scripted) -> None:
    a_site(scripted, 3)
    QuarantinedRecord.objects.create(
        tenant_id=scripted.integration.tenant_id,
        integration=scripted.integration,
        table_name="work_items",
        external_id="2",
    )

    repaired(scripted)

    assert fetched(scripted) == ["2"]
    assert QuarantinedRecord.objects.get().resolved_at is not None
    scripted.world.calls.clear()
    repaired(scripted)
    assert fetched(scripted) == []


def test_development_that_was_refused_or_is_not_mapped_is_read_again_too(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_site(scripted, 4)
    monkeypatch.setattr(type(scripted.integration.provider_code), "default_fields", {"code_changed": ["dev"]})
    CustomField.objects.create(
        tenant_id=scripted.integration.tenant_id,
        integration=scripted.integration,
        external_id="field_1",
        name="Development",
        field_type="any",
        schema={"custom": "dev"},
    )
    WorkItem.objects.filter(external_id="1").update(dev_status_read_at=timezone.now() - timedelta(days=8))
    WorkItem.objects.filter(external_id="2").update(custom_fields_overflow={"field_1": "{pullrequest}"})
    WorkItem.objects.filter(external_id="3").update(custom_fields_overflow={"field_1": "{}"})

    repaired(scripted)

    assert sorted(scripted.world.reread) == ["1", "2"]
