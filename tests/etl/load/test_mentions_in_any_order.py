"""Answers about a work item, a pull request and their links, in each order that they may be loaded in."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from etl.models import WorkItemPrLink
from integrations.records import Batch
from tests.etl.load.test_mentions import Answer, developed, mentioning, overview, pulls
from tests.support.loading import Loading
from tests.support.records import issue, items

pytestmark = pytest.mark.django_db

Step = tuple[str, dict[str, Any]]

ITEM: Step = ("item", {})
MENTIONED: Step = ("pull", {"keys": ("{item}",)})
PRESENT: Step = ("overview", {"present": True})
ABSENT: Step = ("overview", {"present": False})
LINKED: Step = ("developed", {"linked": True})
UNLINKED: Step = ("developed", {"linked": False})

UNMENTIONED: Step = ("pull", {})
EDITED: Step = ("pull", {"version": 1})
MENTIONS_OTHER: Step = ("pull", {"keys": ("{other}",)})
MOVED: Step = ("item", {"version": 1, "key": "{other}"})
FROM_KEY: Step = ("item", {"former": "{other}"})
FROM_KEY_LATER: Step = ("item", {"version": 1, "former": "{other}"})

SCENARIOS: dict[str, tuple[list[Step], list[str]]] = {
    "mentioned": ([ITEM, MENTIONED], ["mention"]),
    "the source links it too": ([ITEM, MENTIONED, PRESENT, LINKED], ["code"]),
    "the source alone links it": ([ITEM, UNMENTIONED, LINKED], ["code"]),
    "the source's link vanishes": ([ITEM, MENTIONED, LINKED, UNLINKED], ["mention"]),
    "the source has no links any more": ([ITEM, MENTIONED, LINKED, ABSENT], ["mention"]),
    "the source's link comes late": ([ITEM, MENTIONED, UNLINKED, LINKED], ["code"]),
    "the text is edited": ([ITEM, MENTIONED, EDITED], []),
    "the text is edited, and the source still links it": ([ITEM, MENTIONED, LINKED, EDITED], ["code"]),
    "the text is edited to have the key": (
        [ITEM, UNMENTIONED, ("pull", {"version": 1, "keys": ("{item}",)})],
        ["mention"],
    ),
    "the item has another key by now": ([ITEM, MENTIONED, MOVED], ["mention"]),
    "the item had the key before it was first read": ([FROM_KEY, MENTIONS_OTHER], ["mention"]),
    "the history tells later that the item had the key": ([ITEM, MENTIONS_OTHER, FROM_KEY_LATER], ["mention"]),
    "the item had the key and was deleted": ([FROM_KEY, MENTIONS_OTHER, ("gone", {})], []),
    "the item moves to the key": ([ITEM, MENTIONS_OTHER, MOVED], ["mention"]),
    "the item is deleted": ([ITEM, MENTIONED, ("gone", {})], []),
    "the item comes back": ([ITEM, MENTIONED, ("gone", {}), ("item", {"version": 1})], ["mention"]),
    "the item leaves the scope while the source links it": ([ITEM, MENTIONED, LINKED, ("left", {})], ["code"]),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_answers_in_any_order_leave_the_same_links(listed: Loading, code: Loading, name: str) -> None:
    steps, expected = SCENARIOS[name]
    ends = set()
    for place, order in enumerate(permutations(range(len(steps)))):
        number = 100 + place
        answers = [_answer(listed, code, number, *step) for step in steps]
        sources = [loading.source() for loading, _ in answers]
        for step in [*order, *_too_early(answers, order)]:
            loading, batch = answers[step]
            loading.load(batch, sources[step])
        rows = WorkItemPrLink.objects.filter(work_item__external_id=str(number)).order_by("source")
        ends.add(tuple((row.source, row.pr is not None, row.pr_number == number) for row in rows))

    assert ends == {tuple((source, True, True) for source in expected)}


def _answer(site: Loading, code: Loading, number: int, kind: str, said: dict[str, Any]) -> Answer:
    """An answer about the work item and the pull request of that number."""
    item = str(number)
    key, other = f"ABC-{item}", f"XYZ-{item}"
    if kind == "item":
        former = tuple(said[name].format(other=other) for name in ("former",) if name in said)
        named = said.get("key", key).format(other=other)
        return site, items(issue(item, version=said.get("version", 0), key=named, former_keys=former))
    if kind == "pull":
        keys = [one.format(item=key, other=other) for one in said.get("keys", ())]
        return code, pulls(mentioning(*keys, number=number, version=said.get("version", 0)))
    if kind == "overview":
        return site, overview(present=said["present"], item=item)
    if kind == "developed":
        return site, developed(*([number] if said["linked"] else []), item=item)
    return site, Batch(gone=[item]) if kind == "gone" else Batch(left=[item])


def _too_early(answers: Sequence[Answer], order: Sequence[int]) -> list[int]:
    """What is said of the links of a work item that is not there waits for it, and is loaded once more."""
    first = next(place for place, step in enumerate(order) if answers[step][1].work_items)
    return [step for step in order[:first] if answers[step][1].item_links or answers[step][1].link_overviews]
