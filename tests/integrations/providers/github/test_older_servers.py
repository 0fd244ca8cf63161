"""Enterprise Servers that do not know all fields that are asked for."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphql import parse

from integrations.errors import Permanent
from integrations.providers.github.queries import PULL_REQUESTS, PULL_REQUESTS_BY_ID
from integrations.sandbox.http import Request

from .scripted import GRAPHQL, ScriptedSite, scripted

MISSING = "doesn't exist on type 'PullRequest'"


@pytest.fixture
def site() -> Iterator[ScriptedSite]:
    with scripted({}) as running:
        yield running


def without_fields(*unknown: str) -> Callable[[Request], Any]:
    """An Enterprise Server that does not know these fields yet."""

    def answer(request: Request) -> Any:
        asked_for = set(re.findall(r"\w+", request.json()["query"]))
        errors = [
            {"path": ["query who"], "extensions": {"code": "undefinedField"}, "message": f"Field '{name}' {MISSING}"}
            for name in unknown
            if name in asked_for
        ]
        return {"errors": errors} if errors else {"data": {"viewer": {"login": "ada"}}}

    return answer


def test_fields_that_an_older_server_does_not_have_are_left_out_from_then_on(site: ScriptedSite) -> None:
    site.answers[GRAPHQL] = without_fields("fullDatabaseId", "line", "isEmpty")
    client = site.client()
    for query in (PULL_REQUESTS, PULL_REQUESTS_BY_ID, PULL_REQUESTS):
        assert client.query(query.text, {}, query.name).data == {"viewer": {"login": "ada"}}
    first, *others = (request.json()["query"] for request in site.requests)
    assert "fullDatabaseId databaseId number" in first
    assert len(others) == 3
    for text in others:
        assert set(re.findall(r"fullDatabaseId|\bline\b|isEmpty|originalLine", text)) == {"originalLine"}
        parse(text)


@pytest.mark.parametrize("fields", [("number",), ("fullDatabaseId", "number")])
def test_a_server_without_what_is_needed_is_told_so(site: ScriptedSite, fields: tuple[str, ...]) -> None:
    site.answers[GRAPHQL] = without_fields(*fields)
    with pytest.raises(Permanent, match=r"\(pullRequests\) answered an error: Field '\w+' doesn't exist on type"):
        site.client().query(PULL_REQUESTS.text, {}, PULL_REQUESTS.name)
    assert len(site.requests) == 1
