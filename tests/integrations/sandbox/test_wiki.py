from integrations.sandbox import adf
from integrations.sandbox.wiki import wiki_markup


def markup(*content: adf.Node) -> str:
    return wiki_markup(adf.doc(*content), lambda account: f"name-of-{account}")


def test_blocks_are_apart_by_an_empty_line() -> None:
    blocks = adf.heading(3, "Steps"), adf.numbered(["one", "two"]), adf.bullets(["three"])
    assert markup(*blocks) == "h3. Steps\r\n\r\n# one\r\n# two\r\n\r\n* three"


def test_people_emphasis_emoji_and_breaks_stand_in_the_text() -> None:
    line = adf.paragraph(
        adf.mention("42", "Ada"), adf.text(" look", "strong"), {"type": "hardBreak"}, adf.emoji("eyes", "👀")
    )
    assert markup(line) == "[~name-of-42]* look*\r\n👀"


def test_code_and_tables_have_their_own_marks() -> None:
    assert markup(adf.code("x = 1", "python")) == "{code:python}\r\nx = 1\r\n{code}"
    assert markup(adf.table(["part", "time"], [["db", "3 ms"]])) == "||part||time||\r\n|db|3 ms|"
