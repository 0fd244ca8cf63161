"""Work items that the site does not have any more, and those that come back."""

import pytest
from django.db import transaction

from etl.embedding.stage import embed
from etl.jobs import units
from etl.load.gone import mark_gone
from etl.load.merging import Source
from etl.models import QdrantVector, QuarantinedRecord
from etl.transform.stage import unchanged
from integrations.models import Integration
from integrations.records import Batch, Quarantined
from tests.support.loading import Loading, offline_integration
from tests.support.making import all_planned
from tests.support.records import at, issue, items, moved
from tests.support.tables import versions

pytestmark = pytest.mark.django_db


@pytest.fixture
def loading() -> Loading:
    return Loading.of(offline_integration())


def gone(loading: Loading, *ids: str, source: Source | None = None) -> Source:
    """The answer that does not have these items, loaded."""
    source = source or loading.source()
    loading.load(Batch(gone=list(ids)), source)
    return source


def embedded(loading: Loading) -> None:
    """Its vectors wait no more."""
    all_planned(loading.run)
    for vector in QdrantVector.objects.filter(status="pending"):
        lease = units.take(QdrantVector, [vector.pk])
        assert lease
        embed(lease)


def state(loading: Loading, external_id: str = "1") -> tuple[bool, bool]:
    item = loading.item(external_id)
    return item.active, item.deleted_at is not None


def test_only_the_items_that_are_gone_become_inactive(loading: Loading) -> None:
    loading.load(items(issue("1"), issue("2")))

    gone(loading, "1", "99")

    assert (state(loading, "1"), state(loading, "2")) == ((False, True), (True, False))


def test_another_integrations_item_of_the_same_id_stays(loading: Loading) -> None:
    other = Loading.of(offline_integration(name="Other"))
    other.load(items(issue("1")))
    loading.load(items(issue("1")))

    gone(loading, "1")

    assert state(other) == (True, False)


def test_marking_twice_writes_once(loading: Loading) -> None:
    loading.load(items(issue("1")))
    gone(loading, "1")
    before = versions(loading.integration.pk)

    with transaction.atomic():
        assert mark_gone(loading.source(), ["1"]) == 0

    assert versions(loading.integration.pk) == before


def test_an_item_that_a_newer_answer_gave_is_not_gone(loading: Loading) -> None:
    old = loading.source()
    loading.load(items(issue("1")))

    gone(loading, "1", source=old)

    assert state(loading) == (True, False)


@pytest.mark.parametrize("version", [0, 5])
def test_an_answer_from_before_its_deletion_does_not_bring_an_item_back(loading: Loading, version: float) -> None:
    loading.load(items(issue("1")))
    before = loading.source()
    gone(loading, "1")

    loading.load(items(issue("1", version=version)), before)

    assert state(loading) == (False, True)


@pytest.mark.parametrize("version", [0, 5])
def test_a_newer_answer_that_has_it_brings_it_back_with_its_history(loading: Loading, version: float) -> None:
    loading.load(items(moved("1", "1", "3", version=0)))
    gone(loading, "1")

    loading.load(items(moved("1", "1", "3", "5", version=version)))

    assert state(loading) == (True, False)
    assert loading.item().status.external_id == "5"
    assert loading.item().changelogs.count() == 2


def test_an_item_that_is_gone_is_not_taken_for_unchanged(loading: Loading) -> None:
    loading.load(items(issue("1"), issue("2")), hashes={"1": "a", "2": "b"})

    gone(loading, "1")

    assert unchanged(loading.integration, {"1": "a", "2": "b"}) == {"2"}


def test_its_vector_is_removed_and_made_again_when_it_comes_back(loading: Loading) -> None:
    loading.load(items(issue("1")))
    embedded(loading)
    vectors = QdrantVector.objects.filter(table_name="work_items")
    known = vectors.get().content_hash

    gone(loading, "1")

    assert (vectors.get().status, vectors.get().content_hash) == ("pending", "")
    embedded(loading)
    assert (vectors.get().status, vectors.get().content_hash) == ("completed", "")
    loading.load(items(issue("1")))
    assert (vectors.get().status, vectors.get().content_hash) == ("pending", known)


def test_in_a_run_that_was_stopped_its_vector_is_cancelled(loading: Loading) -> None:
    loading.load(items(issue("1")))

    with transaction.atomic():
        mark_gone(loading.source(at(1)), ["1"], born="cancelled")

    assert QdrantVector.objects.get(table_name="work_items").status == "cancelled"


def test_a_moved_item_keeps_its_row(loading: Loading) -> None:
    loading.load(items(issue("1")))
    before = loading.item().pk

    loading.load(items(issue("1", key="XYZ-9", project_id="200", project_key="XYZ", version=1)))

    item = loading.item()
    assert (item.pk, item.key, item.project.external_id) == (before, "XYZ-9", "200")
    assert Integration.objects.count() == 1


def test_the_time_of_a_deletion_is_that_of_the_answer_that_told_it(loading: Loading) -> None:
    loading.load(items(issue("1")))

    gone(loading, "1", source=loading.source(at(7)))

    assert loading.item().deleted_at == at(7)


def test_an_answer_that_is_loaded_before_the_item_still_makes_it_gone(loading: Loading) -> None:
    page = loading.source()
    told = gone(loading, "1", "2", source=loading.source(at(3)))
    newer = loading.source()

    loading.load(items(issue("2")), newer)
    loading.load(items(issue("1"), issue("2"), issue("3")), page)

    assert [state(loading, number) for number in ("1", "2", "3")] == [(False, True), (True, False), (True, False)]
    assert (loading.item().deleted_at, loading.item().raw_data_id) == (at(3), told.raw_id)
    waiting = QdrantVector.objects.filter(table_name="work_items").values_list("external_id", flat=True)
    assert sorted(waiting) == ["2", "3"]


def test_an_item_that_left_the_scope_is_inactive_but_not_deleted_and_can_come_back(loading: Loading) -> None:
    page = loading.source()
    loading.load(Batch(left=["1", "2"]))
    loading.load(items(issue("1")), page)
    loading.load(items(issue("2")))

    loading.load(Batch(left=["2"]))

    assert (state(loading, "1"), state(loading, "2")) == ((False, False), (False, False))
    assert unchanged(loading.integration, {"1": ""}) == set()
    loading.load(items(issue("1")))
    assert state(loading, "1") == (True, False)


def test_what_was_wrong_with_an_item_is_of_no_interest_once_it_is_gone(loading: Loading) -> None:
    loading.load(Batch(quarantined=[Quarantined("work_items", "1", "issues[0]", "no status")]))

    gone(loading, "1")

    assert QuarantinedRecord.objects.get().resolved_at is not None
