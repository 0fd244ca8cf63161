"""Issues as they should never come: what can be wrong with one of them, done to its bytes."""

from collections.abc import Callable
from enum import StrEnum

import orjson

HUGE_TEXT_BYTES = 6_000_000
# The first field of every issue, so the first match is the issue's own summary and not its parent's.
_SUMMARY = b'"fields":{"summary":"'


class Damage(StrEnum):
    """What can be wrong with one issue among good ones. The last three are valid JSON that databases refuse."""

    NO_FIELDS = "no_fields"
    FIELDS_LIST = "fields_list"
    BAD_CREATED = "bad_created"
    NOT_AN_OBJECT = "not_an_object"
    HUGE = "huge"
    NUL = "nul"
    LONE_SURROGATE = "lone_surrogate"
    ESCAPED_BACKSLASH = "escaped_backslash"


def _without_fields(issue: bytes) -> bytes:
    return orjson.dumps({name: value for name, value in orjson.loads(issue).items() if name != "fields"})


def _fields_as_list(issue: bytes) -> bytes:
    return orjson.dumps(orjson.loads(issue) | {"fields": ["summary", "created"]})


def _created_yesterday(issue: bytes) -> bytes:
    whole = orjson.loads(issue)
    return orjson.dumps(whole | {"fields": whole["fields"] | {"created": "yesterday"}})


def _huge(issue: bytes) -> bytes:
    whole = orjson.loads(issue)
    node = {"type": "paragraph", "content": [{"type": "text", "text": "log line " * (HUGE_TEXT_BYTES // 9 + 1)}]}
    body = {"version": 1, "type": "doc", "content": [node]}
    return orjson.dumps(whole | {"fields": whole["fields"] | {"description": body}})


def _summary_with(escaped: bytes) -> Callable[[bytes], bytes]:
    """Works on the bytes: no JSON writer would write these."""
    return lambda issue: issue.replace(_SUMMARY, _SUMMARY + escaped, 1)


# What a text begins with then, as it is written in JSON.
TEXT_DAMAGES = {
    Damage.NUL: rb"be\u0000fore ",
    Damage.LONE_SURROGATE: rb"be\ud83dfore ",
    Damage.ESCAPED_BACKSLASH: rb"C:\\u0000 ",
}
DAMAGES: dict[Damage, Callable[[bytes], bytes]] = {
    Damage.NO_FIELDS: _without_fields,
    Damage.FIELDS_LIST: _fields_as_list,
    Damage.BAD_CREATED: _created_yesterday,
    Damage.NOT_AN_OBJECT: lambda issue: b'"gone"',
    Damage.HUGE: _huge,
    **{damage: _summary_with(text) for damage, text in TEXT_DAMAGES.items()},
}
