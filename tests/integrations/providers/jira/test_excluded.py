"""Fields that are never to be stored."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import Permanent
from integrations.http import Response
from integrations.provider import Connection
from integrations.providers.jira.client import client_for
from integrations.providers.jira.excluded import NECESSARY, asked_fields, checked_excluded_fields, without
from integrations.providers.jira.provider import JiraProvider
from integrations.sandbox import SandboxServer, Site, SiteSpec
from integrations.sandbox.jira.catalog import PROJECTS
from tests.integrations.providers.jira.extraction import (
    ISSUES_STEP,
    NOW,
    connect,
    ids,
    jira,
    normalised,
    pages,
    plan_of,
    stored,
)

SECRET = "the recipe of the sauce"
Json = dict[str, Any]


def dropped(content: Any, *excluded: str, names: tuple[str, ...] = ()) -> tuple[Any, tuple[str, ...]]:
    """(what would be stored, ids that were dropped)."""
    body = orjson.dumps(content)
    response, found = without(Response("GET /x", 200, {}, body, None), content, excluded, names)
    assert (response.body == body) == (not found)
    return orjson.loads(response.body), found


def secret_item(**more: Any) -> Json:
    return {"field": "description", "fieldtype": "jira", "fromString": SECRET, "toString": SECRET, **more}


def test_a_field_goes_with_its_history_its_name_and_its_schema() -> None:
    kept = {"field": "status", "fieldId": "status", "fieldtype": "jira", "from": "1", "to": "2"}
    page = {
        "issues": [
            {
                "id": "1",
                "fields": {"summary": "Kept", "description": SECRET},
                "renderedFields": {"description": SECRET},
                "changelog": {
                    "total": 1,
                    "histories": [{"id": "7", "items": [secret_item(fieldId="description"), kept]}],
                },
            }
        ],
        "names": {"description": "Description", "summary": "Summary"},
        "schema": {"description": {"type": "string"}},
    }
    found, names = dropped(page, "description")
    assert SECRET not in orjson.dumps(found).decode()
    assert names == ("description",)
    assert found["issues"][0]["fields"] == {"summary": "Kept"}
    assert found["issues"][0]["changelog"] == {"total": 1, "histories": [{"id": "7", "items": [kept]}]}
    assert found["names"] == {"summary": "Summary"}


@pytest.mark.parametrize(
    "holder",
    [
        lambda inner: {"issues": [{"fields": {"parent": inner}}]},
        lambda inner: {"issues": [{"fields": {"subtasks": [inner]}}]},
        lambda inner: {"issues": [{"fields": {"issuelinks": [{"outwardIssue": inner}, {"inwardIssue": inner}, None]}}]},
        lambda inner: {"webhookEvent": "jira:issue_updated", "issue": inner},
        lambda inner: inner,
    ],
)
def test_issues_that_others_carry_along_are_looked_into(holder: Any) -> None:
    found, names = dropped(holder({"id": "2", "fields": {"summary": SECRET, "status": {"id": "1"}}}), "summary")
    assert SECRET not in orjson.dumps(found).decode()
    assert names == ("summary",)


@pytest.mark.parametrize(
    "answer",
    [
        {"issueChangeLogs": [{"issueId": "1", "changeHistories": [{"id": "7", "items": [secret_item()]}]}]},
        {"values": [{"id": "7", "items": [secret_item(fieldId="description")]}], "total": 1},
        {"id": "1", "changelog": {"total": 1, "histories": [{"id": "7", "items": [secret_item()]}]}},
        {"issue": {"id": "1"}, "changelog": {"id": "7", "items": [secret_item()]}},
    ],
)
def test_histories_are_looked_into_in_all_their_shapes(answer: Json) -> None:
    found, _ = dropped(answer, "Description")
    assert SECRET not in orjson.dumps(found).decode()
    assert b'"7"' in orjson.dumps(found)


def test_data_centers_custom_fields_are_known_by_their_names() -> None:
    own = {"field": "Status", "fieldtype": "jira", "toString": "Done"}
    custom = {"field": "Status", "fieldtype": "custom", "toString": SECRET}
    answer = {"changelog": {"histories": [{"items": [own, custom]}]}}
    found, _ = dropped(answer, "customfield_10001", names=("Status",))
    assert found == {"changelog": {"histories": [{"items": [own]}]}}


def test_what_holds_none_of_it_is_kept_as_it_came() -> None:
    body = b'{ "issues": [ {"fields": {"summary": "\\ud83d"}} ] }'
    response = Response("GET /x", 200, {}, body, None)
    assert without(response, {"issues": [{"fields": {"summary": "\ud83d"}}]}, ["description"]) == (response, ())
    assert without(response, {"issues": [{"fields": {"summary": "\ud83d"}}]}, []) == (response, ())


def test_lone_surrogates_survive_a_rewriting() -> None:
    content = {"issues": [{"fields": {"summary": "\ud83d", "description": SECRET}}]}
    response, _ = without(Response("GET /x", 200, {}, b"", None), content, ["description"])
    assert response.body == b'{"issues": [{"fields": {"summary": "\\ud83d"}}]}'


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deeply_nested_issues_are_no_danger(depth: int) -> None:
    content: Any = {"fields": {"description": SECRET}}
    for _ in range(depth):
        content = {"fields": {"parent": content}}
    response = Response("GET /x", 200, {}, b"", None)
    if depth == 100:
        assert SECRET.encode() not in without(response, content, ["description"])[0].body
        return
    with pytest.raises(Permanent, match="nested too deeply"):
        without(response, content, ["description"])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["description", SECRET]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["issues", "fields", "changelog", "histories", "items", "field", "fieldId", "parent", "names", "values"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(VALUES)
def test_no_shape_makes_it_stumble(content: Any) -> None:
    without(Response("GET /x", 200, {}, b"", None), content, ["description"], ["Sauce"])


def connection(excluded: str) -> Connection:
    settings = {"base_url": "https://acme.example", "email": "me@acme.example", "exclude_fields": excluded}
    return Connection(1, "Acme", settings, {"api_token": "x"})


@pytest.mark.parametrize("name", [*NECESSARY, "Status"])
def test_a_field_that_pulse_cannot_do_without_is_named(name: str) -> None:
    with pytest.raises(Permanent, match=f"setting exclude_fields names '{name}', without which"):
        JiraProvider().check(connection(f"description, {name}"))


@pytest.mark.parametrize("name", ["Story Points", "-description", "*all", 'a"b'])
def test_what_is_no_id_of_a_field_is_named(name: str) -> None:
    with pytest.raises(Permanent, match=r"setting exclude_fields names .*: expected ids of fields"):
        JiraProvider().check(connection(name))


def test_ids_of_fields_are_taken_in_one_order() -> None:
    JiraProvider().check(connection("summary"))
    assert checked_excluded_fields(connection(" summary, customfield_10016 ,summary,")) == (
        "customfield_10016",
        "summary",
    )
    assert asked_fields(("comment", "summary")) == ("*all", "-comment", "-summary")


@pytest.fixture(params=["Cloud", "Server"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    site = Site(SiteSpec(issues=30, seed=3, projects=PROJECTS[:1]), clock=lambda: NOW)
    with SandboxServer(site, deployment=request.param, inline_histories=5) as running:
        yield running


def test_nothing_of_an_excluded_field_is_stored(server: SandboxServer) -> None:
    points = "customfield_10016"
    connected = connect(server, batch_size="10", exclude_fields=f"description,summary,{points}")
    found = pages(ISSUES_STEP, connected, plan_of(server, connected))
    told = [stored(answer) for page, followed in found for answer in (page, *followed)]
    name = next(entry["name"] for entry in orjson.loads(fields_of(server)) if entry["id"] == points)
    for answer in told:
        for item in items_in(answer.content):
            assert item["field"] not in ("description", "summary", name)
            assert item.get("fieldId") not in ("description", "summary", points)
        for issue in answer.content.get("issues") or ():
            assert not {"description", "summary", points} & issue["fields"].keys()
            assert "summary" not in ((issue["fields"].get("parent") or {}).get("fields") or {})
    # The hashes are of what is stored, and not of what was dropped.
    assert all(jira.digests(stored(answer)) == answer.digests for answer, _ in found)
    # There was something to drop, and the rest is whole.
    assert any("dropped_fields" in answer.metadata for answer in told)
    read = normalised(found)
    assert set(ids(read)) == {str(entry.id) for entry in server.site.entries}
    assert {record.summary for _, batch in read for record in batch.work_items} == {""}
    assert not [lost for _, batch in read for lost in batch.quarantined]
    assert any(record.changes for _, batch in read for record in batch.work_items)


def fields_of(server: SandboxServer) -> bytes:
    return client_for(connect(server)).fields().body


def items_in(content: Any) -> Iterator[Json]:
    """Every item of every history, wherever it stands."""
    if type(content) is list:
        for part in content:
            yield from items_in(part)
    elif type(content) is dict:
        if "fieldtype" in content:
            yield content
        for part in content.values():
            yield from items_in(part)
