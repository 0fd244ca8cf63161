from typing import Any

import pytest

from integrations.providers.jira.adf import plain_text


def text(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value} | more


def node(kind: Any, *content: Any, **attrs: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(content), "attrs": attrs}


def test_blocks_are_lines_and_marks_are_left_out() -> None:
    document = node(
        "doc",
        node("heading", text("Goal"), level=1),
        node("paragraph", text("be "), text("bold", marks=[{"type": "strong"}]), node("hardBreak"), text("now")),
        node("bulletList", node("listItem", node("paragraph", text("one"))), node("listItem", text("two"))),
        node("rule"),
        node("codeBlock", text("if x:\n    y()"), language="python"),
    )
    assert plain_text(document) == "Goal\nbe bold\nnow\none\ntwo\nif x:\n    y()"


def test_inline_nodes_show_what_people_see() -> None:
    document = node(
        "paragraph",
        node("mention", id="5b10", text="@Ada"),
        text(" "),
        node("mention", id="5b11"),
        text(" "),
        node("emoji", shortName=":tada:", text="🎉"),
        text(" "),
        node("status", text="LATE", color="red"),
        text(" "),
        node("date", timestamp="1740873600000"),
        text(" "),
        node("inlineCard", url="https://acme.example/1"),
    )
    assert plain_text(document) == "@Ada 5b11 🎉 LATE 2025-03-02 https://acme.example/1"


def test_cells_of_a_table_are_apart() -> None:
    row = node("tableRow", node("tableHeader", text("a")), node("tableCell", text("b")))
    assert plain_text(node("table", row, row)) == "a\tb\na\tb"


def test_an_unknown_node_gives_what_it_contains() -> None:
    assert plain_text(node("holoDeck", node("paragraph", text("inside")), beam=1)) == "inside"
    assert plain_text(node("expand", node("paragraph", text("inside")), title="More")) == "More\ninside"


@pytest.mark.parametrize(
    "odd",
    [
        None,
        7,
        [],
        {},
        {"type": ["text"], "text": "x"},
        {"type": "text"},
        {"type": "text", "text": {"a": 1}},
        {"type": "paragraph", "content": {"type": "text"}},
        {"type": "paragraph", "content": [None, 3, [], "loose"]},
        {"type": "mention", "attrs": None},
        {"type": "date", "attrs": {"timestamp": "9" * 30}},
        {"type": "date", "attrs": {"timestamp": None}},
    ],
)
def test_what_holds_no_text_gives_none(odd: Any) -> None:
    assert plain_text(odd) == ""


def test_deep_and_wide_documents_are_read_whole() -> None:
    document: dict[str, Any] = text("deep")
    for _ in range(50_000):
        document = {"type": "blockquote", "content": [document]}
    wide = node("doc", *[node("paragraph", text(" " * 100 + "x"))] * 10_000, text(" " * 1_000_000))
    assert plain_text(document) == "deep"
    assert plain_text(wide).count("x") == 10_000
