"""Whatever a site answers: the normaliser may quarantine; it may not crash, and it may not invent."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.jira.normalise import (
    CHANGELOGS,
    FIELDS,
    ISSUE_COUNTS,
    ISSUES,
    ISSUES_BY_ID,
    PROJECT_STATUSES,
    PROJECTS,
    STATUSES,
    WEBHOOKS,
    digests,
    normalise,
)
from integrations.providers.jira.provider import JiraProvider
from integrations.records import Batch

from .samples import ADA, KIND, STATUS, history, issue, item, page

texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.sampled_from(["", "{}", "\0", "\ud83d", "9999-12-31T23:59:59.999-1400", "0001-01-01T00:00:00Z", "٣", "²"]),
)
huge = st.sampled_from([2**63, -(2**63), 10**30, 10**400])
leaves = st.one_of(st.none(), st.booleans(), st.integers(), huge, st.floats(), texts)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.just("id"), inner, max_size=3),
    max_leaves=8,
)

ISSUE = issue(
    5,
    [history("2", "2025-03-02T10:00:00.000+0000", item("1", "2")), history("1", 5, item(None, "1"), {"field": "x"})],
    description={"type": "doc", "content": [{"type": "mention", "attrs": {"text": "@x"}}]},
    parent={"id": "1", "key": "ORB-1"},
    priority={"name": "High"},
    reporter=ADA,
    labels=["a"],
    duedate="2025-03-02",
    customfield_1=[{"id": "1"}],
)
PROJECT = {"id": "1", "key": "ORB", "name": "Orbit", "lead": ADA, "issueTypes": [KIND]}
LOG = {"issueId": "50005", "changeHistories": [history("3", 7, item("2", "3"))]}
FIELD = {"id": "customfield_1", "name": "x", "custom": True, "schema": {"type": "string"}}
SPRINT = "com.atlassian.greenhopper.service.sprint.Sprint@1[id=1,name=One,goal=<null>]"
OF_DATA_CENTER = issue(
    6,
    [history("7", "2025-03-02T10:00:00.000+0000", {"field": "status", "fieldtype": "jira", "from": "1", "to": "2"})],
    description="h1. Title",
    reporter={"name": "ada", "key": "JIRAUSER1", "displayName": "Ada"},
    customfield_1=[SPRINT],
    customfield_2={"value": "A", "child": {"value": "B"}},
)
BY_ID = {"issues": [ISSUE], "issueErrors": [{"id": "50006", "errorMessage": "Issue does not exist"}]}
SCOPED = STATUS | {"id": "77", "scope": {"type": "PROJECT", "project": {"id": "1"}}}
ANSWERS: list[tuple[str, Any]] = [
    (ISSUES, {"issues": [ISSUE], "isLast": True}),
    (ISSUES, {"issues": [OF_DATA_CENTER], "startAt": 0, "maxResults": 50, "total": 1, "names": {"a": "b"}}),
    (ISSUES_BY_ID, BY_ID),
    (PROJECTS, {"values": [PROJECT]}),
    (PROJECTS, [PROJECT, PROJECT | {"id": "2", "archived": True}]),
    (STATUSES, [STATUS, SCOPED]),
    (PROJECT_STATUSES, [KIND | {"statuses": [STATUS, SCOPED]}]),
    (CHANGELOGS, {"issueChangeLogs": [LOG]}),
    (CHANGELOGS, {"values": LOG["changeHistories"], "total": 1, "isLast": True}),
    (CHANGELOGS, {"id": "50005", "changelog": {"total": 1, "histories": LOG["changeHistories"]}}),
    (FIELDS, [FIELD]),
    (ISSUE_COUNTS, {"count": 3}),
    (WEBHOOKS, {"webhookEvent": "jira:issue_updated", "issue": OF_DATA_CENTER}),
]
ASKED = ("50005", "50006", "50007")
METADATA = {"project_id": "1", "issue_id": "50005", "issue_ids": list(ASKED)}


def raw(entity_type: str, content: Any) -> RawAnswer:
    return RawAnswer(entity_type, "project:1:statuses", content, METADATA)


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


def ids_in(value: Any) -> set[str]:
    """All that could be an id, anywhere in a value: keys are none. Walks with a stack: values may be deep."""
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


def ids_of(record: Any) -> Iterator[str]:
    """All ids that a record has, and the records in it."""
    for name in (field.name for field in fields(record)):
        value = getattr(record, name)
        if value is not None and (name in ("external_id", "key", "account_id") or name.endswith("_id")):
            yield value
        yield from value if name.endswith("_ids") else ()
        for inner in value if isinstance(value, tuple) else (value,):
            if is_dataclass(inner):
                yield from ids_of(inner)


def assert_nothing_invented(batch: Batch, *said: Any) -> None:
    """Every id of every record stands in what was said."""
    known = ids_in(list(said))
    named = [getattr(batch, kind.name) for kind in fields(batch) if kind.name not in ("gone", "quarantined")]
    assert {found for records in named for record in records for found in ids_of(record)} <= known
    assert set(batch.gone) <= set(ASKED)
    assert not set(batch.gone) & {record.external_id for record in batch.work_items}
    for lost in batch.quarantined:
        assert lost.external_id in {"", *known}
        assert lost.path in lost.reason


ISSUE_PLACES = sorted(places(ISSUE), key=str)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ISSUE_PLACES), values | st.just(...)), min_size=1, max_size=1), values)
def test_one_damaged_value_costs_at_most_its_own_issue(damages: list[tuple[Any, Any]], extra: Any) -> None:
    ((path, value),) = damages
    broken = damaged(ISSUE, path, value)
    batch = normalise(page(issue(1), broken, extra, issue(3)))
    assert len(batch.work_items) + len(batch.quarantined) == 4
    assert {"ORB-1", "ORB-3"} <= {record.key for record in batch.work_items}
    for lost in batch.quarantined:
        assert lost.path.startswith(("issues[1]", "issues[2]"))
        assert lost.path in lost.reason
    for record in batch.work_items:
        assert record.created.tzinfo is UTC is record.updated.tzinfo
        assert record.key in ("ORB-1", "ORB-3", broken.get("key"), str(broken.get("key")))
    for record in (record for record in batch.work_items if record.key == "ORB-5"):
        assert record.summary in ("", broken["fields"].get("summary"))
        assert all(record.custom[name] is broken["fields"][name] for name in record.custom)
        assert len(record.changes) <= 2


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_damage_to_any_answer_is_survived_and_nothing_is_invented(data: st.DataObject) -> None:
    entity_type, whole = data.draw(st.sampled_from(ANSWERS))
    path = data.draw(st.sampled_from(sorted(places(whole), key=str)))
    content = damaged(whole, path, data.draw(values | st.just(...)))
    log = data.draw(values | st.just(LOG))
    followups = [raw(CHANGELOGS, {"issueChangeLogs": [log]})] if entity_type in (ISSUES, ISSUES_BY_ID) else []
    try:
        batch = normalise(raw(entity_type, content), followups)
        digests(raw(entity_type, content))
    except Permanent:
        assert len(path) == 1, "only a wrong top level may fail the whole answer"
    else:
        assert_nothing_invented(batch, content, log, METADATA)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_followup_costs_at_most_the_issue_that_it_completes(data: st.DataObject) -> None:
    _, whole = data.draw(st.sampled_from([answer for answer in ANSWERS if answer[0] == CHANGELOGS]))
    path = data.draw(st.sampled_from([path for path in sorted(places(whole), key=str) if len(path) > 1]))
    content = damaged(whole, path, data.draw(values | st.just(...)))
    batch = normalise(page(issue(1), ISSUE, issue(3)), [raw(CHANGELOGS, content)])
    assert {"ORB-1", "ORB-3"} <= {record.key for record in batch.work_items}
    assert [lost.external_id for lost in batch.quarantined] in ([], ["50005"])
    assert_nothing_invented(batch, ISSUE, content, issue(1), issue(3))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(JiraProvider().entity_types())), values)
def test_any_json_at_all_is_read_or_refused(entity_type: str, content: Any) -> None:
    with suppress(Permanent):
        batch = normalise(raw(entity_type, content))
        batch.item_links.clear()  # Its links have ids that are composed: they are tested where they are read.
        assert_nothing_invented(batch, content, METADATA)
    with suppress(Permanent):
        assert all(map(str, digests(raw(entity_type, content)).values()))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), texts.filter(bool)), min_size=1, max_size=6), st.randoms())
def test_of_all_versions_of_an_issue_the_newest_is_read_in_any_order(versions: Any, random: Any) -> None:
    issues = [issue(4, summary=text, updated=1_740_909_600_000 + at) for at, text in versions]
    random.shuffle(issues)
    (found,) = normalise(page(issue(1), *issues)).work_items[1:]
    newest = max(at for at, _ in versions)
    assert found.summary in {text for at, text in versions if at == newest}


def test_values_nested_as_deeply_as_a_parser_allows_are_read() -> None:
    document: Any = {"type": "text", "text": "bottom"}
    listed: Any = ["bottom"]
    for _ in range(1000):
        document, listed = {"type": "panel", "content": [document]}, [listed]
    whole = issue(5, description=document, customfield_1=listed)
    assert digests(page(whole)).keys() == {"50005"}
    (found,) = normalise(page(whole)).work_items
    assert (found.description, found.custom) == ("bottom", {"customfield_1": listed})
    for path in ISSUE_PLACES:
        batch = normalise(page(issue(1), damaged(ISSUE, path, listed), damaged(ISSUE, path, 10**5000), issue(3)))
        assert {"ORB-1", "ORB-3"} <= {record.key for record in batch.work_items}


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([step.name for step in JiraProvider.steps]),
    values | st.lists(st.fixed_dictionaries({"statuses": values})),
)
def test_any_json_at_all_is_recognised_or_refused(step: str, content: Any) -> None:
    try:
        entity_type, external_id = JiraProvider().recognise(step, content)
    except Permanent:
        return
    assert JiraProvider().entity_types()[entity_type] == step
    assert 0 < len(external_id) <= 255
