"""Reading JSON as sites write it, and writing it again."""

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from math import isfinite
from typing import Any

import orjson

# Far more than people nest, and few enough for whoever writes the value again.
DEEPEST = 500
_token = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def parse(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError where it is none, RecursionError where it is nested too deeply.

    What orjson refuses and JSON allows is read more slowly: lone surrogates, numbers beyond floats.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text, parse_int=_number, parse_float=_fraction)


def parse_site(text: str | bytes) -> Any:
    """As `parse`, for answers with many records: one that is nested too deeply must not take the others along.

    Only such a text is cut: what is deeper than `DEEPEST` levels is null. Raises ValueError.
    """
    try:
        return parse(text)
    except RecursionError:
        return parse(shallow(text.decode() if isinstance(text, bytes) else text))


def shallow(text: str) -> str:
    """A JSON text with null in place of whatever is deeper than `DEEPEST` levels. One pass, whatever the depth."""
    kept, end, depth = [], 0, 0
    for found in _token.finditer(text):
        token = found.group()
        if token in "[{":  # noqa: S105
            depth += 1
            if depth == DEEPEST + 1:
                kept += [text[end : found.start()], "null"]
        elif token in "]}":  # noqa: S105
            if depth == DEEPEST + 1:
                end = found.end()
            depth -= 1
    return "".join(kept) + text[end:] if depth <= DEEPEST else "".join(kept)


def fingerprint(value: Any) -> bytes:
    """Bytes to be hashed: the same where the value is. What is nested too deeply to be written is never the same."""
    try:
        return written(value)
    except RecursionError:
        return uuid.uuid4().bytes


def hashes(said: Iterable[tuple[str, object]]) -> Mapping[str, str]:
    """A hash of each value, by name; what is named twice has the hash of both."""
    found: dict[str, Any] = {}
    for name, value in said:
        found.setdefault(name, blake2b(digest_size=16)).update(fingerprint(value))
    return {name: digest.hexdigest() for name, digest in found.items()}


def summed_hashes(said: Iterable[tuple[str, Iterable[object]]]) -> Mapping[str, str]:
    """By name a hash of all its values, whatever their order: the sum of theirs (see `sum_of_hashes`)."""
    found: dict[str, list[str]] = {}
    for name, values in said:
        found.setdefault(name, []).extend(blake2b(fingerprint(value), digest_size=16).hexdigest() for value in values)
    return {name: sum_of_hashes(hashed) for name, hashed in found.items()}


def sum_of_hashes(hashed: Iterable[str]) -> str:
    """One hash for several: the same for the same values, however they were divided among the hashes summed."""
    return f"{sum(int(one, 16) for one in hashed) % 2**128:032x}"


def written(value: Any) -> bytes:
    """The JSON of what `parse` read. Raises RecursionError where it is nested too deeply."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # Lone surrogates, which are escaped, and what orjson finds too deep.
        return json.dumps(value).encode()


def _number(digits: str) -> int | float | str:
    # Beyond 64 bits PostgreSQL's and JavaScript's integers end too.
    return int(digits) if len(digits) < 19 else _fraction(digits)


def _fraction(digits: str) -> float | str:
    """The number; as it is written where no float holds it: infinity would be written as null, which says "none"."""
    found = float(digits)
    return found if isfinite(found) else digits
