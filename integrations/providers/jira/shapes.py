"""The outermost shape of Jira's answers, which must be right before anything can be read of them."""

from typing import Any

from integrations.errors import Permanent
from integrations.json_values import described
from integrations.provider import RawAnswer


def entries(answer: RawAnswer, name: str) -> list[Any]:
    """The array of that name in an answer that is an object. Raises Permanent."""
    content = answer.content
    if type(content) is not dict or type(content.get(name)) is not list:
        raise wrong(answer, f"an object with an array {name!r}")
    values: list[Any] = content[name]
    return values


def array(answer: RawAnswer) -> list[Any]:
    """An answer that is an array as a whole. Raises Permanent."""
    if type(answer.content) is not list:
        raise wrong(answer, "an array")
    return answer.content


def counted(answer: RawAnswer) -> int:
    """How many issues there are: Cloud says ``count``, Data Center the ``total`` of a search. Raises Permanent."""
    content = answer.content if type(answer.content) is dict else {}
    found = content.get("count", content.get("total"))
    if type(found) is not int or found < 0:
        raise wrong(answer, "an object whose 'count' or 'total' is a number of issues")
    return found


def wrong(answer: RawAnswer, wanted: str) -> Permanent:
    """The error of an answer that is not what its entity type says."""
    return Permanent(f"{answer.entity_type} {answer.external_id!r} is {described(answer.content)}, not {wanted}")
