"""Atlassian Document Format as plain text.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINES = ("paragraph", "heading", "codeBlock", "blockquote", "rule", "caption", "mediaSingle")
_ITEMS = ("listItem", "taskItem", "decisionItem", "tableRow")
_BOXES = ("panel", "expand", "nestedExpand", "blockCard", "embedCard")
_BLOCKS = frozenset(_LINES + _ITEMS + _BOXES)
_CELLS = frozenset(("tableCell", "tableHeader"))
_TITLED = frozenset(("expand", "nestedExpand"))
_ATTRIBUTES = {
    "mention": ("text", "id"),
    "emoji": ("text", "shortName"),
    "status": ("text",),
    "placeholder": ("text",),
    "inlineCard": ("url",),
    "blockCard": ("url",),
    "embedCard": ("url",),
    "media": ("alt",),
    "expand": ("title",),
    "nestedExpand": ("title",),
    "extension": ("text",),
    "inlineExtension": ("text",),
}


def plain_text(document: object) -> str:
    """The text of a document, a line for each block.

    Nodes of unknown types give what they contain. Walks with a stack of its own: documents can be nested deeper
    than Python's calls.
    """
    parts: list[str] = []
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        if type(node) is str:
            parts.append(node)
        elif type(node) is list:
            waiting.extend(reversed(node))
        elif type(node) is dict:
            _visit(node, parts, waiting)
    lines = (line.rstrip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line).strip()


def _visit(node: Mapping[str, Any], parts: list[str], waiting: list[Any]) -> None:
    """Adds the node's own text, and leaves what it contains, then what ends it, on the stack."""
    kind = node.get("type")
    if kind == "text":
        shown = node.get("text")
        if type(shown) is str:
            parts.append(shown)
        return
    if type(kind) is str:
        parts.append(_own_text(kind, node))
        if kind in _BLOCKS:
            waiting.append("\n")
        elif kind in _CELLS:
            waiting.append("\t")
    # Pushed last to first, because the stack gives them back the other way round.
    content = node.get("content")
    if type(content) is list:
        waiting.extend(item for item in reversed(content) if type(item) is dict)


def _own_text(kind: str, node: Mapping[str, Any]) -> str:
    if kind == "hardBreak":
        return "\n"
    attributes = node.get("attrs")
    if type(attributes) is not dict:
        return ""
    if kind == "date":
        return _day(attributes.get("timestamp"))
    for name in _ATTRIBUTES.get(kind, ()):
        value = attributes.get(name)
        if type(value) is str and value:
            return value + "\n" if kind in _TITLED else value
    return ""


def _day(timestamp: object) -> str:
    """A date node holds epoch milliseconds, as text."""
    try:
        return (_EPOCH + timedelta(milliseconds=int(str(timestamp)))).date().isoformat()
    except (ValueError, OverflowError):
        return ""
