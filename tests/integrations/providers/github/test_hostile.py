"""Whatever a site answers: the normaliser may quarantine; it may not crash, and it may not invent."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.github.mentions import MOST_MENTIONS, mentioned_keys
from integrations.providers.github.normalise import (
    PULL_REQUEST_REST,
    PULL_REQUESTS,
    PULL_REQUESTS_BY_ID,
    REPOSITORIES,
    REPOSITORIES_REST,
    REPOSITORY,
    WEBHOOKS,
    digests,
    normalise,
)
from integrations.records import Batch

from .samples import (
    HOME,
    ROBOT,
    code_comment,
    comment,
    commit,
    listed,
    oid,
    page,
    pull,
    pull_id,
    rest,
    rest_of_thread,
    review,
    thread,
)

texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.sampled_from(["", "{}", "\0", "\ud83d", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z", "٣", "1" * 30]),
)
huge = st.sampled_from([2**63, -(2**63), 10**30, 10**400])
leaves = st.one_of(st.none(), st.booleans(), st.integers(), huge, st.floats(), texts)
names = texts | st.sampled_from(["id", "databaseId", "nodes", "commit", "login", "pageInfo", "comments"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)

PULL = pull(
    2,
    state="MERGED",
    mergedAt="2025-03-05T09:00:00Z",
    closedAt="2025-03-05T09:00:00Z",
    mergedBy=ROBOT,
    mergeCommit={"oid": oid(99)},
    labels=listed({"name": "bug"}),
    commits=listed(commit(1), commit(2, author=None), more=True),
    reviews=listed(review(1)),
    comments=listed(comment(1)),
    reviewThreads=listed(thread(1, code_comment(2), more=True)),
    repository=HOME,
)
FOLLOWUPS = [rest(2, "commits", commit(3)), rest_of_thread(2, 1, code_comment(3))]
LISTING = {"data": {"repositoryOwner": {"login": "acme", "repositories": listed(HOME, HOME | {"databaseId": 5})}}}
ANSWERS: list[tuple[str, Any]] = [
    (PULL_REQUESTS, page(PULL).content),
    (PULL_REQUESTS_BY_ID, {"data": {"nodes": [PULL, None]}}),
    *((answer.entity_type, answer.content) for answer in FOLLOWUPS),
    (REPOSITORIES, LISTING),
    (REPOSITORIES_REST, LISTING),
    (REPOSITORY, {"data": {"repository": HOME}}),
    (REPOSITORY, {"data": {"repository": None}, "errors": [{"type": "NOT_FOUND"}]}),
    (WEBHOOKS, {"action": "closed", "pull_request": {"id": 7}}),
]
METADATA = {"owner": "acme", "full_name": "acme/web", "pull_request": pull_id(2)}
# As deep as the list that a page or an owner has: all above is the answer as a whole.
TOP = ("data", "nodes", "node", "repository", "repositoryOwner", "pullRequests", "repositories", *HOME, "name")


def raw(entity_type: str, content: Any) -> RawAnswer:
    return RawAnswer(entity_type, "repository:1:page:1", content, METADATA)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside, so that each can be replaced."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield (*path, name)
        yield from places(inner, (*path, name))


def damaged(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with one value replaced, or taken out where the new one is ``...``."""
    whole = copy.deepcopy(whole)
    holder = whole
    for name in path[:-1]:
        holder = holder[name]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return whole


def said_in(value: Any) -> set[str]:
    """All texts and numbers anywhere in a value, as text. Walks with a stack: values may be deep."""
    found, waiting = set[str](), [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            waiting.extend(inner.values())
        elif isinstance(inner, list):
            waiting.extend(inner)
        elif isinstance(inner, str | int):
            found.add(str(inner))
    return found


def told_by(record: Any) -> Iterator[str]:
    """All texts and numbers that a record has, and the records in it."""
    waiting = [record]
    while waiting:
        value = waiting.pop()
        if is_dataclass(value) and not isinstance(value, type):
            waiting.extend(getattr(value, kind.name) for kind in fields(value) if kind.name != "mentioned_keys")
        elif isinstance(value, tuple):
            waiting.extend(value)
        elif isinstance(value, datetime):
            assert value.tzinfo is UTC
        elif isinstance(value, str) or (type(value) is int and value):
            yield str(value)


def assert_nothing_invented(batch: Batch, *said: Any) -> None:
    """Every text and every number of every record stands in what was said."""
    known = said_in(list(said))
    # What we make of them: comments on code have an r before their numbers, bots no suffix, names an end.
    known |= {"", *(f"r{text}" for text in known), *(text.removesuffix("[bot]") for text in known)}
    known |= {text[:255] for text in known}
    named = [
        getattr(batch, kind.name) for kind in fields(batch) if kind.name not in ("gone_repositories", "quarantined")
    ]
    assert {told for records in named for record in records for told in told_by(record)} <= known
    assert set(batch.gone_repositories) <= {METADATA["full_name"]}
    for lost in batch.quarantined:
        assert lost.path in lost.reason
        assert len(lost.reason) < 2000
    for record in batch.pull_requests:
        texts = (record.title, record.head, *(found.message for found in record.commits))
        assert record.mentioned_keys == mentioned_keys(record.title, record.head, texts[2:])
        assert all(key.casefold() in "\n".join(texts).casefold() for key in record.mentioned_keys)


PULL_PLACES = sorted(places(PULL), key=str)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PULL_PLACES), values | st.just(...), values)
def test_one_damaged_value_costs_at_most_its_own_pull_request(path: tuple[Any, ...], value: Any, extra: Any) -> None:
    broken = damaged(PULL, path, value)
    batch = normalise(page(pull(1), broken, extra, pull(3)), FOLLOWUPS)
    assert {1, 3} <= {record.number for record in batch.pull_requests}
    whole = [lost for lost in batch.quarantined if lost.table == "prs"]
    assert len(batch.pull_requests) + len(whole) == 4 - (extra is None) - (broken is None)
    places_told = tuple(f"data.repository.pullRequests.nodes[{place}]" for place in (1, 2))
    assert all(lost.path.startswith(places_told) for lost in batch.quarantined)
    assert_nothing_invented(batch, page(pull(1), broken, extra, pull(3)).content, *[one.content for one in FOLLOWUPS])
    for record in (record for record in batch.pull_requests if record.external_id == pull_id(2)):
        parts = len(record.commits) + len(record.reviews) + len(record.comments)
        assert parts <= 7


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_any_damage_to_any_answer_is_survived_and_nothing_is_invented(data: st.DataObject) -> None:
    entity_type, whole = data.draw(st.sampled_from(ANSWERS))
    path = data.draw(st.sampled_from(sorted(places(whole), key=str)))
    content = damaged(whole, path, data.draw(values | st.just(...)))
    followups = FOLLOWUPS if entity_type in (PULL_REQUESTS, PULL_REQUESTS_BY_ID) else []
    try:
        batch = normalise(raw(entity_type, content), followups)
        assert all(map(str, digests(raw(entity_type, content)).values()))
    except Permanent:
        top = [name for name in path if name not in ("defaultBranchRef",)]
        assert set(top) <= set(TOP), "only what is not in a list of records may fail the whole answer"
    else:
        assert_nothing_invented(batch, content, METADATA, *[one.content for one in followups])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_followup_costs_at_most_the_pull_request_that_it_completes(data: st.DataObject) -> None:
    followups = copy.deepcopy(FOLLOWUPS)
    place = data.draw(st.sampled_from([0, 1]))
    found = followups[place]
    inside = [path for path in sorted(places(found.content), key=str) if len(path) > 2]
    content = damaged(found.content, data.draw(st.sampled_from(inside)), data.draw(values | st.just(...)))
    followups[place] = RawAnswer(PULL_REQUEST_REST, found.external_id, content, found.metadata)
    batch = normalise(page(pull(1), PULL, pull(3)), data.draw(st.permutations(followups)))
    assert {1, 3} <= {record.number for record in batch.pull_requests}
    assert {lost.external_id.partition(":")[0] for lost in batch.quarantined} <= {pull_id(2)}
    assert_nothing_invented(batch, page(pull(1), PULL, pull(3)).content, *[one.content for one in followups])


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted({entity_type for entity_type, _ in ANSWERS})), values)
def test_any_json_at_all_is_read_or_refused(entity_type: str, content: Any) -> None:
    for wrapped in (content, {"data": content}, {"data": {"nodes": content, "node": content, "repository": content}}):
        with suppress(Permanent):
            assert_nothing_invented(normalise(raw(entity_type, wrapped)), wrapped, METADATA)
        with suppress(Permanent):
            assert all(map(str, digests(raw(entity_type, wrapped)).values()))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), texts.filter(bool)), min_size=1, max_size=6), st.randoms())
def test_of_all_versions_of_a_pull_request_the_newest_is_read_in_any_order(versions: Any, random: Any) -> None:
    pulls = [pull(2, title=text, updatedAt=f"2025-03-05T09:00:0{at}Z") for at, text in versions]
    random.shuffle(pulls)
    (found,) = normalise(page(pull(1), *pulls)).pull_requests[1:]
    newest = max(at for at, _ in versions)
    assert found.title in {text for at, text in versions if at == newest}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=12), st.lists(st.integers(0, 12), max_size=3), st.randoms())
def test_however_a_list_is_cut_and_overlaps_it_is_the_same(numbers: Any, cuts: Any, random: Any) -> None:
    whole = normalise(page(pull(1, commits=listed(*map(commit, numbers)))))
    edges = sorted({0, *(cut for cut in cuts if cut < len(numbers)), len(numbers)})
    # Each slice begins with what the one before ended with.
    slices = [numbers[max(start - 1, 0) : end] for start, end in pairwise(edges)] or [[]]
    first, *others = [[commit(number) for number in some] for some in slices]
    last = len(others) - 1
    followups = [rest(1, "commits", *some, more=place < last) for place, some in enumerate(others)]
    random.shuffle(followups)
    cut = normalise(page(pull(1, commits=listed(*first, more=bool(others)))), followups)
    assert cut == whole
    assert {found.sha for found in cut.pull_requests[0].commits} == set(map(oid, numbers))


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.sampled_from("AaPY_-12 0é/.\n\ud83d"), max_size=40), st.text(st.sampled_from("AaPY_-12/"), max_size=40)
)
def test_keys_are_words_of_the_texts_and_each_is_there_once(title: str, branch: str) -> None:
    found = mentioned_keys(title, branch, [title])
    assert len(set(found)) == len(found) <= MOST_MENTIONS
    for key in found:
        project, _, number = key.rpartition("-")
        assert key in title.upper() or key in branch.upper()
        assert project[0].isalpha()
        assert len(project) > 1
        assert key == key.upper()
        assert str(int(number)) == number


def test_values_nested_as_deeply_as_a_parser_allows_are_refused_where_they_stand() -> None:
    deep: Any = ["bottom"]
    for _ in range(1000):
        deep = [deep]
    for value in (deep, {"nodes": deep}, 10**5000):
        for path in PULL_PLACES:
            batch = normalise(page(pull(1), damaged(PULL, path, value), pull(3)), FOLLOWUPS)
            assert {1, 3} <= {record.number for record in batch.pull_requests}
    assert digests(page(PULL | {"title": deep})).keys() == {pull_id(2)}
