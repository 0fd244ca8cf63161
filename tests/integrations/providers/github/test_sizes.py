from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.errors import Permanent, Transient
from integrations.http import Response
from integrations.providers.github.client import GitHubClient, GraphAnswer
from integrations.providers.github.queries import Query
from integrations.providers.github.refusals import TooMuch
from integrations.providers.github.sizes import (
    GOOD_PAGES,
    NESTED,
    Sizes,
    ask,
    checked_batch_size,
    larger,
    sized,
    smaller,
)

WANTED = {"first": 50, **NESTED}
ASKED = Query("pages", "query pages { x }")
ANSWER = GraphAnswer(Response("POST /graphql", 200, {}, b"{}", datetime(2026, 1, 1, tzinfo=UTC)), {}, [], 1, 1, None)


class Site(GitHubClient):
    """Answers a question that weighs no more than it bears."""

    def __init__(self, bears: int) -> None:
        self.bears, self.asked = bears, list[int]()

    def query(self, document: str, variables: Mapping[str, Any], name: str) -> GraphAnswer:
        self.asked.append(variables["first"])
        weight = variables["first"] * sum(
            size for key, size in variables.items() if key != "first" and size is not True
        )
        if weight > self.bears:
            raise TooMuch(f"{name} weighs {weight}")
        return ANSWER


def ladder(sizes: Sizes | None) -> Iterator[Sizes]:
    while sizes is not None:
        yield sizes
        sizes = smaller(sizes)


def test_a_page_is_halved_first_and_then_what_its_entries_bring_along() -> None:
    steps = list(ladder(WANTED))
    assert [step["first"] for step in steps] == [50, 25, 12, 6, 3, 1, 1, 1, 1, 1, 1, 1]
    assert [step["parts"] for step in steps[5:]] == [20, 10, 5, 2, 1, 1, 1]
    assert [step["threads"] for step in steps[5:]] == [10, 5, 2, 1, 1, 1, 1]
    assert [(step["lineCounts"], step["whole"]) for step in steps[8:]] == [(True, True)] * 2 + [
        (False, True),
        (False, False),
    ]


def test_what_one_page_was_left_without_is_asked_for_with_the_next_one() -> None:
    found = ask(Site(bears=3), ASKED, dict, sized(WANTED))
    assert (found.sizes["lineCounts"], found.is_bare) == (True, False)
    site = Site(bears=2)
    cursor = {**found.cursor, "sizes": {**found.sizes, "threads": 0, "threadComments": 0, "parts": 0, "whole": False}}
    following = ask(site, ASKED, dict, cursor)
    assert following.is_bare
    assert (following.cursor["sizes"]["whole"], following.cursor["bare"]) == (True, 1)


def test_the_way_back_doubles_what_entries_bring_along_before_the_page() -> None:
    sizes: Sizes = dict.fromkeys(WANTED, 1)
    found = []
    while sizes != WANTED:
        sizes = larger(sizes, WANTED)
        found.append((sizes["first"], sizes["parts"], sizes["threads"]))
    assert found == [(1, 2, 2), (1, 4, 4), (1, 8, 8), (1, 16, 10), (1, 20, 10)] + [
        (first, 20, 10) for first in (2, 4, 8, 16, 32, 50)
    ]


def test_pages_are_halved_within_one_fetch_and_the_size_is_kept() -> None:
    site = Site(bears=500)
    found = ask(site, ASKED, dict, sized(WANTED))
    assert site.asked == [50, 25, 12]
    assert found.sizes == {**WANTED, "first": 12}
    ask(site, ASKED, dict, found.cursor)
    assert site.asked[3:] == [12]


def test_a_larger_page_is_tried_after_some_good_ones_and_again_after_as_many() -> None:
    site, cursor = Site(bears=500), sized(WANTED)
    for _ in range(2 * GOOD_PAGES + 1):
        cursor = dict(ask(site, ASKED, dict, cursor).cursor)
    # Each larger one is refused here.
    assert site.asked == [50, 25, 12, 12, 12, 24, 12, 12, 12, 24, 12]


def test_a_small_beginning_grows_with_each_page_as_long_as_none_is_refused() -> None:
    site, cursor = Site(bears=10**6), sized(WANTED, 6)
    for _ in range(6):
        cursor = dict(ask(site, ASKED, dict, cursor).cursor)
    assert site.asked == [6, 12, 24, 48, 50, 50]


def test_a_beginning_is_never_larger_than_what_is_wanted() -> None:
    assert sized({"first": 3}, 6)["sizes"] == {"first": 3}


def test_what_comes_in_no_size_is_told_by_its_name() -> None:
    with pytest.raises(TooMuch, match=r"pages of acme/web: not even a single one comes.*weighs 3") as raised:
        ask(Site(bears=0), ASKED, dict, sized(WANTED), "pages of acme/web")
    assert isinstance(raised.value, Transient)


@pytest.mark.parametrize("text", ["", "0", "101", "1.5", "-5", "٥", "1e2", "9" * 50])
def test_a_size_of_pages_is_a_number_from_1_to_100(text: str) -> None:
    with pytest.raises(Permanent, match="batch_size is"):
        checked_batch_size(text)
    assert (checked_batch_size("1"), checked_batch_size("100")) == (1, 100)
