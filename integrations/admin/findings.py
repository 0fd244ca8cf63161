"""What a check of a connection found, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

# People read them at one glance.
SHOWN_PROBLEMS = 10
SHOWN_PROJECTS = 20


@dataclass(frozen=True)
class Finding:
    good: bool
    text: str


def findings(
    site: str, account: str, deployment: str, containers: str, keys: Sequence[str], problems: Sequence[str]
) -> list[Finding]:
    """What is well first, then every problem."""
    good = []
    if account:
        good = [
            f"The site answers: {site}, {deployment}.",
            f"It knows the account: {account}.",
            f"The account sees {len(keys):,} {containers}: {named(keys)}.",
        ]
    if not keys:
        good = good[:2]
    return [*(Finding(True, text) for text in good), *(Finding(False, text) for text in problems)]


def named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN_PROJECTS:,} more" if len(keys) > SHOWN_PROJECTS else ""
    return f"{', '.join(keys[:SHOWN_PROJECTS]) or 'none'}{more}"
