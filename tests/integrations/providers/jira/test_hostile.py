"""Whatever a site answers: the normaliser may quarantine; it may not crash, and it may not invent."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.jira.normalise import (
    CHANGELOGS,
    FIELDS,
    ISSUES,
    PROJECT_STATUSES,
    PROJECTS,
    STATUSES,
    normalise,
)
from integrations.providers.jira.provider import JiraProvider
from integrations.records import Batch

from .samples import ADA, KIND, STATUS, history, issue, item, page

texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.sampled_from(["", "{}", "\0", "\ud83d", "9999-12-31T23:59:59.999-1400", "0001-01-01T00:00:00Z", "٣", "²"]),
)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
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
ANSWERS = {
    ISSUES: {"issues": [ISSUE], "isLast": True},
    PROJECTS: {"values": [PROJECT]},
    STATUSES: [STATUS],
    PROJECT_STATUSES: [KIND | {"statuses": [STATUS]}],
    CHANGELOGS: {"issueChangeLogs": [LOG]},
    FIELDS: [FIELD],
}


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


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_to_any_answer_is_survived(data: st.DataObject) -> None:
    entity_type = data.draw(st.sampled_from(sorted(ANSWERS)))
    path = data.draw(st.sampled_from(sorted(places(ANSWERS[entity_type]), key=str)))
    content = damaged(ANSWERS[entity_type], path, data.draw(values | st.just(...)))
    followups = [RawAnswer(CHANGELOGS, "c", damaged(ANSWERS[CHANGELOGS], ("issueChangeLogs", 0), data.draw(values)))]
    try:
        normalise(RawAnswer(entity_type, "project:1:statuses", content), followups if entity_type == ISSUES else ())
    except Permanent:
        assert len(path) == 1, "only a wrong top level may fail the whole answer"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(ANSWERS)), values)
def test_any_json_at_all_is_read_or_refused(entity_type: str, content: Any) -> None:
    with suppress(Permanent):
        assert isinstance(normalise(RawAnswer(entity_type, "x", content, {"project_id": "1"})), Batch)


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
