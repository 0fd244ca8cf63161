"""Stretches of time: how long something was at work, whatever went on side by side, and without its breaks."""

from collections.abc import Iterable, Sequence
from datetime import datetime

Span = tuple[datetime, datetime]
"""From when to when."""


def together(spans: Iterable[Span]) -> list[Span]:
    """The same time in spans that do not overlap, in their order."""
    joined: list[Span] = []
    for began, ended in sorted(spans):
        if joined and began <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], ended)
        elif began < ended:
            joined.append((began, ended))
    return joined


def seconds(spans: Iterable[Span], breaks: Sequence[Span] = ()) -> float:
    """How many seconds the spans last together; those of the breaks, which do not overlap, do not count."""
    total = 0.0
    for began, ended in together(spans):
        total += (ended - began).total_seconds()
        for left, back in breaks:
            total -= max(0.0, (min(ended, back) - max(began, left)).total_seconds())
    return total


def since(spans: Iterable[Span], first: datetime) -> list[Span]:
    """What of the spans comes after that time."""
    return [(max(began, first), ended) for began, ended in spans if ended > first]
