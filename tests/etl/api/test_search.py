"""`search`: rows that are near in meaning, as they are now."""

from typing import Any

import pytest

from etl.embedding import backends
from etl.models import WorkItem
from etl.queue.topology import Stage
from tests.etl.api.callers import Caller, member
from tests.support.driving import work_off
from tests.support.loading import Loading, offline_integration
from tests.support.records import issue, items
from tests.support.vectors import MemoryStore


class OfWords:
    """A text's vector says which of three words it has."""

    model = "words"
    dimensions = 3

    def encode(self, texts: list[str]) -> list[list[float]]:
        return [[float(word in text) for word in ("login", "invoice", "server")] for text in texts]


@pytest.fixture(autouse=True)
def _words(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = OfWords()
    monkeypatch.setattr(backends, "_encoder", lambda: encoder)


@pytest.fixture
def loading(db: None) -> Loading:
    return embedded(Loading.of(offline_integration()))


def embedded(loading: Loading) -> Loading:
    loading.load(
        items(issue("1", summary="login broken"), issue("2", summary="invoice wrong"), issue("3", summary="x"))
    )
    work_off(loading.run, stages=(Stage.EMBEDDING,))
    return loading


@pytest.fixture
def caller(loading: Loading) -> Caller:
    return Caller(member("vera", loading.integration.tenant))


def found(caller: Caller, **query: Any) -> list[dict[str, Any]]:
    answer = caller.get("search", **query)
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_the_nearest_rows_come_first_with_their_ids_and_titles(caller: Caller, loading: Loading) -> None:
    first = found(caller, q="login")[0]

    assert first == {
        "score": 1.0, "table_name": "work_items", "id": loading.item("1").pk, "external_id": "1",
        "integration_id": loading.integration.pk, "source_type": "JIRA", "title": "ABC-1 login broken",
    }  # fmt: skip
    assert len(found(caller, q="login", limit=2)) == 2


def test_a_title_is_told_as_it_is_now_and_a_row_that_is_gone_not_at_all(caller: Caller, loading: Loading) -> None:
    WorkItem.objects.filter(external_id="1").update(summary="mended")
    WorkItem.objects.filter(external_id="2").update(active=False)

    titles = {one["title"] for one in found(caller, q="login", table_name="work_items")}

    assert titles == {"ABC-1 mended", "ABC-3 x"}


def test_a_search_is_narrowed_by_table_integration_and_kind_of_site(caller: Caller, loading: Loading) -> None:
    other = embedded(Loading.of(offline_integration(name="Other")))

    assert {one["table_name"] for one in found(caller, q="login")} > {"work_items"}
    assert {one["table_name"] for one in found(caller, q="login", table_name="projects")} == {"projects"}
    theirs = found(caller, q="login", integration_id=other.integration.pk)
    assert {one["integration_id"] for one in theirs} == {other.integration.pk}
    assert found(caller, q="login", source_type="GITHUB") == []


def test_a_point_that_is_in_the_wrong_collection_is_not_told(
    caller: Caller, loading: Loading, memory_store: MemoryStore
) -> None:
    rival = embedded(Loading.of(offline_integration("Rival")))
    theirs = memory_store.points[f"tenant_{rival.integration.tenant_id}"]
    memory_store.points[f"tenant_{loading.integration.tenant_id}"].update(theirs)

    assert {one["integration_id"] for one in found(caller, q="login", limit=100)} == {loading.integration.pk}


@pytest.mark.parametrize(
    "query",
    [{}, {"q": ""}, {"q": "x" * 2001}, {"q": "x", "table_name": "users"}, {"q": "x", "limit": 101}, {"q": "a\0b"}],
)
def test_what_cannot_be_searched_is_refused(caller: Caller, query: dict[str, Any]) -> None:
    assert caller.get("search", **query).status_code == 400
