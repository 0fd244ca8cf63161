from collections.abc import Callable, Iterator, Sequence

import pytest

from custommapping.models import Status
from etl import pipeline
from etl.embedding import backends
from etl.embedding.backends import close_stores, get_store
from etl.models import QdrantVector, WorkItem
from etl.queue.broker import Dead, Done
from etl.queue.topology import Stage
from integrations.errors import Permanent, Transient
from integrations.records import Batch
from tests.support.driving import waiting, work_off
from tests.support.loading import Loading, offline_integration
from tests.support.records import issue, items

EMBEDDING = (Stage.EMBEDDING,)
POISON = "cannot be embedded"


class CountingEncoder:
    """Tells how often it was asked for each text. Fails on some; ``meanwhile`` is done before it answers."""

    model = "counting"
    dimensions = 3

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        if any(POISON in text for text in texts):
            raise Permanent(f"{len(texts)} texts: one {POISON}")
        self.texts += texts
        self.meanwhile()
        return [[1.0, 0.0, 0.0] for _ in texts]


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingEncoder]:
    encoder = CountingEncoder()
    monkeypatch.setattr(backends, "_encoder", lambda: encoder)
    yield encoder
    close_stores()


@pytest.fixture
def loading(db: None, encoder: CountingEncoder) -> Loading:
    return Loading.of(offline_integration())


def embed_all(loading: Loading) -> None:
    work_off(loading.run, stages=EMBEDDING)


def vector(external_id: str = "1") -> QdrantVector:
    return QdrantVector.objects.get(table_name="work_items", external_id=external_id)


def titles(loading: Loading) -> list[str]:
    """What the tenant's collection holds of work items."""
    hits = get_store().search(
        f"tenant_{loading.integration.tenant_id}", [1.0, 0.0, 0.0], limit=100, equal={"table_name": "work_items"}
    )
    return sorted(str(hit.payload["title"]) for hit in hits)


def batch_of_items() -> list[int]:
    """The vectors of all work items, as one message names them."""
    return list(QdrantVector.objects.filter(table_name="work_items").order_by("id").values_list("pk", flat=True))


def test_every_row_is_embedded_with_what_a_search_needs_to_name_it(loading: Loading) -> None:
    loading.load(items(issue(summary="Login is slow")))

    embed_all(loading)

    (hit,) = get_store().search(vector().collection, [1.0, 0.0, 0.0], limit=10, equal={"table_name": "work_items"})
    assert hit.id == str(vector().point_id)
    assert hit.payload == {
        "tenant_id": loading.integration.tenant_id, "integration_id": loading.integration.pk, "source_type": "JIRA",
        "table_name": "work_items", "external_id": "1", "title": "ABC-1 Login is slow",
    }  # fmt: skip
    assert get_store().count(vector().collection) == QdrantVector.objects.count() == 4
    assert set(QdrantVector.objects.values_list("status", "model")) == {("completed", "counting")}


def test_an_unchanged_text_is_not_embedded_again(loading: Loading, encoder: CountingEncoder) -> None:
    loading.load(items(issue(summary="Login is slow")))
    embed_all(loading)
    encoder.texts.clear()

    loading.load(items(issue(summary="Login is slow", priority="High", version=1)))
    embed_all(loading)

    assert encoder.texts == []
    assert loading.item().priority == "High"


def test_a_changed_text_replaces_the_point_of_its_row(loading: Loading, encoder: CountingEncoder) -> None:
    loading.load(items(issue(summary="Login is slow")))
    embed_all(loading)
    encoder.texts.clear()

    loading.load(items(issue(summary="Login is fast", version=1)))
    embed_all(loading)

    assert len(encoder.texts) == 1
    assert titles(loading) == ["ABC-1 Login is fast"]


def test_a_text_that_changes_while_it_is_embedded_waits_again(loading: Loading, encoder: CountingEncoder) -> None:
    loading.load(items(issue(summary="Login is slow")))
    encoder.meanwhile = lambda: loading.load(items(issue(summary="Login is fast", version=1)))

    outcome = pipeline.handle(Stage.EMBEDDING, [vector().pk])

    encoder.meanwhile = lambda: None
    assert (outcome, vector().status) == (Done(), "pending")
    embed_all(loading)
    assert vector().status == "completed"
    assert titles(loading) == ["ABC-1 Login is fast"]


def test_the_others_of_a_batch_do_not_wait_for_one_whose_text_changed(
    loading: Loading, encoder: CountingEncoder
) -> None:
    loading.load(items(issue("1"), issue("2")))
    encoder.meanwhile = lambda: loading.load(items(issue("1", summary="Login is fast", version=1)))

    pipeline.handle(Stage.EMBEDDING, batch_of_items())

    assert (vector("1").status, vector("2").status) == ("pending", "pending")


def test_a_row_that_was_changed_without_being_queued_is_embedded_once_as_it_is(
    loading: Loading, encoder: CountingEncoder
) -> None:
    loading.load(items(issue(summary="Login is slow")))
    WorkItem.objects.update(summary="Edited by hand")
    queued = vector().content_hash

    embed_all(loading)

    assert vector().status == "completed"
    assert vector().content_hash != queued
    assert titles(loading) == ["ABC-1 Edited by hand"]


@pytest.mark.parametrize("gone", ["deleted", "inactive"])
def test_the_point_of_a_row_that_is_gone_is_removed(loading: Loading, gone: str) -> None:
    loading.load(items(issue("1"), issue("2")))
    embed_all(loading)
    if gone == "deleted":
        WorkItem.objects.filter(external_id="1").delete()
    else:
        WorkItem.objects.filter(external_id="1").update(active=False)
    QdrantVector.objects.filter(pk=vector().pk).update(status="pending")

    embed_all(loading)

    assert vector().status == "completed"
    assert titles(loading) == ["ABC-2 Issue 2"]


def test_a_row_that_comes_back_with_the_same_text_is_embedded_again(loading: Loading) -> None:
    loading.load(items(issue()))
    embed_all(loading)
    WorkItem.objects.all().delete()
    QdrantVector.objects.filter(pk=vector().pk).update(status="pending")
    embed_all(loading)

    loading.load(items(issue()))
    embed_all(loading)

    assert titles(loading) == ["ABC-1 Issue 1"]


def test_of_a_batch_with_a_text_that_fails_the_others_are_embedded(loading: Loading) -> None:
    loading.load(items(issue("1"), issue("2", summary=f"This {POISON}"), issue("3")))
    together = batch_of_items()

    outcomes = [pipeline.handle(Stage.EMBEDDING, together)]
    waited = waiting(loading.run.pk, Stage.EMBEDDING)
    outcomes += [pipeline.handle(Stage.EMBEDDING, [unit]) for unit in together]

    assert set(together) <= set(waited)
    assert [vector(number).status for number in "123"] == ["completed", "failed", "completed"]
    assert [type(outcome) for outcome in outcomes] == [Done, Done, Dead, Done]
    assert f"{loading.integration.name}: {loading.run.steps.get().step}" in str(vector("2").error_details)
    assert titles(loading) == ["ABC-1 Issue 1", "ABC-3 Issue 3"]


def test_a_store_that_is_away_is_tried_again(loading: Loading, encoder: CountingEncoder) -> None:
    loading.load(items(issue()))

    def away() -> None:
        raise Transient("the vector store did not answer")

    encoder.meanwhile = away
    pipeline.handle(Stage.EMBEDDING, [vector().pk])

    assert (vector().status, vector().tries) == ("pending", 1)


def test_a_failed_vector_waits_again_when_its_row_is_loaded_again(loading: Loading) -> None:
    loading.load(items(issue()))
    QdrantVector.objects.update(status="failed", tries=3)

    loading.load(items(issue(priority="High", version=1)))

    assert (vector().status, vector().tries) == ("pending", 0)


def test_a_batch_of_several_tables_is_embedded_with_each_tables_text(
    loading: Loading, encoder: CountingEncoder
) -> None:
    loading.load(items(issue(summary="Login", description="Slow", labels=("web", "auth"))))
    Status.objects.update(description="Waits")

    pipeline.handle(Stage.EMBEDDING, list(QdrantVector.objects.values_list("pk", flat=True)))

    assert set(encoder.texts) == {
        "ABC\nAlphabet", "Task", "Backlog\nWaits\nTo Do", "Login\nSlow\nweb, auth\nABC-1",
    }  # fmt: skip


def test_a_load_of_nothing_queues_nothing(loading: Loading) -> None:
    assert loading.load(Batch()).vectors == 0
