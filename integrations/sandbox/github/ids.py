"""Ids as GitHub gives them: node ids that mean nothing to a reader, and numbers beyond 32 bits."""

import base64
import binascii
import struct
from typing import Final

INT32_MOST: Final = 2**31 - 1
# A pull request's parts are numbered behind it: room for ten thousand of each kind.
PARTS: Final = 10_000


def node_id(prefix: str, *numbers: int) -> str:
    """An id such as PR_kwDOAA…: opaque, and the same in every run."""
    packed = struct.pack(f">{len(numbers)}Q", *numbers)
    return f"{prefix}_kwDO{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def read_node_id(text: str) -> tuple[str, tuple[int, ...]] | None:
    """The prefix and the numbers that node_id was given; None for any other text."""
    prefix, found, packed = text.partition("_kwDO")
    try:
        raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        return (prefix, struct.unpack(f">{len(raw) // 8}Q", raw)) if found and raw else None
    except (binascii.Error, struct.error, ValueError):
        return None


def as_int32(number: int) -> int | None:
    """What a field of type Int can say of an id: nothing where it is too large."""
    return number if number <= INT32_MOST else None
