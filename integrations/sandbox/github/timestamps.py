"""Instants are epoch seconds inside the sandbox GitHub; this is how the site writes them."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(100_000)
def stamp(at: int) -> str:
    """2024-03-01T10:11:12Z, the only form of a time on the whole site."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def stamp_or_none(at: int | None) -> str | None:
    return None if at is None else stamp(at)
