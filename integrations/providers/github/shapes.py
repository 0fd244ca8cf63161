"""The outermost shape of GitHub's answers, which must be right before anything can be read of them."""

from types import NoneType
from typing import TypeGuard

from integrations.errors import Permanent
from integrations.json_values import Json, described
from integrations.provider import RawAnswer

_NOT_FOUND = "NOT_FOUND"


def data_of(answer: RawAnswer) -> Json:
    """What a GraphQL answer holds beside its errors. Raises Permanent."""
    content = answer.content
    if type(content) is dict and type(content.get("data")) is dict:
        data: Json = content["data"]
        return data
    raise wrong(answer, content, "an answer with an object 'data'")


def has_id(value: object) -> TypeGuard[Json]:
    """Whether it is an object with a node id, so that more of it can be asked for."""
    return type(value) is dict and type(value.get("id")) is str


def is_connection(value: object) -> TypeGuard[Json]:
    """Whether it is a list in GitHub's form, of which is told whether it goes on, and where."""
    info = value.get("pageInfo") if type(value) is dict else None
    if type(value) is not dict or type(info) is not dict or type(value.get("nodes")) not in (list, NoneType):
        return False
    more, cursor = info.get("hasNextPage"), info.get("endCursor")
    return type(more) is bool and (not more or (type(cursor) is str and cursor != ""))


def says_not_found(answer: RawAnswer) -> bool:
    """Whether what is null in it does not exist; other errors say that it may not be seen, or not now."""
    errors = answer.content.get("errors") or []
    return type(errors) is list and all(type(error) is dict and error.get("type") == _NOT_FOUND for error in errors)


def wrong(answer: RawAnswer, found: object, wanted: str) -> Permanent:
    """The error of an answer that is not what its entity type says."""
    return Permanent(f"{answer.entity_type} {answer.external_id!r} holds {described(found)}, not {wanted}")
