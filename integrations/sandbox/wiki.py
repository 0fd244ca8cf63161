"""ADF as wiki markup: how version 2 of the API, Data Center and webhooks give rich text.

https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all
"""

from collections.abc import Callable

from integrations.sandbox.adf import Node

# By accountId, the user's name on the site.
Names = Callable[[str], str]


def wiki_markup(document: Node, names: Names) -> str:
    """Blocks are apart by an empty line, lines end as in a browser's form: with CR and LF."""
    return "\r\n\r\n".join(_block(node, names) for node in document["content"])


def _block(node: Node, names: Names) -> str:
    return BLOCKS.get(node["type"], _inline_block)(node, names)


def _inline_block(node: Node, names: Names) -> str:
    return "".join(_inline(child, names) for child in node.get("content", []))


def _heading(node: Node, names: Names) -> str:
    return f"h{node['attrs']['level']}. {_inline_block(node, names)}"


def _code(node: Node, names: Names) -> str:
    return f"{{code:{node['attrs']['language']}}}\r\n{_inline_block(node, names)}\r\n{{code}}"


def _list(bullet: str) -> Callable[[Node, Names], str]:
    return lambda node, names: "\r\n".join(f"{bullet} {_cell(item, names)}" for item in node["content"])


def _cell(node: Node, names: Names) -> str:
    return " ".join(_block(child, names) for child in node["content"])


def _table(node: Node, names: Names) -> str:
    return "\r\n".join(_row(row, names) for row in node["content"])


def _row(row: Node, names: Names) -> str:
    # Heading cells have two bars; a row is of one kind here.
    bar = "||" if row["content"][0]["type"] == "tableHeader" else "|"
    return bar + "".join(f"{_cell(cell, names)}{bar}" for cell in row["content"])


def _inline(node: Node, names: Names) -> str:
    kind = node["type"]
    if kind == "mention":
        return f"[~{names(node['attrs']['id'])}]"
    if kind == "hardBreak":
        return "\r\n"
    value = str(node["attrs"]["text"] if kind == "emoji" else node.get("text", ""))
    return f"*{value}*" if {"type": "strong"} in node.get("marks", []) else value


BLOCKS: dict[str, Callable[[Node, Names], str]] = {
    "heading": _heading,
    "codeBlock": _code,
    "bulletList": _list("*"),
    "orderedList": _list("#"),
    "table": _table,
}
