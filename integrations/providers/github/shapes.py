"""The outermost shape of GitHub's answers, which must be right before anything can be read of them."""

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


def says_not_found(answer: RawAnswer) -> bool:
    """Whether what is null in it does not exist; other errors say that it may not be seen, or not now."""
    errors = answer.content.get("errors") or []
    return type(errors) is list and all(type(error) is dict and error.get("type") == _NOT_FOUND for error in errors)


def wrong(answer: RawAnswer, found: object, wanted: str) -> Permanent:
    """The error of an answer that is not what its entity type says."""
    return Permanent(f"{answer.entity_type} {answer.external_id!r} holds {described(found)}, not {wanted}")
