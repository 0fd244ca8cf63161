"""Keys that work items had, from histories and from answers of different ages."""

from itertools import permutations

import pytest

from etl.models import WorkItem
from etl.sql import fetch
from integrations.records import WorkItemRecord
from tests.support.loading import Loading
from tests.support.records import issue, items

pytestmark = pytest.mark.django_db


def kept(item: str = "1") -> list[str]:
    found: list[str] = WorkItem.objects.get(external_id=item).former_keys
    return found


def test_an_item_that_never_had_another_key_keeps_none(listed: Loading) -> None:
    listed.load(items(issue("1")))
    listed.load(items(issue("1", version=1)))

    assert kept() == []


def test_all_keys_that_an_item_had_are_kept_whatever_answer_comes_first(listed: Loading) -> None:
    versions = [("OLD-9", ()), ("MID-3", ("OLD-9",)), ("NEW-1", ("OLD-1", "OLD-9"))]
    for number, order in enumerate(permutations(range(len(versions)))):
        item = str(100 + number)
        sources = [listed.source() for _ in versions]
        for place in order:
            key, former = versions[place]
            listed.load(items(issue(item, version=place, key=key, former_keys=former)), sources[place])
        assert kept(item) == ["MID-3", "NEW-1", "OLD-1", "OLD-9"]
        assert WorkItem.objects.get(external_id=item).key == "NEW-1"


def test_of_two_versions_in_one_answer_both_keys_are_kept(listed: Loading) -> None:
    listed.load(items(issue("1", version=1, key="NEW-1"), issue("1")))

    assert kept() == ["ABC-1", "NEW-1"]


def test_the_same_answers_loaded_again_write_nothing(listed: Loading) -> None:
    records: list[WorkItemRecord] = [issue("1"), issue("1", version=1, key="NEW-1", former_keys=("ABC-1", "X-2"))]
    sources = [listed.source(), listed.source()]

    def load() -> list[tuple[object, ...]]:
        for record, source in zip(records, sources, strict=True):
            listed.load(items(record), source)
        return fetch("SELECT id, xmin::text FROM work_items", [])

    assert load() == load()
