"""What errors that are alike have in common: the error without what is one's own in it."""

import re

LONGEST = 200

# In this order: what is quoted may hold anything of the others, and an address numbers.
_OWN = (
    (re.compile(r"""(?<!\w)b?'[^'\n]*'(?!\w)|"[^"\n]*"|`[^`\n]*`|“[^”\n]*”|«[^»\n]*»"""), "*"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "*"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "#"),
    (re.compile(r"\b[A-Z][A-Z0-9_]*-\d+\b"), "#"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,}\b", re.IGNORECASE), "#"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "#"),
    (re.compile(r"([#*])(?:(?:\s*[,;/]\s*|\s+)\1)+"), r"\1"),
    (re.compile(r"\s+"), " "),
)


def cause_of(error: str) -> str:
    """The first line of an error, with ``#`` for numbers, ids and keys and ``*`` for what is quoted and for addresses.

    At most 200 characters. Pure.
    """
    text = next(iter(error.strip().splitlines()), "")
    for pattern, instead in _OWN:
        text = pattern.sub(instead, text)
    return text.strip()[:LONGEST]
