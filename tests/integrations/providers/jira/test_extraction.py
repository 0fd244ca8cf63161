"""The real client and provider against the sandbox, over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import pytest

from integrations.errors import Passing, Permanent, RateLimited, StageError
from integrations.provider import Connection, Partition, PlanContext, ProjectRef, RawAnswer
from integrations.providers.jira import client
from integrations.records import Batch
from integrations.sandbox import Damage, Faults, SandboxServer, Site, SiteSpec, empty_site
from tests.integrations.providers.jira.extraction import (
    FIELDS_STEP,
    ISSUES_STEP,
    NOW,
    PROJECTS_STEP,
    STATUSES_STEP,
    connect,
    first,
    first_page,
    jira,
    pages,
    plan_of,
    projects_of,
    run,
    stored,
)
from tests.integrations.providers.jira.scripted import CLOUD, scripted

SEARCH = "/rest/api/3/search/jql"


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    """Cuts histories early, so that most pages need others to complete them."""
    site = Site(SiteSpec(issues=150, seed=11), clock=lambda: NOW)
    with SandboxServer(site, inline_histories=6) as server:
        yield server


@pytest.fixture
def server(running: SandboxServer) -> SandboxServer:
    running.faults = Faults()
    return running


def test_a_whole_site_is_read_right(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "HISTORIES_A_PAGE", 40)
    connection = connect(server)
    context = PlanContext(projects_of(server), batch_size=20)
    assert {project.key for project in context.projects} == {found.key for found in server.site.spec.projects}
    read = run(ISSUES_STEP, connection, context)
    assert len({answer.external_id for answer, _ in read}) == len(read)
    items = {item.external_id: item for _, batch in read for item in batch.work_items}
    assert not [lost for _, batch in read for lost in batch.quarantined]
    assert set(items) == {str(entry.id) for entry in server.site.entries}
    for entry in server.site.entries:
        histories = server.site.issue(entry).histories
        changes = [change for history in histories for change in history.items if change.get("field") == "status"]
        found = items[str(entry.id)]
        assert len(found.changes) == len(changes)
        assert (found.key, found.project_key) == (entry.key, entry.project.key)
        assert round(found.updated.timestamp() * 1000) == entry.updated
    assert sum(len(answer.followups) for answer, _ in read) > 3
    assert server.counts["/rest/api/3/changelog/bulkfetch"] > sum(len(answer.followups) for answer, _ in read)


def test_projects_come_page_by_page(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PROJECTS_A_PAGE", 1)
    projects = server.site.spec.projects
    asked_before = server.counts["/rest/api/3/myself"]
    read = run(PROJECTS_STEP, connect(server, projects=",".join(found.key for found in projects)), PlanContext())
    assert [answer.external_id for answer, _ in read] == [f"projects:{start}" for start in range(len(projects))]
    assert {found.key for _, batch in read for found in batch.projects} == {found.key for found in projects}
    assert all(batch.project_wits[0].wit_ids for _, batch in read)
    assert {answer.warning for answer, _ in read} == {""}
    assert server.counts["/rest/api/3/myself"] == asked_before + 1


def test_statuses_come_for_the_site_and_for_each_project(server: SandboxServer) -> None:
    connection = connect(server)
    read = run(STATUSES_STEP, connection, PlanContext(projects_of(server)))
    assert [answer.external_id for answer, _ in read][:1] == ["statuses"]
    known = {status.external_id for status in read[0][1].statuses}
    relations = [found for _, batch in read for found in batch.project_statuses]
    assert {found.project_id for found in relations} == {found.id for found in server.site.spec.projects}
    assert all(set(found.status_ids) <= known and found.status_ids for found in relations)
    asked = {(answer.metadata["project_id"], answer.metadata["project_key"]) for answer, _ in read[1:]}
    assert asked == {(found.id, found.key) for found in server.site.spec.projects}


def test_fields_come_on_demand(server: SandboxServer) -> None:
    ((_, batch),) = run(FIELDS_STEP, connect(server), PlanContext())
    assert len(batch.custom_fields) >= 30


def test_an_answer_says_where_it_comes_from(server: SandboxServer) -> None:
    answer = first_page(connect(server, batch_size="10"), server)
    project = server.site.spec.projects[0]
    assert answer.external_id == f"project:{project.id}:page:1"
    assert answer.source_time == datetime.fromtimestamp(NOW, UTC)
    assert len(orjson.loads(answer.body)["issues"]) == 10
    # The development field is found by its schema, on whatever page.
    assert "customfield_10016" in orjson.loads(answer.body)["schema"]
    expected = {"method": "POST", "url": SEARCH, "status": 200, "payload_size": len(answer.body), "batch_number": 1}
    assert expected.items() <= answer.metadata.items()
    assert answer.metadata["jql"].startswith(f'project = "{project.key}" ORDER BY')
    assert orjson.loads(orjson.dumps(answer.next_cursor)) == answer.next_cursor


def test_only_what_changed_since_the_watermark_is_read(server: SandboxServer) -> None:
    connection = connect(server)
    entries = sorted(server.site.entries, key=lambda entry: entry.updated)
    watermark = datetime.fromtimestamp(entries[-20].updated / 1000 + 600, UTC)
    projects = projects_of(server)
    context = PlanContext(projects, {f"project:{project.external_id}": watermark for project in projects})
    read = run(ISSUES_STEP, connection, context)
    found = {item.key for _, batch in read for item in batch.work_items}
    assert found == {entry.key for entry in entries[-20:]}
    assert ":since:" in read[0][0].external_id


def test_a_base_search_narrows_the_query_and_a_wrong_one_is_shown(server: SandboxServer) -> None:
    narrow = connect(server, base_search='created >= "2100-01-01"')
    assert orjson.loads(first_page(narrow, server).body)["issues"] == []
    with pytest.raises(Permanent, match=r"Field 'colour' does not exist.*AND \(colour = red\)"):
        first(ISSUES_STEP, connect(server, base_search="colour = red"), server)


def test_projects_in_scope_alone_are_loaded_and_unknown_ones_warned_of(server: SandboxServer) -> None:
    key = server.site.spec.projects[1].key
    connection = connect(server, projects=f"{key.lower()},NOPE")
    ((answer, batch),) = run(PROJECTS_STEP, connection, PlanContext())
    assert [project.key for project in batch.projects] == [key]
    assert answer.warning == "setting projects: NOPE is not visible to this account"


def test_an_empty_site_is_a_warning() -> None:
    with SandboxServer(empty_site()) as server:
        ((answer, batch),) = run(PROJECTS_STEP, connect(server), PlanContext())
    assert answer.warning == "no project is visible to this account"
    assert (batch, answer.next_cursor, answer.metadata["status"]) == (Batch(), None, 404)


def failure(step: str, connection: Connection, server: SandboxServer) -> StageError:
    with pytest.raises(StageError) as caught:
        first(step, connection, server)
    assert server.token not in str(caught.value)
    return caught.value


def test_wrong_credentials_are_permanent(server: SandboxServer) -> None:
    error = failure(PROJECTS_STEP, connect(server, token="wrong"), server)
    assert type(error) is Permanent
    assert "answered 401: Client must be authenticated" in str(error)


def test_a_wrong_base_url_is_named(server: SandboxServer) -> None:
    error = failure(PROJECTS_STEP, connect(server, url=f"{server.url}/wiki"), server)
    assert type(error) is Permanent
    assert "404" in str(error)
    assert "base_url is wrong" in str(error)
    error = failure(PROJECTS_STEP, connect(server, url="jira.example"), server)
    assert str(error).startswith("setting base_url is 'jira.example'")


@pytest.mark.parametrize("step", [PROJECTS_STEP, STATUSES_STEP, ISSUES_STEP, FIELDS_STEP])
def test_a_login_page_is_permanent_at_every_step(server: SandboxServer, step: str) -> None:
    server.faults.html_under = ""
    error = failure(step, connect(server), server)
    assert type(error) is Permanent
    assert "a login page or a proxy answered" in str(error)


@pytest.mark.parametrize("step", [PROJECTS_STEP, STATUSES_STEP, ISSUES_STEP, FIELDS_STEP])
def test_json_that_is_cut_off_is_transient_at_every_step(server: SandboxServer, step: str) -> None:
    server.faults.cut_under = "/rest/api/3/"
    assert "not whole" in str(failure(step, connect(server), server))


def test_limits_and_failures_pass(server: SandboxServer) -> None:
    server.faults.throttle_first, server.faults.retry_after, server.faults.fail_first = 1, 9, 2
    # Settings of its own: a client that knows the site would begin with the count, which may fail.
    connection = connect(server, batch_size="31")
    kinds = [type(failure(ISSUES_STEP, connection, server)) for _ in range(2)]
    assert set(kinds) == {RateLimited, Passing}
    assert first_page(connection, server).entity_type == "jira_issues"


def test_a_forbidden_project_is_permanent(server: SandboxServer) -> None:
    server.faults.forbidden_projects = (server.site.spec.projects[0].key,)
    error = failure(ISSUES_STEP, connect(server), server)
    assert type(error) is Permanent
    assert f"403: You do not have permission to browse the project {server.site.spec.projects[0].key}" in str(error)


def test_a_repeated_token_ends_the_partition_with_an_error(server: SandboxServer) -> None:
    server.faults.repeat_token = True
    connection = connect(server, batch_size="5")
    start = first_page(connection, server)
    assert start.next_cursor is not None
    with pytest.raises(Permanent, match="page 2: the site repeated nextPageToken '"):
        jira.fetch(ISSUES_STEP, connection, Partition("project:1", start.next_cursor))


@pytest.mark.parametrize("damage", list(Damage))
def test_one_bad_issue_loses_no_other(server: SandboxServer, damage: Damage) -> None:
    keys = server.site.keys(server.site.spec.projects[0].key)
    server.faults.issues = {keys[2]: damage}
    connection = connect(server, projects=server.site.spec.projects[0].key, batch_size="100")
    _, (answer, followed) = pages(ISSUES_STEP, connection, plan_of(server, connection))
    # As raw storage does where a database would refuse the text; lone surrogates are beyond orjson.
    content = orjson.loads(answer.body.replace(rb"\ud83d", b"?"))
    page = RawAnswer(answer.entity_type, answer.external_id, content, answer.metadata)
    batch = jira.normalise(page, [stored(part) for part in followed])
    readable = damage in (Damage.HUGE, Damage.NUL, Damage.LONE_SURROGATE, Damage.ESCAPED_BACKSLASH)
    assert len(batch.work_items) == len(keys) - (not readable)
    assert len(batch.quarantined) == (not readable)


@pytest.mark.parametrize(("total", "warning"), [(1, ""), (70, "1 of 70 issues came, and no way to get at the others")])
def test_an_old_search_answer_ends_and_warns_of_what_is_missing(total: int, warning: str) -> None:
    page = {"startAt": 0, "maxResults": 50, "total": total, "issues": [{"id": "1"}]}
    with scripted(CLOUD, {f"POST {SEARCH}": page}) as site:
        connection = site.connection()
        partition = jira.plan(ISSUES_STEP, connection, PlanContext([ProjectRef("1", "OLD")]))[0]
        # The site does not count either, so that pages are asked for at once.
        answer = jira.fetch(ISSUES_STEP, connection, partition)
    assert answer.next_cursor is None
    assert answer.warning.endswith(warning)
    assert bool(answer.warning) == bool(warning)
