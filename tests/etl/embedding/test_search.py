from collections.abc import Iterator

import pytest

from etl.embedding.backends import close_stores
from etl.embedding.search import search, similar
from etl.queue.topology import Stage
from tests.support.driving import work_off
from tests.support.loading import Loading, offline_integration
from tests.support.records import issue, items

SUMMARIES = {
    "1": "Customers cannot sign in after changing their password",
    "2": "Invoice totals are rounded the wrong way",
    "3": "Upgrade the build server to the new operating system",
}


@pytest.fixture
def acme(db: None) -> Iterator[Loading]:
    yield embedded(Loading.of(offline_integration("Acme")), SUMMARIES)
    close_stores()


def embedded(loading: Loading, summaries: dict[str, str]) -> Loading:
    """A tenant's integration with those issues, all embedded."""
    loading.load(items(*[issue(external_id, summary=summary) for external_id, summary in summaries.items()]))
    work_off(loading.run, stages=(Stage.EMBEDDING,))
    return loading


def found(loading: Loading, text: str, **narrowed: str | int) -> list[str]:
    hits = search(loading.integration.tenant_id, text, **narrowed)  # type: ignore[arg-type]
    return [str(hit.payload["external_id"]) for hit in hits]


@pytest.mark.parametrize(
    ("text", "best"), [("login problem", "1"), ("billing error in the amounts", "2"), ("CI machine maintenance", "3")]
)
def test_an_issue_is_found_by_its_meaning_and_not_by_its_words(acme: Loading, text: str, best: str) -> None:
    assert found(acme, text, table_name="work_items")[0] == best


def test_a_search_finds_rows_of_its_own_tenant_only(acme: Loading) -> None:
    globex = embedded(Loading.of(offline_integration("Globex")), {"9": SUMMARIES["1"]})

    assert found(globex, "login problem", table_name="work_items") == ["9"]
    assert set(found(acme, "login problem", table_name="work_items")) == set(SUMMARIES)


def test_a_search_of_one_integration_leaves_out_the_tenants_others(acme: Loading) -> None:
    other = embedded(Loading.of(offline_integration("Acme", "Jira 3")), {"7": SUMMARIES["1"]})

    assert found(acme, "login problem", integration_id=other.integration.pk, table_name="work_items") == ["7"]
    assert "7" in found(acme, "login problem")


def test_a_tenant_without_vectors_finds_nothing(acme: Loading) -> None:
    assert found(Loading.of(offline_integration("Globex")), "login problem") == []


def test_no_more_than_the_limit_is_found_best_first(acme: Loading) -> None:
    hits = search(acme.integration.tenant_id, "login problem", limit=2)

    assert len(hits) == 2
    assert hits[0].score >= hits[1].score


def similar_to(loading: Loading, external_id: str, **asked: object) -> list[str]:
    tenant, integration = loading.integration.tenant_id, loading.integration.pk
    given: dict[str, object] = {"among": "work_items", "limit": 5, **asked}
    hits = similar(tenant, integration, "work_items", external_id, **given)  # type: ignore[arg-type]
    return [str(hit.payload["external_id"]) for hit in hits]


def test_what_is_similar_to_a_row_is_found_by_its_stored_vector(acme: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded(acme, {"4": "Users are unable to log in once the password is reset"})
    monkeypatch.setattr("etl.embedding.search.get_encoder", lambda: pytest.fail("a text was embedded"))

    assert similar_to(acme, "1")[0] == "4"
    assert set(similar_to(acme, "1")) == {"2", "3", "4"}
    assert similar_to(acme, "1", limit=1) == ["4"]
    assert similar_to(acme, "1", among="prs") == []


def test_nothing_is_similar_to_a_row_without_a_vector_or_of_another_tenant(acme: Loading) -> None:
    globex = embedded(Loading.of(offline_integration("Globex")), {"9": SUMMARIES["1"]})

    assert similar_to(acme, "77") == []
    assert similar_to(acme, "9") == []
    assert similar_to(globex, "9") == []
