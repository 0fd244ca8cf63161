"""How large pages are asked for: smaller where they are too much for the site, larger again while they are not.

GitHub ends a query that takes it ten seconds, or that it finds too costly; the same one fails again. So the page is
halved until it comes, then what each pull request brings along, of which the rest can be followed. Some never come:
GitHub cannot count the lines of some commits. So then these are left out, and at last all but the ids.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.errors import Permanent
from integrations.provider import Cursor
from integrations.providers.github.client import GitHubClient, GraphAnswer
from integrations.providers.github.queries import Query
from integrations.providers.github.refusals import TooMuch

Sizes = Mapping[str, int]
"""Variables of a query by name: ``first`` is how many entries the page has, the others are lists within each.

Those of ``LEFT_OUT`` are true, or false where that is left out.
"""

LARGEST_PAGE = 100
WHOLE = "whole"
# Of what does not come alone either, one after the other; ``whole`` only where somebody asks for it by itself then.
LEFT_OUT = ("lineCounts", WHOLE)
# Of each pull request of a page. 50 of them cost 8 points; nearly all have no more than these.
NESTED = {"parts": 20, "threads": 10, "threadComments": 10, "lineCounts": True, WHOLE: True}
_ALL = dict.fromkeys(LEFT_OUT, True)
# Where more than these in a row do not come whole, it is the site that is in trouble, and not a pull request.
MOST_BARE = 3
# How many pages in a row have to come before a larger one is tried, once one did not: that is charged twice.
GOOD_PAGES = 3


@dataclass(frozen=True)
class Sized:
    """An answer, the sizes it was got with, and the cursor with those of the next page."""

    answer: GraphAnswer
    sizes: Sizes
    cursor: Cursor

    @property
    def is_bare(self) -> bool:
        """Whether it holds a single entry, of which all but the ids was left out."""
        return _is_bare(self.sizes)


def sized(wanted: Sizes, first: int = LARGEST_PAGE) -> dict[str, Any]:
    """What a cursor has to hold for `ask`; the first page has no more entries than ``first``.

    ``good`` counts the pages that came in these sizes, ``patience`` is how many of them make a larger one be tried,
    and ``bare`` counts the bare ones in a row.
    """
    sizes = {**wanted, "first": min(first, wanted["first"])}
    return {"wanted": dict(wanted), "sizes": sizes, "good": 0, "patience": 1, "bare": 0}


def checked_batch_size(text: str) -> int:
    """Checked with the call and not when planning: there it would stop all steps, here the unit says what is wrong."""
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not 0 < size <= LARGEST_PAGE:
        raise Permanent(f"batch_size is {text[:20]!r}: expected a number from 1 to {LARGEST_PAGE}")
    return size


def sizes_of(query: Query, sizes: Sizes) -> dict[str, Any]:
    """Those that a query has variables for; what a cursor says nothing of is not left out."""
    return {name: size for name, size in {**_ALL, **sizes}.items() if f"${name}:" in query.text}


def ask(
    client: GitHubClient,
    query: Query,
    variables: Callable[[Sizes], Mapping[str, Any]],
    cursor: Cursor,
    what: str = "",
) -> Sized:
    """The answer in the cursor's sizes, or in the largest smaller ones that it comes in.

    Raises TooMuch where it comes in none; ``what`` is what messages call what is asked for.
    """
    sizes, good, patience = cursor["sizes"], cursor["good"] + 1, cursor["patience"]
    while True:
        try:
            answer = client.query(query.text, variables(sizes), query.name)
        except TooMuch as error:
            less = smaller(sizes)
            if less is None or (_is_bare(less) and cursor["bare"] == MOST_BARE):
                raise _in_no_size(error, what or query.name) from error
            sizes, good, patience = less, 1, GOOD_PAGES
        else:
            following = _next(sizes, good, patience, cursor["wanted"])
            bare = cursor["bare"] + 1 if _is_bare(sizes) else 0
            return Sized(answer, sizes, {**cursor, **following, "patience": patience, "bare": bare})


def smaller(sizes: Sizes) -> Sizes | None:
    """A page of half as many entries; of a single one, half of what it brings along, then less of each; else None."""
    if sizes["first"] > 1:
        return {**sizes, "first": sizes["first"] // 2}
    less = {name: size if name in LEFT_OUT else max(1, size // 2) for name, size in sizes.items()}
    if less != sizes:
        return less
    left_out = next((name for name in LEFT_OUT if sizes.get(name)), None)
    return {**sizes, left_out: False} if left_out else None


def larger(sizes: Sizes, wanted: Sizes) -> Sizes:
    """The way back: what each entry brings along is doubled first, then the page."""
    more = {name: min(2 * size, wanted[name]) for name, size in sizes.items()}
    nested = {**more, "first": sizes["first"]}
    return more if nested == sizes else nested


def _is_bare(sizes: Sizes) -> bool:
    return not sizes.get(WHOLE, True)


def _next(sizes: Sizes, good: int, patience: int, wanted: Sizes) -> dict[str, Any]:
    # What one did not come with, the next one may.
    sizes = {name: True if name in LEFT_OUT else size for name, size in sizes.items()}
    if good < patience or sizes == wanted:
        return {"sizes": sizes, "good": good}
    return {"sizes": larger(sizes, wanted), "good": 0}


def _in_no_size(error: TooMuch, what: str) -> TooMuch:
    told = TooMuch(f"{what}: not even a single one comes, with lists of one entry each: {error}")
    told.status = error.status
    return told
