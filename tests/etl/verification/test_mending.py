"""A verification tells exactly what differs between a site and what is stored, and repairs that and nothing else."""

from typing import Any

import pytest
from django.utils import timezone

from etl.jobs import repair
from etl.models import QdrantVector, QuarantinedRecord, RawExtractionData, WorkItem
from etl.queue.topology import Stage
from etl.verification import mending
from integrations.provider import RawAnswer
from integrations.records import Batch
from tests.etl.verification.making import DAY, MANY, forget, projects, repaired, told, verified, written_since
from tests.support.making import a_run
from tests.support.scripted import ITEMS, LISTING, Scripted, ScriptedProvider
from tests.support.tables import versions

pytestmark = pytest.mark.django_db


def test_where_all_is_alike_there_is_no_drift_and_nothing_to_repair(synced: Scripted) -> None:
    verification = verified(synced, repairs=True)

    totals, vectors = verification.report["totals"], verification.report["totals"]["vectors"]
    assert (verification.score, verification.report["drift"], verification.repair) == (0, 0, None)
    assert (totals["source"], totals["derived"], totals["raw"]) == (MANY + 3,) * 3
    assert vectors["wanted"] == vectors["completed"] == QdrantVector.objects.count() > MANY + 3
    assert {key: (one["source"], one["derived"]) for key, one in projects(verification).items()} == {
        "P1": (MANY, MANY),
        "P2": (3, 3),
    }
    assert synced.world.calls == ["counts:1", "counts:2"]


def test_an_item_that_is_missing_is_found_by_a_listing_of_its_project_and_it_alone_is_fetched(synced: Scripted) -> None:
    forget("7")
    before = versions(synced.integration.pk)

    found = verified(synced)
    run = repaired(synced)

    assert told(found, "missing") == told(found, "drift") == {"P1": 1}
    assert found.score == pytest.approx(1 / (MANY + 3 + QdrantVector.objects.count() - 1), abs=1e-6)
    assert synced.world.calls == ["listing:1:0", "listing:1:1", "ids:7"]
    assert written_since(synced.integration, before) == {"7"}
    assert run.vectorization_queued == 1


def test_an_item_that_is_gone_at_the_site_is_found_and_marked(synced: Scripted) -> None:
    del synced.world.items["101"]
    before = versions(synced.integration.pk)

    found = verified(synced)
    repaired(synced)

    assert told(found, "gone") == told(found, "drift") == {"P2": 1}
    # One of three, and still believed: it is little of all that there is.
    assert synced.world.calls == ["listing:2:0", "ids:101"]
    assert written_since(synced.integration, before) == {"101"}
    assert WorkItem.objects.get(external_id="101").deleted_at


def test_what_a_stored_answer_holds_is_made_from_it_without_a_call(synced: Scripted) -> None:
    forget("7", answers=False)
    before = versions(synced.integration.pk)

    found = verified(synced)
    run = repaired(synced)

    assert told(found, "underived") == told(found, "missing") == told(found, "drift") == {"P1": 1}
    assert (synced.world.calls, run.api_calls_made) == ([], 0)
    assert written_since(synced.integration, before) == {"7"}
    assert RawExtractionData.objects.filter(run=run).count() == 1


def test_of_such_an_answer_only_what_is_missing_is_read(synced: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    forget("7", answers=False)
    read: list[str] = []
    normalise = ScriptedProvider.normalise

    def noting(self: ScriptedProvider, answer: RawAnswer, *more: Any) -> Batch:
        batch = normalise(self, answer, *more)
        read.extend(item.external_id for item in batch.work_items)
        return batch

    monkeypatch.setattr(ScriptedProvider, "normalise", noting)
    repaired(synced)

    # Else the development status of the others would be asked for again.
    assert read == ["7"]


def test_an_answer_that_was_never_loaded_is_loaded(synced: Scripted) -> None:
    newest = RawExtractionData.objects.filter(digests__has_key="7").latest("id")
    WorkItem.objects.filter(raw_data_id=newest.pk).update(raw_data_id=newest.pk - 1, content_hash="")
    RawExtractionData.objects.filter(pk=newest.pk).update(status="cancelled")

    found = verified(synced)
    run = repaired(synced)

    assert told(found, "stale") == told(found, "drift") == {"P1": 50}
    assert synced.world.calls == []
    newest.refresh_from_db()
    assert (newest.status, newest.run_id) == ("completed", run.pk)


def test_an_imported_answer_counts_by_what_it_says(synced: Scripted) -> None:
    forget("7", answers=False)
    RawExtractionData.objects.filter(step=ITEMS).update(digests=None)

    found = verified(synced)
    repaired(synced)

    assert (told(found, "underived"), told(found, "raw")) == ({"P1": 1}, {"P1": MANY, "P2": 3})
    assert synced.world.calls == []


def test_what_is_in_quarantine_is_shown_and_is_no_drift(synced: Scripted) -> None:
    forget("7", answers=False)
    QuarantinedRecord.objects.create(
        tenant=synced.integration.tenant,
        integration=synced.integration,
        table_name="work_items",
        external_id="7",
        path="items.7",
        reason="unreadable",
        raw_data=RawExtractionData.objects.filter(digests__has_key="7").latest("id"),
    )

    found = verified(synced, repairs=True)

    assert (told(found, "quarantined"), told(found, "drift")) == ({"P1": 1}, {})
    assert (found.score, found.repair) == (0, None)


def test_all_that_differs_is_repaired_in_one_run(synced: Scripted) -> None:
    forget("7")
    forget("60", answers=False)
    QdrantVector.objects.filter(external_id="9").delete()
    before = versions(synced.integration.pk)

    run = repaired(synced)

    assert written_since(synced.integration, before) == {"7", "60"}
    assert [call for call in synced.world.calls if call.startswith("ids")] in (["ids:60,7"], ["ids:7"])
    assert run.vectorization_queued == 3
    assert run.config["projects"] == ["1"]


def test_a_repair_rereads_no_development_status(synced: Scripted) -> None:
    WorkItem.objects.update(dev_status_read_at=timezone.now() - 30 * DAY)
    forget("7")
    repaired(synced)

    assert synced.world.reread == []


def test_no_repair_begins_beside_an_open_run_and_the_report_says_so(synced: Scripted) -> None:
    forget("7")
    run = a_run(synced.integration)

    found = verified(synced, repairs=True)

    assert found.repair is None
    assert f"has an open run, {run.pk} (sync)" in found.report["not_repaired"]


def test_a_repair_of_what_was_found_does_not_put_off_the_repair_of_all(synced: Scripted) -> None:
    due_at = repair.due_at(synced.job)
    forget("7")
    repaired(synced)

    assert due_at == repair.due_at(synced.job)


def test_a_repair_run_of_a_verification_has_the_steps_that_it_needs(synced: Scripted) -> None:
    forget("7", answers=False)
    run = repaired(synced)

    assert LISTING not in run.steps.values_list("step", flat=True)
    assert Stage.EXTRACTION in run.steps.values("extraction")[0]


def test_what_is_gone_shows_beside_what_only_lost_its_row_and_both_are_repaired_at_once(synced: Scripted) -> None:
    for number in ("7", "8"):
        forget(number, answers=False)
    del synced.world.items["60"]

    found = verified(synced)
    repaired(synced)

    assert (told(found, "underived"), told(found, "gone"), told(found, "drift")) == ({"P1": 2}, {"P1": 1}, {"P1": 3})
    assert WorkItem.objects.get(external_id="60").deleted_at


def test_where_no_repair_finds_what_is_gone_none_is_begun_and_the_report_says_so(
    synced: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mending, "finds_gone", lambda _: False)
    del synced.world.items["101"]

    found = verified(synced, repairs=True)

    assert (told(found, "gone"), found.repair) == ({"P2": 1}, None)
    assert found.report["not_repaired"] == (
        "1 items are gone: no repair marks such of scripted, they stay as they were"
    )


def test_items_whose_answers_were_deleted_are_fetched_and_no_others(synced: Scripted) -> None:
    before = versions(synced.integration.pk)
    RawExtractionData.objects.filter(digests__has_key="101").delete()

    found = verified(synced)
    repaired(synced)

    assert told(found, "unanswered") == told(found, "drift") == {"P2": 3}
    assert synced.world.calls == ["listing:2:0", "ids:101,102,103"]
    # They say what the rows say.
    assert versions(synced.integration.pk) == before


def test_an_answer_that_was_deleted_is_not_missed_where_another_speaks_of_the_item(synced: Scripted) -> None:
    forget("7")
    repaired(synced)
    RawExtractionData.objects.filter(entity_type="by_id").update(id=10**9)
    WorkItem.objects.filter(external_id="8").update(raw_data_id=10**8)

    assert verified(synced).score == 0


def test_what_is_in_quarantine_since_it_was_asked_for_by_its_id_is_no_drift(synced: Scripted) -> None:
    page = RawExtractionData.objects.filter(digests__has_key="7").latest("id")
    by_id = RawExtractionData.objects.create(
        tenant=page.tenant, integration=page.integration, run=page.run, step=ITEMS, status="completed",
        entity_type="by_id", external_id="ids:7", raw_data={}, digests={"7": "another"},
    )  # fmt: skip
    WorkItem.objects.filter(external_id="7").delete()
    QdrantVector.objects.filter(external_id="7", table_name="work_items").update(status="pending")
    QuarantinedRecord.objects.create(
        tenant=page.tenant, integration=page.integration, table_name="work_items", external_id="7", raw_data=by_id
    )

    found = verified(synced, repairs=True)

    assert (told(found, "quarantined"), told(found, "missing"), found.repair) == ({"P1": 1}, {}, None)
