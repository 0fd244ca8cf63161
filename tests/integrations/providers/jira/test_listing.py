"""The cheap listing: its calls against the sandbox, and its lines."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from integrations.errors import Permanent
from integrations.provider import PlanContext, RawAnswer
from integrations.providers.jira.normalise import LISTING, normalise
from integrations.records import Batch
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec
from integrations.sandbox.jira.catalog import PROJECTS
from tests.integrations.providers.jira.extraction import LISTING_STEP, NOW, connect, jira, projects_of, run
from tests.integrations.providers.jira.samples import issue


@pytest.fixture(params=["Cloud", "Server"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    site = Site(SiteSpec(issues=150, seed=5, projects=PROJECTS[:2]), clock=lambda: NOW)
    with SandboxServer(site, deployment=request.param) as running:
        yield running


def test_every_issue_is_listed_as_it_is_with_few_fields(server: SandboxServer) -> None:
    server.faults = Faults(short_share=0.3)
    read = run(LISTING_STEP, connect(server), PlanContext(projects_of(server)))
    listed = {item.external_id: item for _, batch in read for item in batch.listed}
    assert listed.keys() == {str(entry.id) for entry in server.site.entries}
    for entry in server.site.entries:
        line = listed[str(entry.id)]
        assert (line.key, line.project_id) == (entry.key, entry.project.id)
        assert line.status_id == server.site.issue(entry).fields["status"]["id"]
        assert round(line.updated.timestamp() * 1000) == entry.updated
    for answer, batch in read:
        assert answer.entity_type == "jira_issue_listing"
        assert not batch.work_items
        for found in orjson.loads(answer.body)["issues"]:
            assert "changelog" not in found
            assert found["fields"].keys() <= {"updated", "status", "project", "issuetype"}


def test_a_listing_has_the_scope_of_a_sync(server: SandboxServer) -> None:
    connection = connect(server, start_date="2025-09-01", exclude_projects=PROJECTS[0].key)
    partitions = jira.plan(LISTING_STEP, connection, PlanContext(projects_of(server)))
    assert [(part.key, part.scope) for part in partitions] == [(f"listing:project:{PROJECTS[1].id}", "")]
    read = run(LISTING_STEP, connection, PlanContext(projects_of(server)))
    listed = {item.updated.date().isoformat() for _, batch in read for item in batch.listed}
    assert listed
    assert min(listed) >= "2025-09-01"


def lines(*issues: Any) -> Batch:
    return normalise(RawAnswer(LISTING, "listing:project:20001:page:1", {"issues": list(issues)}))


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ("gone", "issues[1]"),
        ({"id": "9", "key": "ORB-9"}, "issues[1].fields"),
        (issue(9, status=None), "issues[1].fields.status"),
        (issue(9, project={"key": "ORB"}), "issues[1].fields.project.id"),
        (issue(9, updated="yesterday"), "issues[1].fields.updated"),
        ({**issue(9), "id": None}, "issues[1].id"),
    ],
)
def test_a_line_that_cannot_be_read_costs_no_other(bad: Any, path: str) -> None:
    batch = lines(issue(1), bad, issue(3))
    assert [line.key for line in batch.listed] == ["ORB-1", "ORB-3"]
    assert [lost.path for lost in batch.quarantined] == [path]


def test_an_answer_that_is_no_listing_is_refused() -> None:
    with pytest.raises(Permanent, match="not an object with an array 'issues'"):
        normalise(RawAnswer(LISTING, "listing:project:20001:page:1", {"values": []}))


def test_a_recorded_page_of_the_step_is_a_listing() -> None:
    assert jira.recognise(LISTING_STEP, {"issues": [issue(1)]})[0] == LISTING
    with pytest.raises(Permanent, match="a page of /search/jql or /search with few fields"):
        jira.recognise(LISTING_STEP, {"values": []})


def test_what_the_jql_of_the_settings_leaves_out_is_listed_as_there(server: SandboxServer) -> None:
    connection = connect(server, base_search="issuetype = Bug", projects=PROJECTS[0].key)
    read = run(LISTING_STEP, connection, PlanContext(projects_of(server)))
    listed, present = (
        {item.external_id for _, batch in read for item in batch.listed if item.only_known is known}
        for known in (False, True)
    )
    entries = [entry for entry in server.site.entries if entry.project.key == PROJECTS[0].key]
    assert present == {str(entry.id) for entry in entries}
    assert listed == {str(entry.id) for entry in entries if entry.type.name == "Bug"}
    assert 0 < len(listed) < len(present)
    assert len({answer.external_id for answer, _ in read}) == len(read)


def test_a_project_that_is_not_visible_any_more_has_an_empty_listing_and_a_warning(server: SandboxServer) -> None:
    context = PlanContext(projects_of(server))
    server.site.remove_project(PROJECTS[0].key)
    read = run(LISTING_STEP, connect(server), context)
    warned = [(answer.warning, batch.is_empty) for answer, batch in read if answer.warning]
    assert warned == [(f"project {PROJECTS[0].key} is not visible to this account any more", True)]
    assert any(batch.listed for _, batch in read)


def test_jql_that_the_site_refuses_is_an_error_and_no_empty_listing(server: SandboxServer) -> None:
    with pytest.raises(Permanent, match="nonsense"):
        run(LISTING_STEP, connect(server, base_search="nonsense = 5"), PlanContext(projects_of(server)))
