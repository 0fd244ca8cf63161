"""What the connection check tells of accounts, repositories, permissions and settings."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from integrations.errors import RateLimited, Transient
from integrations.models import Integration
from integrations.provider import Connection, ConnectionReport
from integrations.providers.github.client import client_for
from integrations.providers.github.connection_check import check_connection
from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite, GitHubSpec
from integrations.sandbox.github.callers import GitHubApp
from integrations.sandbox.http import Request, Response
from pulse.tenancy.models import Tenant

from .scripted import GRAPHQL, TOKEN, ScriptedSite, refusal, scripted

KEY = GitHubApp().private_key
META, USER = "GET /api/v3/meta", "GET /api/v3/user"
SCOPES = {"x-oauth-scopes": "repo, read:org"}
PERMIT = "(it needs the permissions to read Metadata, Contents and Pull requests)"


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(GitHubSite(GitHubSpec(60, seed=3))) as running:
        yield running


def check(server: GitHubServer, token: str = "", **settings: str) -> ConnectionReport:
    given = settings if {"organization", "repositories"} & settings.keys() else {"organization": "acme", **settings}
    connection = Connection(1, "Sandbox", {"base_url": server.url, **given}, {"token": token or server.token})
    return check_connection(client_for(connection), connection)


def names(report: ConnectionReport) -> list[str]:
    return [project.key for project in report.projects]


def problem(report: ConnectionReport) -> str:
    """The only one."""
    (found,) = report.problems
    return found


def test_the_account_the_site_and_the_repositories_are_told(server: GitHubServer) -> None:
    report = check(server, organization="acme")
    assert report.account == "Pulse (pulse-reader)"
    assert (report.site, report.deployment) == (server.url, server.url.partition("://")[2])
    own = [found for found in server.site.repositories if found.owner.login == "acme"]
    assert {(found.external_id, found.key) for found in report.projects} == {
        (str(found.database_id or found.id), found.name_with_owner) for found in own
    }
    assert report.problems == []


def test_an_enterprise_server_tells_its_version() -> None:
    with GitHubServer(GitHubSite(GitHubSpec(3)), is_enterprise=True) as server:
        report = check(server)
    assert (report.deployment, report.problems) == ("Enterprise Server 3.19.0", [])


def test_all_pages_of_repositories_are_looked_at() -> None:
    with GitHubServer(GitHubSite(GitHubSpec(1, more_repositories=130))) as server:
        report = check(server, repositories="service-1*", organization="acme")
        assert names(report) == [f"acme/service-{number}" for number in range(100, 131)]
        assert report.problems == []


def test_only_the_repositories_that_the_settings_leave_are_told(server: GitHubServer) -> None:
    report = check(server, repositories="ACME/Identity, acme-labs/*", exclude_repositories="acme-labs/P*")
    assert names(report) == ["acme-labs/spikes", "acme/identity"]


def test_what_the_settings_name_and_nobody_sees_is_named_with_its_setting(server: GitHubServer) -> None:
    report = check(
        server,
        organization="acme",
        repositories="identity, acme/nope-*, acme/nope, acme-labs/nope",
        exclude_repositories="*-old",
    )
    assert names(report) == ["acme/identity"]
    first, second = report.problems
    assert first.startswith("setting repositories names acme/nope-*, acme/nope, acme-labs/nope, which is no repository")
    assert second.startswith("setting exclude_repositories names *-old, which is no repository that this account sees")


def test_settings_that_leave_nothing_are_a_problem(server: GitHubServer) -> None:
    said = problem(check(server, organization="acme", exclude_repositories="*"))
    assert said.startswith("the settings leave no visible repository to read")


def test_archived_repositories_alone_are_a_problem(server: GitHubServer) -> None:
    report = check(server, repositories="acme/legacy-billing")
    assert names(report) == ["acme/legacy-billing"]
    assert problem(report) == "all repositories to be read are archived: nothing changes in them any more"


def test_a_repository_that_was_renamed_is_told_under_its_new_name(server: GitHubServer) -> None:
    said = problem(check(server, repositories="acme/admin-console"))
    assert said == "setting repositories names acme/admin-console, which is called acme/console now: write that"


def test_an_owner_that_nobody_sees_is_named(server: GitHubServer) -> None:
    report = check(server, organization="acme, nobody", repositories="acme/identity, nobody/*")
    assert names(report) == ["acme/identity"]
    assert problem(report).startswith("there is no organisation or user 'nobody' that this account sees")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"organization": ""}, "settings organization and repositories are both empty"),
        ({"organization": "acme corp"}, "setting organization is 'acme corp'"),
        ({"organization": "", "repositories": "*-service"}, "setting repositories has '*-service' of no owner"),
    ],
)
def test_settings_that_cannot_be_right_are_told_beside_the_account(
    server: GitHubServer, settings: dict[str, str], said: str
) -> None:
    report = check(server, **settings)
    assert report.account == "Pulse (pulse-reader)"
    assert problem(report).startswith(said)


def test_refused_credentials_are_a_problem(server: GitHubServer) -> None:
    report = check(server, token="ghp_s3cret")
    assert (report.site, report.account, names(report)) == (server.url, "", [])
    said = problem(report)
    assert said.startswith("the credentials are refused: GET /api/v3/user answered 401: Bad credentials")
    assert "check that setting token has neither expired nor been revoked" in said
    assert "s3cret" not in said


def test_single_sign_on_that_was_not_passed_says_what_to_do(server: GitHubServer) -> None:
    server.faults = GitHubFaults(saml=("acme",))
    for settings in ({"organization": "acme"}, {"repositories": "acme/console"}):
        report = check(server, **settings)
        assert names(report) == []
        assert "SAML enforcement" in report.problems[0]
        assert "authorise the token for the organisation's single sign-on" in report.problems[0]
        assert len(report.problems) == 1


def test_a_fine_grained_token_shows_what_it_lacks_when_it_is_used(server: GitHubServer) -> None:
    assert check(server, token=server.fine_grained_token).problems == []
    server.faults = GitHubFaults(lacking=("pull_requests",))
    said = problem(check(server, token=server.fine_grained_token, repositories="acme/identity"))
    assert said == (
        "pull requests of acme/identity cannot be read: Resource not accessible by personal access token " + PERMIT
    )


def test_a_fine_grained_token_is_tried_where_permissions_count(server: GitHubServer) -> None:
    server.faults = GitHubFaults(lacking=("pull_requests",))
    private = {found.name_with_owner for found in server.site.repositories if found.is_private}
    tried = problem(check(server, token=server.fine_grained_token)).partition(" cannot be")[0]
    assert set(tried.removeprefix("pull requests of ").split(", ")) < private


def test_another_organisation_than_the_tokens_is_read_as_far_as_it_is_public(server: GitHubServer) -> None:
    report = check(server, token=server.fine_grained_token, organization="acme-labs")
    assert names(report) == ["acme-labs/spikes"]


def test_a_limit_and_a_failure_are_raised(server: GitHubServer) -> None:
    server.faults = GitHubFaults(throttle_first=1)
    with pytest.raises(RateLimited):
        check(server)
    server.faults = GitHubFaults(fail_first=2)
    with pytest.raises(Transient):
        check(server)


@pytest.fixture
def app(db: None, server: GitHubServer) -> Integration:
    number = server.app.installations[0].number
    return Integration.objects.create(
        tenant=Tenant.objects.create(name="Acme"),
        provider="github",
        name="GitHub",
        settings={
            "base_url": server.url,
            "organization": "acme",
            "app_id": str(server.app.id),
            "installation_id": str(number),
        },
        secrets={"app_private_key": server.app.private_key},
    )


def checked(app: Integration, **settings: str) -> ConnectionReport:
    app.settings |= settings
    app.save()
    return check_connection(client_for(app.connection()), app.connection())


def test_an_app_is_told_by_its_name_and_installation(app: Integration) -> None:
    report = checked(app)
    assert report.account == "App pulse-sandbox, installation 6100000001 of acme"
    assert "acme/console" in names(report)
    assert report.problems == []


def test_permissions_that_an_app_lacks_are_named_once(app: Integration, server: GitHubServer) -> None:
    server.faults = GitHubFaults(lacking=("contents", "pull_requests"))
    said = problem(checked(app))
    assert said.startswith("the App may not read Contents, Pull requests: add it to the App's repository permissions")


def test_an_installation_of_another_owner_is_told(app: Integration) -> None:
    report = checked(app, organization="acme,acme-labs")
    assert "acme-labs/spikes" in names(report)
    assert problem(report).startswith(
        "the App's installation is one of acme: of acme-labs only public repositories are visible"
    )


def test_a_wrong_installation_is_told_with_those_that_there_are(app: Integration) -> None:
    report = checked(app, installation_id="99")
    assert report.account == ""
    assert problem(report).endswith("; it has 6100000001 (acme), 6100000002 (acme-labs)")


def test_a_wrong_app_is_told_with_what_to_check(app: Integration) -> None:
    said = problem(checked(app, app_id="12"))
    assert said.startswith("the credentials are refused: GET /api/v3/")
    assert said.endswith("check that app_private_key is a key of the App app_id 12, and the clock of this machine")


LISTED = {"id": "R_7", "databaseId": 7, "nameWithOwner": "acme/web", "isArchived": False, "isPrivate": True}


def owned(*nodes: Any, **info: Any) -> dict[str, Any]:
    page = {"hasNextPage": False, "endCursor": None, **info}
    return {"data": {"repositoryOwner": {"login": "acme", "repositories": {"pageInfo": page, "nodes": list(nodes)}}}}


@pytest.fixture
def site() -> Iterator[ScriptedSite]:
    """A site on which all is well."""
    user = Response(200, Response.json({"login": "ada", "name": None}).body, headers=SCOPES)

    def graph(request: Request) -> Any:
        is_list = "repositoryOwner" in request.json()["query"]
        return owned(LISTED) if is_list else {"data": {"repository": {"id": "R_7"}}}

    with scripted({META: {}, USER: user, GRAPHQL: graph}) as running:
        yield running


def told(site: ScriptedSite, **settings: str) -> ConnectionReport:
    return check_connection(client_for(site.connection(**settings)), site.connection(**settings))


def test_the_end_of_a_token_is_told_with_its_account(site: ScriptedSite) -> None:
    assert (told(site).account, told(site).problems) == ("no name (ada)", [])
    headers = {**SCOPES, "github-authentication-token-expiration": "2026-12-31 12:00:00 UTC"}
    site.answers[USER] = Response(200, b'{"login": "ada", "name": "Ada"}', headers=headers)
    assert told(site).account == "Ada (ada), token until 2026-12-31 12:00:00 UTC"


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        ("repo, read:org", []),
        ("repo,admin:org,gist", []),
        ("write:org, repo", []),
        ("read:org", ["repo"]),
        ("public_repo, repo:status", ["repo", "read:org"]),
        ("", ["repo", "read:org"]),
    ],
)
def test_scopes_that_a_classic_token_lacks_are_named(site: ScriptedSite, scopes: str, missing: list[str]) -> None:
    site.answers[USER] = Response(200, b'{"login": "ada"}', headers={"x-oauth-scopes": scopes})
    found = told(site).problems
    assert [said.partition(":")[0] for said in found] == [
        f"the token lacks the scope {name}".partition(":")[0] for name in missing
    ]


@pytest.mark.parametrize("token", ["github_pat_11A_x", "ghu_x"])
def test_a_token_with_permissions_has_no_scopes_to_lack(site: ScriptedSite, token: str) -> None:
    site.answers[USER] = Response(200, b'{"login": "ada"}', headers={"x-oauth-scopes": ""})
    connection = replace(site.connection(), secrets={"token": token})
    assert check_connection(client_for(connection), connection).problems == []


def test_what_single_sign_on_leaves_out_is_a_problem(site: ScriptedSite) -> None:
    hidden = {"x-github-sso": "partial-results; organizations=21955855"}
    body = Response.json(owned(LISTED)).body
    normal = site.answers[GRAPHQL]
    site.answers[GRAPHQL] = lambda request: (
        Response(200, body, headers=hidden) if "repositoryOwner" in request.json()["query"] else normal(request)
    )
    report = told(site)
    assert names(report) == ["acme/web"]
    assert problem(report) == (
        "repositories of acme: left out is what belongs to organisations with single sign-on "
        "(organizations=21955855): authorise the token for the organisation's single sign-on"
    )


def test_a_site_without_a_github_is_told() -> None:
    with scripted({}) as site:
        said = problem(told(site))
        assert said.startswith("GET /api/v3/user answered 404: Not Found")
        assert said.endswith(f"there is no GitHub at {site.url}, check base_url")
        settings = {"base_url": site.url, "organization": "acme", "app_id": "7", "installation_id": "61"}
        connection = Connection(1, "GitHub", settings, {"app_private_key": KEY})
        assert problem(check_connection(site.client(), connection)).endswith(f"no GitHub at {site.url}, check base_url")
        site.answers[USER] = Response(200, b"<!DOCTYPE html>", "text/html")
        assert "a login page or a proxy answered, or base_url is wrong" in problem(told(site))


def test_a_token_of_an_installation_has_no_account(site: ScriptedSite) -> None:
    site.answers[USER] = refusal(403, "Resource not accessible by integration")
    assert problem(told(site)).startswith("the credentials are refused: GET /api/v3/user answered 403")
    site.answers[USER] = {"message": "hello"}
    assert problem(told(site)) == "GET /api/v3/user names no account"


def test_a_suspended_installation_is_told(site: ScriptedSite) -> None:
    found = {"app_slug": "pulse", "account": {"login": "acme"}, "suspended_at": "2026-01-01T00:00:00Z"}
    given = dict.fromkeys(("metadata", "contents", "pull_requests"), "read")
    site.answers["GET /api/v3/app/installations/61"] = {**found, "permissions": given}
    settings = {"base_url": site.url, "organization": "acme", "app_id": "7", "installation_id": "61"}
    connection = Connection(1, "GitHub", settings, {"app_private_key": KEY})
    # Read with a token: none is minted for an installation that is suspended.
    report = check_connection(site.client(), connection)
    assert report.account == "App pulse, installation 61 of acme"
    assert problem(report) == "the installation 61 is suspended: its owner can end that"


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"repositoryOwner": []}},
        {"data": {"repositoryOwner": {"repositories": None}}},
        {"data": {"repositoryOwner": {"repositories": {"nodes": []}}}},
        {"data": {"repositoryOwner": {"repositories": {"pageInfo": {}, "nodes": {}}}}},
        owned("acme/web"),
        owned({**LISTED, "databaseId": "seven"}),
        owned({**LISTED, "databaseId": None, "id": None}),
        owned({**LISTED, "nameWithOwner": None}),
        owned({**LISTED, "isPrivate": "yes"}),
        owned(LISTED, hasNextPage=True),
        owned(LISTED, hasNextPage=True, endCursor="again"),
    ],
)
def test_a_strange_answer_is_a_problem_and_no_crash(site: ScriptedSite, answer: Any) -> None:
    site.answers[GRAPHQL] = answer
    said = problem(told(site))
    assert "repositories of acme" in said
    assert TOKEN not in said


def test_repositories_that_may_not_be_shown_are_left_out(site: ScriptedSite) -> None:
    normal = site.answers[GRAPHQL]
    site.answers[GRAPHQL] = lambda request: (
        owned(None, LISTED) if "repositoryOwner" in request.json()["query"] else normal(request)
    )
    assert (names(told(site)), told(site).problems) == (["acme/web"], [])


def test_a_question_that_is_refused_whole_is_a_problem(site: ScriptedSite) -> None:
    normal = site.answers[GRAPHQL]
    wrong = {"errors": [{"message": "Field 'fullDatabaseId' doesn't exist on type 'PullRequest'"}]}
    site.answers[GRAPHQL] = lambda request: normal(request) if "repositoryOwner" in request.json()["query"] else wrong
    said = problem(told(site))
    assert said.startswith("pull requests of acme/web cannot be read: POST /api/graphql (pullRequests) answered an err")
