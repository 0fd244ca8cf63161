"""The setting base_search: JQL that people write, which stands in parentheses beside the conditions of Pulse."""

import re

from integrations.errors import Permanent
from integrations.provider import Connection

# A text in quotes or an escaped character, of which nothing counts; then what can give a query another shape.
_PARTS = re.compile(
    r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\.)|(["'()\\]|\border\s+by\b)""", re.IGNORECASE | re.DOTALL
)
_FAULTS = {
    '"': "a quote that is not closed",
    "'": "a quote that is not closed",
    "\\": "a backslash at its end",
}


def checked_base_search(connection: Connection) -> str:
    """Raises Permanent where the setting would break out of its parentheses: issues of other projects would come.

    Whether it is right in itself only the site can tell.
    """
    text = connection.setting("base_search")
    if fault := _fault(text):
        raise Permanent(f"setting base_search is {text[:200]!r}: it has {fault}")
    return text


def _fault(text: str) -> str:
    depth = 0
    for part in filter(None, _PARTS.findall(text)):
        if part not in "()":
            return _FAULTS.get(part, "an ORDER BY, but the order is Pulse's own")
        depth += 1 if part == "(" else -1
        if depth < 0:
            return "a parenthesis that is not opened"
    return "a parenthesis that is not closed" if depth else ""
