"""Bodies: JSON, of bounded size, depth and number of values."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.http import UnreadablePostError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from etl.api.errors import TooLarge

MOST_BYTES = 2_500_000
# More than any body needs, and far from where Python gives up, be it while an answer quotes the value.
MOST_LEVELS = 100
# Each takes Python far more memory than the two bytes that it may be written with.
MOST_VALUES = 200_000
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')


class JsonBody(BaseParser):
    """Reads a JSON body. Raises TooLarge, and ParseError where it is no JSON, too deep, of too many values, has names
    twice, or a NUL.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        # Past the limit by a byte: the length that a client names need not be true.
        text = read_body(stream, MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise TooLarge(f"the body is larger than {MOST_BYTES} bytes")
        try:
            orjson.loads(text)
            if _values(text) > MOST_VALUES:
                raise TooLarge(f"the body holds more than {MOST_VALUES} values")
            # orjson takes the last of two equal names, and says nothing of the other.
            value = json.loads(text, object_pairs_hook=_distinct)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"the body is no JSON: {error}") from error
        except RecursionError as error:
            raise ParseError("the body is no JSON: it is nested too deeply") from error
        if _is_deeper(value, MOST_LEVELS):
            raise ParseError(f"the body is nested more than {MOST_LEVELS} levels deep")
        if b"\\u0000" in text and _holds_nul(value):
            raise ParseError("the body holds the character \\u0000, which no text column can hold")
        return value


def read_body(stream: IO[Any], size: int) -> bytes:
    """No more than so many bytes of it. Raises ParseError where it broke off."""
    try:
        text: bytes = stream.read(size)
    except UnreadablePostError as error:
        raise ParseError("the body broke off") from error
    return text


def _values(text: bytes) -> int:
    """At least as many as JSON has; those of objects count with their names."""
    most = _marks(text)
    return most if most <= MOST_VALUES else _marks(_TEXT.sub(b"", text))


def _marks(text: bytes) -> int:
    return sum(map(text.count, (b",", b":", b"[", b"{")))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ParseError(f"the body says {name[:100]!r} twice in one object")
    return found


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inner)


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(inner) for key, inner in value.items())
    return isinstance(value, list) and any(_holds_nul(inner) for inner in value)
