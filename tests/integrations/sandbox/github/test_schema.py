from collections.abc import Iterator
from typing import Any

import httpx
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_composite_type,
    print_ast,
)

from integrations.sandbox.github import GitHubSite
from integrations.sandbox.github.schema import served_schema
from tests.support.published import github_schema

from .conftest import Ask


def ours() -> Iterator[tuple[GraphQLNamedType, Any]]:
    """Each of our types, and the published one of that name."""
    for name, found in served_schema().type_map.items():
        if not name.startswith("__"):
            yield found, github_schema().type_map.get(name)


def written(argument: GraphQLArgument) -> str:
    """An argument's type and default."""
    default: Any = argument.default
    return f"{argument.type} = {print_ast(default.literal) if default else None}"


def test_every_type_is_published_and_of_the_same_kind() -> None:
    assert [found.name for found, published in ours() if type(found) is not type(published)] == []


def test_every_field_has_the_published_type() -> None:
    compared = 0
    for found, published in ours():
        if isinstance(found, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for name, field in found.fields.items():
                compared += 1
                assert str(field.type) == str(published.fields[name].type), f"{found.name}.{name}"
    assert compared > 300


def test_every_argument_is_published_and_none_that_is_required_is_missing() -> None:
    for found, published in ours():
        if isinstance(found, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in found.fields.items():
                known = published.fields[name].args
                for argument, ours_is in field.args.items():
                    assert written(ours_is) == written(known[argument]), f"{found.name}.{name}({argument})"
                assert {key for key, value in known.items() if str(value.type).endswith("!")} <= set(field.args)


def test_input_objects_are_whole() -> None:
    for found, published in ours():
        if isinstance(found, GraphQLInputObjectType):
            assert set(found.fields) == set(published.fields), found.name


def test_values_members_and_interfaces_are_published() -> None:
    for found, published in ours():
        if isinstance(found, GraphQLEnumType):
            assert set(found.values) <= set(published.values), found.name
        if isinstance(found, GraphQLUnionType):
            assert {one.name for one in found.types} <= {one.name for one in published.types}
        if isinstance(found, GraphQLObjectType | GraphQLInterfaceType):
            assert {one.name for one in found.interfaces} <= {one.name for one in published.interfaces}


def test_enums_that_answers_carry_are_whole() -> None:
    """Only the kinds of timeline items are fewer: we have fewer of them."""
    fewer = [
        found.name
        for found, published in ours()
        if isinstance(found, GraphQLEnumType) and set(found.values) != set(published.values)
    ]
    assert fewer == ["PullRequestTimelineItemsItemType"]


def selection(found: Any, depth: int) -> str:
    """All fields of a type, and those of what they lead to, `depth` levels deep."""
    lines = []
    for place, (name, field) in enumerate(found.fields.items()):
        inner: Any = get_named_type(field.type)
        if any(str(one.type).endswith("!") for one in field.args.values()):
            # Asked for by tests of their own.
            continue
        # A name of its own: fields of several types may differ in their type.
        alias = f"{found.name.lower()}{place}"
        if not is_composite_type(inner):
            lines.append(f"{alias}: {name}")
        elif depth:
            size = "(first: 2)" if inner.name.endswith("Connection") else ""
            lines.append(f"{alias}: {name}{size} {{ {typed(inner, depth - 1)} }}")
    return " ".join(["__typename", *lines])


def typed(found: Any, depth: int) -> str:
    if isinstance(found, GraphQLObjectType):
        return selection(found, depth)
    return "__typename " + " ".join(
        f"... on {one.name} {{ {selection(one, depth)} }}" for one in served_schema().get_possible_types(found)
    )


def ids_by_type(site: GitHubSite) -> dict[str, list[str]]:
    """Some of each type that can be found by its id."""
    found: dict[str, list[str]] = {}
    pulls = [pull for repository in site.repositories for pull in site.pulls(repository)]
    parts: list[Any] = [*site.repositories, *site.accounts.values(), *pulls]
    for pull in pulls:
        parts += [*pull.commits, *pull.reviews, *pull.threads, *pull.comments, *pull.events]
        parts += [comment for thread in pull.threads for comment in thread.comments]
    for part in parts:
        ids = found.setdefault(part.typename, [])
        if len(ids) < 25:
            ids.append(part.id)
    return found


def test_every_field_has_an_answer(site: GitHubSite, ask: Ask) -> None:
    schema = served_schema()
    seen: set[str] = set()
    for name, ids in ids_by_type(site).items():
        fields = selection(schema.type_map[name], 2)
        answer = ask(f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {name} {{ {fields} }} }} }}", ids=ids)
        assert [one["__typename"] for one in answer["nodes"]] == [name] * len(ids)
        collect(answer, seen)
    expected = {name for name, found in schema.type_map.items() if isinstance(found, GraphQLObjectType)}
    assert {name for name in expected if not name.startswith("__")} - seen == {
        "Query",
        "RateLimit",
        "GitHubMetadata",
    }


def collect(answer: Any, seen: set[str]) -> None:
    for value in answer.values() if isinstance(answer, dict) else answer:
        if isinstance(value, dict | list):
            collect(value, seen)
    if isinstance(answer, dict) and "__typename" in answer:
        seen.add(answer["__typename"])


def test_what_takes_arguments_has_an_answer_too(ask: Ask) -> None:
    answer = ask(
        """{ viewer { ...owner isViewer } organization(login: "ACME") { ...owner viewerIsAMember }
             user(login: "ada-okafor") { ...owner isViewer } meta { isPasswordAuthenticationVerifiable }
             repositoryOwner(login: "acme") { __typename } nobody: repositoryOwner(login: "nobody") { login } }
           fragment owner on RepositoryOwner { login avatarUrl(size: 8) repositories(first: 2) { totalCount } }"""
    )
    assert answer["viewer"]["isViewer"] is True
    assert answer["user"]["isViewer"] is False
    assert answer["organization"]["repositories"]["totalCount"] > 8
    assert answer["nobody"] is None


def test_introspection_is_answered_as_by_the_real_site(ask: Ask) -> None:
    names = [one["name"] for one in ask("{ __schema { types { name } } }")["__schema"]["types"]]
    assert "PullRequest" in names


def test_a_query_that_does_not_fit_the_schema_is_told_without_data(client: httpx.Client) -> None:
    for text, told in (
        ('{ repository(owner: "acme", name: "console") { nonsense } }', "nonsense"),
        ("{ viewer { login }", "Syntax Error"),
        ("mutation { close }", "mutation"),
        ("query($first: Int!) { viewer { organizations(first: $first) { totalCount } } }", "first"),
    ):
        body = client.post("/graphql", json={"query": text}).json()
        assert set(body) == {"errors"}
        assert told in body["errors"][0]["message"]
