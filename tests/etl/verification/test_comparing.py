"""A comparison holds while items come and go, are read and loaded."""

import pytest
from django.utils import timezone

from custommapping.models import Project
from etl.jobs import lifecycle
from etl.models import ExtractionCheckpoint, RawExtractionData
from integrations.provider import SourceCount
from tests.etl.verification.making import MANY, forget, projects, told, verified
from tests.support.making import a_run
from tests.support.scripted import Scripted

pytestmark = pytest.mark.django_db


def test_what_came_since_the_last_sync_began_is_told_and_is_no_drift(synced: Scripted) -> None:
    since = timezone.now()
    synced.world.counts["1"] = [SourceCount(MANY + 4, since, created=4, changed=9)]

    found = verified(synced)

    assert (found.score, found.report["drift"]) == (0, 0)
    assert (told(found, "created_since"), told(found, "changed_since")) == ({"P1": 4}, {"P1": 9})


def test_what_a_first_sync_has_not_read_yet_is_no_drift(scripted: Scripted) -> None:
    scripted.project("1", 3)
    run = lifecycle.start(scripted.job.pk, trigger="test")
    assert told(verified(scripted), "drift") == {}
    lifecycle.stop(scripted.job.pk)

    found = verified(scripted)

    assert run.kind == "sync"
    assert (told(found, "missing"), found.score) == ({"P1": 3}, 1)


def test_an_item_that_was_fetched_and_waits_to_be_loaded_is_no_drift(synced: Scripted) -> None:
    forget("7", answers=False)
    newest = RawExtractionData.objects.filter(digests__has_key="7").latest("id")
    RawExtractionData.objects.filter(pk=newest.pk).update(status="pending", run=a_run(synced.integration))

    found = verified(synced)

    assert (told(found, "waiting"), told(found, "drift")) == ({"P1": 1}, {})


def test_what_seems_to_differ_is_asked_for_once_more_and_the_smaller_difference_counts(synced: Scripted) -> None:
    synced.world.counts["1"] = [SourceCount(MANY + 7, None)]
    synced.world.counts["2"] = [SourceCount(1, None), SourceCount(2, None)]

    found = verified(synced)

    assert synced.world.calls == ["counts:1", "counts:2", "counts:1", "counts:2"]
    assert told(found, "drift") == told(found, "gone") == {"P2": 1}


def test_items_that_a_search_left_out_since_are_not_taken_for_gone(synced: Scripted) -> None:
    synced.world.counts["1"] = [SourceCount(MANY - 5, None, present=MANY)]

    assert verified(synced).score == 0


def test_a_project_that_the_site_does_not_tell_of_is_named_and_the_others_are_compared(synced: Scripted) -> None:
    synced.world.counts["1"] = [SourceCount(None, problem="it answered 400")]
    forget("101")

    found = verified(synced)

    assert found.report["problems"] == ["P1: it answered 400"]
    assert (projects(found)["P1"]["source"], told(found, "drift")) == (None, {"P2": 1})


def test_a_project_that_is_not_read_any_more_is_shown_and_compared_with_nothing(synced: Scripted) -> None:
    ExtractionCheckpoint.objects.update(watermark=None)
    Project.objects.filter(key="P2").update(archived=True)

    found = verified(synced)

    assert (projects(found)["P2"]["source"], projects(found)["P2"]["derived"], found.score) == (None, 3, 0)
