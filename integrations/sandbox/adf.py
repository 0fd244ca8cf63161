"""Atlassian Document Format: the node shapes that Jira Cloud v3 gives for rich text.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

from collections.abc import Iterable
from typing import Any

Node = dict[str, Any]


def doc(*content: Node) -> Node:
    return {"version": 1, "type": "doc", "content": list(content)}


def text(value: str, *marks: str) -> Node:
    node: Node = {"type": "text", "text": value}
    # Jira leaves `marks` out where there are none.
    return node | {"marks": [{"type": mark} for mark in marks]} if marks else node


def paragraph(*content: Node) -> Node:
    return {"type": "paragraph", "content": list(content)}


def heading(level: int, value: str) -> Node:
    return {"type": "heading", "attrs": {"level": level}, "content": [text(value)]}


def bullets(lines: Iterable[str]) -> Node:
    return {"type": "bulletList", "content": [_item(line) for line in lines]}


def numbered(lines: Iterable[str]) -> Node:
    return {"type": "orderedList", "attrs": {"order": 1}, "content": [_item(line) for line in lines]}


def _item(line: str) -> Node:
    return {"type": "listItem", "content": [paragraph(text(line))]}


def code(value: str, language: str) -> Node:
    return {"type": "codeBlock", "attrs": {"language": language}, "content": [text(value)]}


def mention(account_id: str, name: str) -> Node:
    return {"type": "mention", "attrs": {"id": account_id, "text": f"@{name}", "accessLevel": ""}}


def emoji(short_name: str, character: str) -> Node:
    return {"type": "emoji", "attrs": {"shortName": f":{short_name}:", "text": character}}


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Node:
    lines = [_row("tableHeader", header), *(_row("tableCell", row) for row in rows)]
    return {"type": "table", "attrs": {"isNumberColumnEnabled": False, "layout": "default"}, "content": lines}


def _row(kind: str, cells: Iterable[str]) -> Node:
    return {
        "type": "tableRow",
        "content": [{"type": kind, "attrs": {}, "content": [paragraph(text(c))]} for c in cells],
    }
