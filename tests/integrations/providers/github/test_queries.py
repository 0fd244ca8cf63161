"""What is asked of GitHub, held against its published schema and its published prices."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse, validate
from graphql.execution.values import VariableValues, get_variable_values

from integrations.providers.github.queries import (
    PULL_REQUESTS,
    PULL_REQUESTS_BY_ID,
    PULL_REQUESTS_OF,
    QUERIES,
    REPOSITORIES,
    REST,
    THREAD_REST,
    Query,
)
from integrations.providers.github.sizes import NESTED, sizes_of
from integrations.sandbox.github.pricing import MOST_NODES, Price, price
from integrations.sandbox.github.schema import served_schema
from tests.support.published import github_schema

MOST_POINTS = 10


def priced(query: Query, **variables: Any) -> Price:
    """By GitHub's own schema; the sandbox's prices are held against GitHub's examples in its tests."""
    document = parse(query.text)
    (operation,) = [found for found in document.definitions if isinstance(found, OperationDefinitionNode)]
    values = get_variable_values(github_schema(), operation.variable_definitions or (), variables)
    assert isinstance(values, VariableValues), values
    found = price(github_schema(), document, operation, values)
    assert not found.errors
    return found


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_every_document_fits_the_published_schema(query: Query) -> None:
    assert validate(github_schema(), parse(query.text)) == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_every_document_fits_what_the_sandbox_serves(query: Query) -> None:
    assert validate(served_schema(), parse(query.text)) == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_every_document_has_one_operation_of_its_name_and_asks_for_its_price(query: Query) -> None:
    operations = [found for found in parse(query.text).definitions if isinstance(found, OperationDefinitionNode)]
    assert [found.name and found.name.value for found in operations] == [query.name]
    assert "rateLimit { cost remaining resetAt }" in query.text


def test_names_of_documents_tell_them_apart() -> None:
    assert len({query.name for query in QUERIES}) == len(QUERIES)


def test_a_page_of_50_pull_requests_costs_8_points() -> None:
    by_name = priced(PULL_REQUESTS, owner="acme", name="web", first=50, **NESTED)
    # The page, five lists for each of its pull requests, and a list in each of their ten threads.
    assert by_name.requests == 1 + 50 * 5 + 50 * 10
    assert by_name.cost == 8 <= MOST_POINTS
    # Labels, commits, reviews, comments; threads; what is said in them.
    assert by_name.nodes == 50 + 50 * 4 * 20 + 50 * 10 + 50 * 10 * 10 <= MOST_NODES
    by_id = priced(PULL_REQUESTS_OF, id="R_1", first=50, **NESTED)
    assert (by_id.cost, by_id.nodes) == (by_name.cost, by_name.nodes)


def test_the_same_pull_requests_by_id_cost_the_same() -> None:
    found = priced(PULL_REQUESTS_BY_ID, ids=[f"PR_{number}" for number in range(50)], **NESTED)
    assert (found.requests, found.cost) == (50 * 5 + 50 * 10, 8)
    assert found.nodes <= MOST_NODES


def test_the_largest_page_that_can_be_set_is_within_the_limit_of_nodes() -> None:
    assert priced(PULL_REQUESTS, owner="acme", name="web", first=100, **NESTED).nodes <= MOST_NODES


@pytest.mark.parametrize("query", [*REST.values(), THREAD_REST], ids=lambda query: query.name)
def test_what_a_page_cut_costs_a_point_for_each_further_page(query: Query) -> None:
    assert priced(query, id="PR_1", **sizes_of(query, {**NESTED, "first": 100})).cost == 1


def test_a_page_of_100_repositories_costs_a_point() -> None:
    found = priced(REPOSITORIES, login="acme", first=100)
    assert (found.cost, found.nodes) == (1, 100)


def test_a_page_and_pull_requests_by_id_tell_the_same_of_each() -> None:
    fragments = [
        {line for line in query.text.splitlines() if line.startswith("fragment pullRequest on")}
        for query in (PULL_REQUESTS, PULL_REQUESTS_OF, PULL_REQUESTS_BY_ID)
    ]
    assert fragments[0] == fragments[1] == fragments[2] != set()
    assert all("...pullRequest" in query.text for query in (PULL_REQUESTS, PULL_REQUESTS_OF, PULL_REQUESTS_BY_ID))
