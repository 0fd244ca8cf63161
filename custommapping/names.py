"""What the tenant's own names must be: those of steps, workflows, levels and types."""

import unicodedata

_LONGEST_SHOWN = 100
# Control characters, and halves of characters: no column takes the latter, nobody can read the former.
_UNREADABLE = ("Cc", "Cs")


def name_problem(value: object, longest: int) -> str | None:
    """Why this is no name; None where it is one."""
    if isinstance(value, str) and 1 <= len(value) <= longest and value == value.strip() and _is_readable(value):
        return None
    return f"{shown(value)} must be text in one line of 1 to {longest} characters, without spaces around it"


def _is_readable(text: str) -> bool:
    return not any(unicodedata.category(character) in _UNREADABLE for character in text)


def shown(value: object) -> str:
    """The value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
