"""The four ways to a site, against the sandbox: what is seen through each is the same."""

from collections.abc import Callable, Iterator

import orjson
import pytest

from integrations.provider import Connection, PlanContext, RawAnswer
from integrations.providers.jira.provider import JiraProvider
from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec

jira = JiraProvider()
SITE = Site(SiteSpec(issues=20, seed=3))
KEYS = sorted(project.key for project in SITE.spec.projects)

Connect = Callable[[SandboxServer], Connection]


def _connection(server: SandboxServer, url: str, email: str, token: str) -> Connection:
    return Connection(1, "Sandbox", {"base_url": url, "email": email}, {"api_token": token})


WAYS: dict[str, tuple[str, Connect]] = {
    "Cloud by API token": ("Cloud", lambda server: _connection(server, server.url, server.email, server.token)),
    "Cloud by OAuth": ("Cloud", lambda server: _connection(server, server.gateway_url, "", server.bearer)),
    "Data Center by password": ("Server", lambda server: _connection(server, server.url, server.email, server.token)),
    "Data Center by its token": ("Server", lambda server: _connection(server, server.url, "", server.bearer)),
}


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[tuple[SandboxServer, Connection]]:
    deployment, connect = WAYS[request.param]
    with SandboxServer(SITE, deployment=deployment) as server:
        yield server, connect(server)


@pytest.fixture
def server(way: tuple[SandboxServer, Connection]) -> SandboxServer:
    way[0].faults = Faults()
    return way[0]


@pytest.fixture
def connection(server: SandboxServer, way: tuple[SandboxServer, Connection]) -> Connection:
    return way[1]


def test_the_check_finds_all_well(server: SandboxServer, connection: Connection) -> None:
    report = jira.check_connection(connection)
    assert report.problems == []
    assert sorted(project.key for project in report.projects) == KEYS
    assert report.deployment.startswith(server.deployment)
    assert report.account.endswith(")")


def test_the_projects_and_their_types_are_read(connection: Connection) -> None:
    (partition,) = jira.plan("jira_projects_and_issue_types", connection, PlanContext())
    answer = jira.fetch("jira_projects_and_issue_types", connection, partition)
    batch = jira.normalise(
        RawAnswer(answer.entity_type, answer.external_id, orjson.loads(answer.body), answer.metadata)
    )
    assert (batch.quarantined, answer.next_cursor, answer.warning) == ([], None, "")
    assert sorted(project.key for project in batch.projects) == KEYS
    pairs = {(pair.project_id, wit_id) for pair in batch.project_wits for wit_id in pair.wit_ids}
    assert pairs == {(project.id, kind.id) for project in SITE.spec.projects for kind in project.types}
    assert {wit.external_id for wit in batch.wits} == {wit_id for _, wit_id in pairs}


def test_missing_permissions_are_told(server: SandboxServer, connection: Connection) -> None:
    server.faults = Faults(lacking=("VIEW_DEV_TOOLS",), forbidden_projects=(KEYS[0],))
    problems = jira.check_connection(connection).problems
    assert problems[0].startswith(f'permission BROWSE_PROJECTS ("Browse Projects") is missing in {KEYS[0]}')
    assert problems[1].startswith('permission VIEW_DEV_TOOLS ("View Development Tools") is missing in all projects')


def test_wrong_credentials_are_told_with_advice(connection: Connection) -> None:
    wrong = Connection(2, "Wrong", connection.settings, {"api_token": "wr0ng"})
    report = jira.check_connection(wrong)
    assert (report.account, list(report.projects)) == ("", [])
    (problem,) = report.problems
    assert problem.startswith("the credentials are refused: ")
    assert "check " in problem
    assert "wr0ng" not in problem


def test_a_wrong_base_search_is_told_in_the_words_of_the_site(connection: Connection) -> None:
    wrong = Connection(3, "Wrong", {**connection.settings, "base_search": "colour = red"}, connection.secrets)
    (problem,) = jira.check_connection(wrong).problems
    assert problem.startswith("setting base_search is 'colour = red', which the site does not take as JQL")
    assert "Field 'colour' does not exist" in problem
