"""From the bytes of an answer to text that JSONB takes, changed only where PostgreSQL would refuse it.

JSONB refuses an escaped NUL and a lone surrogate. Answers with neither go in byte for byte, unparsed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from integrations.errors import Permanent
from integrations.json_text import parse_site

REPLACEMENT = "\\ufffd"
MOST_PATHS_LISTED = 100
# What may need cleaning; whether it does is decided escape by escape, since "\\\\u0000" is a backslash and letters.
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
# One escape at a time from the left, so that an escaped backslash is never taken for the start of the next escape.
_ESCAPE = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\(?:u([0-9a-fA-F]{4})|.)", re.S)


@dataclass(frozen=True)
class Cleaned:
    """``text`` is JSON for JSONB; ``replaced`` lists the JSON paths where a character was replaced."""

    text: str
    replaced: tuple[str, ...] = ()


def _refused(code: int) -> bool:
    return code == 0 or 0xD800 <= code <= 0xDFFF


def _mend(match: re.Match[str]) -> str:
    code = match.group(3)
    return REPLACEMENT if code is not None and _refused(int(code, 16)) else match.group()


def _bad(text: str) -> bool:
    return any(_refused(ord(character)) for character in text)


def _bad_paths(value: Any) -> Iterator[str]:
    """The JSON paths of strings and keys that hold what JSONB refuses."""
    stack: list[tuple[str, Any]] = [("$", value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, str) and _bad(item):
            yield path
        elif isinstance(item, list):
            stack.extend((f"{path}[{index}]", child) for index, child in enumerate(item))
        elif isinstance(item, dict):
            yield from (f"{path} (a key)" for key in item if _bad(key))
            stack.extend((f"{path}.{key}", child) for key, child in item.items())


def clean(body: bytes) -> Cleaned:
    """Raises Permanent where the body is not UTF-8, has a NUL byte, or must be cleaned and is not JSON."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Permanent(f"the answer is not UTF-8: byte {error.start} is {body[error.start]:#x}") from error
    # JSON has no such byte, and no text can be sent to PostgreSQL with it.
    if (place := body.find(0)) >= 0:
        raise Permanent(f"the answer is not JSON: byte {place} is a NUL")
    if not _SUSPECT.search(body):
        return Cleaned(text)
    mended = _ESCAPE.sub(_mend, text)
    if mended == text:
        return Cleaned(text)
    try:
        paths = sorted(_bad_paths(parse_site(text)))
    except ValueError as error:
        raise Permanent(f"the answer is not JSON: {error}") from error
    printable = [path.encode("utf-8", "replace").decode().replace("\0", "\\u0000") for path in paths]
    return Cleaned(mended, tuple(printable[:MOST_PATHS_LISTED]))
