"""Descriptions and other rich texts of issues."""

from collections.abc import Callable
from random import Random

from integrations.sandbox import adf
from integrations.sandbox.jira.people import PEOPLE
from integrations.sandbox.text import Writer
from integrations.sandbox.vocabulary import ODD_TEXT

Block = Callable[[Writer, Random], list[adf.Node]]


def _steps(writer: Writer, random: Random) -> list[adf.Node]:
    return [adf.heading(3, "Steps"), adf.numbered(writer.steps())]


def _criteria(writer: Writer, random: Random) -> list[adf.Node]:
    return [adf.heading(3, "Acceptance criteria"), adf.bullets(writer.criteria())]


def _code(writer: Writer, random: Random) -> list[adf.Node]:
    return [adf.code(writer.snippet(), random.choice(("python", "sql", "bash")))]


def _mention(writer: Writer, random: Random) -> list[adf.Node]:
    person = random.choice(PEOPLE)
    name = adf.mention(person["accountId"], person["displayName"])
    return [
        adf.paragraph(name, adf.text(" please look: "), adf.text(writer.sentence(), "strong"), adf.emoji("eyes", "👀"))
    ]


def _table(writer: Writer, random: Random) -> list[adf.Node]:
    rows = [(name, f"{random.randint(1, 900)} ms") for name in (writer.topic.component, "database")]
    return [adf.table(("part", "time"), rows)]


def _odd(writer: Writer, random: Random) -> list[adf.Node]:
    return [adf.paragraph(adf.text(random.choice(ODD_TEXT)), {"type": "hardBreak"}, adf.text("line one\r\nline two"))]


BLOCKS: tuple[tuple[Block, int], ...] = ((_steps, 5), (_criteria, 5), (_code, 3), (_mention, 4), (_table, 2), (_odd, 1))


def description(writer: Writer, random: Random) -> adf.Node | None:
    """An ADF document of a paragraph or more, or None as one in twenty issues has."""
    if random.random() < 0.05:
        return None
    blocks = random.choices(
        [block for block, _ in BLOCKS], [weight for _, weight in BLOCKS], k=random.choice((0, 0, 1, 1, 2))
    )
    extra = [node for block in blocks for node in block(writer, random)]
    return adf.doc(adf.paragraph(adf.text(writer.paragraph())), *extra)
