"""Rows are found by their meaning, and lead to their pages; what is similar to one is found by its stored vector."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from etl.embedding.backends import close_stores
from etl.models import QdrantVector, WorkItem
from integrations.errors import Transient
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named
from tests.etl.admin.rows import HOSTILE
from tests.etl.admin.test_vectors import embedded, member
from tests.support.loading import Loading

SEARCH = named(QdrantVector, "search")
SUMMARIES = ("Customers cannot sign in", f"Invoices are wrong {HOSTILE}", "Upgrade the build server")


class Words:
    """Makes a vector of which words a text has: alike words, alike vectors."""

    model = "words"
    dimensions = 3

    def encode(self, texts: list[str]) -> list[list[float]]:
        return [self._vector(text.casefold()) for text in texts]

    def _vector(self, text: str) -> list[float]:
        found = [
            float(any(word in text for word in words)) for words in (("sign", "log in"), ("invoice",), ("server",))
        ]
        size = sum(found) ** 0.5 or 1.0
        return [part / size for part in found]


@pytest.fixture(autouse=True)
def _encoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("etl.embedding.backends._encoder", Words)
    yield
    close_stores()


@pytest.fixture
def own(db: None) -> Loading:
    return embedded("Acme", *SUMMARIES)


@pytest.fixture
def vera(client: Client, own: Loading) -> Client:
    return member(client, own, "viewer")


def item(loading: Loading, number: int) -> WorkItem:
    return WorkItem.objects.get(integration=loading.integration, external_id=str(number))


def found(client: Client, **asked: Any) -> list[str]:
    """The addresses of what is found, the nearest first."""
    response = client.get(SEARCH, asked)
    assert response.status_code == 200
    assert HOSTILE not in response.content.decode()
    assert response.context["results"] is not None, response.context["form"].errors
    return [result.address for result in response.context["results"]]


def test_the_nearest_row_comes_first_with_its_score_title_and_link(vera: Client, own: Loading) -> None:
    response = vera.get(SEARCH, {"q": "people who want to log in", "table_name": "work_items"})

    first = response.context["results"][0]
    assert (first.score, first.kind, first.integration) == (pytest.approx(1), "work item", own.integration.name)
    assert first.address == addresses.page_of(item(own, 1))
    content = response.content.decode()
    assert f'href="{first.address}"' in content
    assert "Customers cannot sign in" in content
    assert ">1.00<" in content
    assert HOSTILE not in content
    assert vera.get(first.address).status_code == 200


@pytest.mark.parametrize(("name", "value"), [("table_name", "prs"), ("source_type", "GITHUB")])
def test_filters_leave_out_the_others(name: str, value: str, vera: Client) -> None:
    assert found(vera, q="log in", **{name: value}) == []
    assert found(vera, q="log in") != []


def test_a_search_of_one_integration_leaves_out_the_others(vera: Client, own: Loading) -> None:
    assert len(found(vera, q="log in", integration=own.integration.pk, table_name="work_items")) == 3


def test_more_are_shown_where_there_may_be_more(vera: Client) -> None:
    response = vera.get(SEARCH, {"q": "a & b", "limit": "2"})
    assert len(response.context["results"]) == 2
    assert response.context["more_address"] == "?q=a+%26+b&limit=100"
    assert vera.get(SEARCH + response.context["more_address"]).context["more_address"] == ""


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"q": ""}, "q"),
        ({"q": "x" * 2001}, "q"),
        ({"q": "a\0"}, "q"),
        ({"q": "a", "table_name": "users"}, "table_name"),
        ({"q": "a", "source_type": "x"}, "source_type"),
        ({"q": "a", "integration": "4711"}, "integration"),
        ({"q": "a", "limit": "101"}, "limit"),
    ],
)
def test_what_cannot_be_asked_says_which_field(asked: dict[str, str], field: str, vera: Client) -> None:
    response = vera.get(SEARCH, asked)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]


def test_nothing_of_another_tenant_is_found(vera: Client) -> None:
    rival = embedded("Rival", "Customers cannot sign in")

    assert addresses.page_of(item(rival, 1)) not in found(vera, q="log in")
    assert "Rival" not in vera.get(SEARCH).content.decode()
    asked: dict[str, Any] = {"q": "log in", "integration": rival.integration.pk}
    assert list(vera.get(SEARCH, asked).context["form"].errors) == ["integration"]
    asked = {"q": "log in", "tenant": rival.integration.tenant_id}
    assert addresses.page_of(item(rival, 1)) not in found(vera, **asked)


def test_a_superuser_says_in_which_tenant(superuser: Client, own: Loading) -> None:
    rival = embedded("Rival", "Customers cannot sign in")

    assert list(superuser.get(SEARCH, {"q": "log in"}).context["form"].errors) == ["tenant"]
    assert found(superuser, q="log in", tenant=rival.integration.tenant_id)[0] == addresses.page_of(item(rival, 1))
    assert addresses.page_of(item(own, 1)) in found(superuser, q="log in", integration=own.integration.pk)
    both: dict[str, Any] = {"q": "log in", "tenant": rival.integration.tenant_id, "integration": own.integration.pk}
    assert list(superuser.get(SEARCH, both).context["form"].errors) == ["integration"]


def test_strangers_search_nothing(stray: Client, own: Loading) -> None:
    assert stray.get(SEARCH, {"q": "log in"}).status_code == 403
    assert Client().get(SEARCH).status_code == 302


def test_a_store_that_is_away_says_so(vera: Client, own: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise Transient("it is in use by another process")

    monkeypatch.setattr("etl.embedding.search.get_store", away)

    for address in (f"{SEARCH}?q=log+in", named(WorkItem, "similar", item(own, 1).pk)):
        response = vera.get(address)
        assert response.status_code == 200
        assert "it is in use by another process" in response.content.decode()


def test_what_is_similar_to_an_item_is_named_without_itself_and_without_embedding_it(
    vera: Client, own: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.embedding.search.get_encoder", lambda: pytest.fail("a text was embedded"))
    address = named(WorkItem, "similar", item(own, 1).pk)

    response = vera.get(address)

    (group,) = response.context["groups"]
    assert group.kind == "Work items"
    assert [one.address for one in group.found] == [addresses.page_of(item(own, number)) for number in (2, 3)]
    assert HOSTILE not in response.content.decode()
    part = vera.get(address, headers={"X-Part": "1"}).content.decode()
    assert addresses.page_of(item(own, 2)) in part
    assert "<html" not in part


def test_an_items_page_leads_to_what_is_similar_and_does_not_wait_for_it(
    vera: Client, own: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.embedding.search.get_store", lambda: pytest.fail("the store was asked"))
    row = item(own, 1)
    content = vera.get(addresses.page_of(row)).content.decode()
    assert f'data-from="{named(WorkItem, "similar", row.pk)}"' in content
    assert "Where this comes from" in content


def test_an_item_that_was_not_embedded_has_nothing_similar(vera: Client, own: Loading) -> None:
    QdrantVector.objects.update(content_hash="")
    assert "Nothing is known to be similar" in vera.get(named(WorkItem, "similar", item(own, 1).pk)).content.decode()


def test_what_is_similar_to_another_tenants_item_is_out_of_reach(vera: Client, stray: Client) -> None:
    rival = embedded("Rival", "Customers cannot sign in")
    address = named(WorkItem, "similar", item(rival, 1).pk)
    assert vera.get(address).status_code == 404
    assert stray.get(address).status_code == 403
    assert vera.get(named(WorkItem, "similar", 4711)).status_code == 404
