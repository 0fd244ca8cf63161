"""The schema that the sandbox serves, with a resolver for each of its fields.

Most fields are attributes of the same name; the rest is registered with `resolves`. Values are plain objects whose
`typename` says which type they are.
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    is_abstract_type,
    is_object_type,
)
from graphql.pyutils import camel_to_snake

from integrations.sandbox.github.timestamps import stamp

SDL = Path(__file__).with_name("schema.graphql")
Resolver = Callable[..., Any]
_RESOLVERS: dict[tuple[str, str], Resolver] = {}
# Fields that say the same of everything here.
_CONSTANTS: dict[str, Any] = {
    "GitHubMetadata.isPasswordAuthenticationVerifiable": False,
    "IssueComment.isMinimized": False,
    "IssueComment.minimizedReason": None,
    "PullRequest.locked": False,
    "PullRequest.mergeable": "UNKNOWN",
    "PullRequestReviewComment.isMinimized": False,
    "PullRequestReviewComment.minimizedReason": None,
    "PullRequestReviewThread.subjectType": "LINE",
    "Repository.isInOrganization": True,
    "Repository.isLocked": False,
    "Repository.isMirror": False,
    "Repository.viewerPermission": "READ",
}


def resolves(*fields: str) -> Callable[[Resolver], Resolver]:
    """Registers the resolver of "Type.field"s: it takes the value, the call's info and the arguments by name."""

    def register(resolver: Resolver) -> Resolver:
        _RESOLVERS.update(
            {(type_name, name): resolver for type_name, _, name in (one.partition(".") for one in fields)}
        )
        return resolver

    return register


@cache
def served_schema() -> GraphQLSchema:
    """Built once: it takes a while, and nothing changes it."""
    # Importing them registers them.
    from integrations.sandbox.github import nodes, pull_resolvers, resolvers  # noqa: F401

    schema = build_schema(SDL.read_text(), assume_valid_sdl=True)
    for found in schema.type_map.values():
        if found.name.startswith("__"):
            continue
        if is_object_type(found):
            _equip(found)
        elif is_abstract_type(found):
            found.resolve_type = _typename
    for name in ("DateTime", "GitTimestamp"):
        scalar = schema.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        # Told as text, and left as text where it is an argument.
        scalar.coerce_output_value = stamp
    return schema


def _equip(found: GraphQLObjectType) -> None:
    for name, field in found.fields.items():
        field.resolve = _RESOLVERS.get((found.name, name)) or _plain(found.name, name)


def _plain(type_name: str, name: str) -> Resolver:
    constant = f"{type_name}.{name}"
    if constant in _CONSTANTS:
        value = _CONSTANTS[constant]
        return lambda source, info, **_: value
    read = attrgetter(camel_to_snake(name))
    # Arguments that change nothing here, such as the size of a picture.
    return lambda source, info, **_: read(source)


def _typename(value: Any, info: GraphQLResolveInfo[Any], abstract: GraphQLAbstractType) -> str:
    found: str = value.typename
    return found
