"""What the connection check tells of accounts, projects, permissions and settings."""

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.errors import RateLimited, Transient
from integrations.provider import ConnectionReport
from integrations.providers.jira.provider import JiraProvider
from integrations.sandbox.http import ApiError, Request, Response

from .scripted import CLOUD, SERVER, SERVER_INFO, ScriptedSite, scripted

MYSELF, PROJECTS, PERMISSIONS = (
    "GET /rest/api/3/myself",
    "GET /rest/api/3/project/search",
    "GET /rest/api/3/mypermissions",
)
SEARCH, FIELDS = "POST /rest/api/3/search/jql", "GET /rest/api/3/field"
STATUSES, DEVELOPMENT = "GET /rest/api/3/status", "GET /rest/dev-status/latest/issue/summary"
ADA = {"accountId": "5b10", "displayName": "Ada Byron", "emailAddress": "ada@acme.example", "timeZone": "UTC"}
ORB, MOON = {"id": "10", "key": "ORB"}, {"id": "20", "key": "MOON"}


def permissions(browse: bool = True, develop: bool = True) -> dict[str, Any]:
    given = {"BROWSE_PROJECTS": browse, "VIEW_DEV_TOOLS": develop}
    return {"permissions": {name: {"key": name, "havePermission": given[name]} for name in given}}


@pytest.fixture
def site() -> Iterator[ScriptedSite]:
    """A site on which all is well."""
    answers = {
        MYSELF: ADA,
        PROJECTS: {"values": [ORB, MOON], "isLast": True, "total": 2},
        PERMISSIONS: permissions(),
        STATUSES: [],
        SEARCH: {"issues": [{"id": "5"}], "isLast": True},
        DEVELOPMENT: {"errors": [], "summary": {}},
        FIELDS: [{"id": "comment", "name": "Comment"}, {"id": "customfield_1", "name": "Salary"}],
    }
    with scripted(CLOUD, answers) as running:
        yield running


def check(site: ScriptedSite, **settings: str) -> ConnectionReport:
    return JiraProvider().check_connection(site.connection(**settings))


def problem(site: ScriptedSite, **settings: str) -> str:
    """The only one."""
    (found,) = check(site, **settings).problems
    assert "s3cret" not in found
    return found


def keys(report: ConnectionReport) -> list[str]:
    return [project.key for project in report.projects]


def test_the_account_the_site_and_the_projects_are_told(site: ScriptedSite) -> None:
    report = check(site, base_search="type = Bug", exclude_fields="comment,customfield_1")
    assert report.account == "Ada Byron (ada@acme.example)"
    assert report.site == "https://acme.example (Acme)"
    assert report.deployment == "Cloud 1001.0.0"
    assert [(project.external_id, project.key) for project in report.projects] == [("10", "ORB"), ("20", "MOON")]
    assert report.problems == []


def test_a_data_center_site_is_checked_in_its_own_dialect() -> None:
    answers = {
        "GET /rest/api/2/myself": {"name": "ada", "key": "JIRAUSER1", "displayName": "Ada Byron"},
        "GET /rest/api/2/project": [ORB, MOON],
        "GET /rest/api/2/mypermissions": permissions(),
        "GET /rest/api/2/status": [],
        "POST /rest/api/2/search": {"total": 4, "issues": []},
    }
    with scripted(SERVER, answers) as site:
        report = check(site, exclude_projects="20")
    assert (report.account, report.deployment) == ("Ada Byron (ada)", "Server 10.3.2")
    assert (keys(report), report.problems) == (["ORB"], [])


def test_all_pages_of_projects_are_looked_at(site: ScriptedSite) -> None:
    def page(request: Request) -> Any:
        start = int(request.text("startAt"))
        return {"values": [[ORB, MOON][start]], "startAt": start, "total": 2, "isLast": start == 1}

    site.answers[PROJECTS] = page
    assert keys(check(site)) == ["ORB", "MOON"]


def test_only_the_projects_that_the_settings_leave_are_told(site: ScriptedSite) -> None:
    assert keys(check(site, projects="orb")) == ["ORB"]
    assert keys(check(site, exclude_projects="10")) == ["MOON"]


def test_refused_credentials_are_a_problem_beside_what_is_known_of_the_site(site: ScriptedSite) -> None:
    site.answers[MYSELF] = ApiError(401, "Client must be authenticated")
    report = check(site)
    assert (report.site, report.account, keys(report)) == ("https://acme.example (Acme)", "", [])
    (said,) = report.problems
    assert said.startswith("the credentials are refused: GET /rest/api/3/myself answered 401: Client must be")
    assert "check email and api_token" in said
    assert PROJECTS not in site.calls


def test_a_site_that_tells_nothing_to_strangers_refuses_the_credentials(site: ScriptedSite) -> None:
    site.answers[SERVER_INFO] = ApiError(401, "Unauthorized")
    report = check(site)
    assert (report.site, report.account, report.deployment) == (site.url, "", "")
    assert report.problems[0].startswith("the credentials are refused: GET /rest/api/2/serverInfo answered 401")


def test_a_site_that_takes_us_for_a_stranger_is_no_success(site: ScriptedSite) -> None:
    site.answers[MYSELF] = {"displayName": "Anonymous"}
    assert "names no account, so the site takes us for a stranger" in problem(site)


def test_an_account_that_hides_its_address_is_told_by_its_id(site: ScriptedSite) -> None:
    site.answers[MYSELF] = {"accountId": "5b10", "displayName": "Ada Byron", "emailAddress": None}
    assert check(site).account == "Ada Byron (5b10)"


def test_no_visible_project_is_a_problem(site: ScriptedSite) -> None:
    site.answers[PROJECTS] = ApiError(404, "No projects found")
    assert problem(site).startswith("no project is visible to this account")


@pytest.mark.parametrize("setting", ["projects", "exclude_projects"])
def test_projects_that_are_not_visible_are_named_with_their_setting(site: ScriptedSite, setting: str) -> None:
    assert problem(site, **{setting: "NOPE, 10, 99"}).startswith(f"setting {setting} names NOPE, 99, which is")


def test_settings_that_leave_no_project_are_a_problem(site: ScriptedSite) -> None:
    assert problem(site, projects="ORB", exclude_projects="orb").startswith("settings projects and exclude_projects")
    assert SEARCH not in site.calls


def test_a_permission_that_the_account_has_nowhere_is_told_once(site: ScriptedSite) -> None:
    site.answers[PERMISSIONS] = permissions(develop=False)
    assert problem(site).startswith('permission VIEW_DEV_TOOLS ("View Development Tools") is missing in all projects')


def test_a_permission_that_a_project_lacks_is_told_with_its_key(site: ScriptedSite) -> None:
    site.answers[PERMISSIONS] = lambda request: permissions(browse=request.text("projectKey") != "MOON")
    assert problem(site).startswith('permission BROWSE_PROJECTS ("Browse Projects") is missing in MOON: no issue')
    assert check(site, projects="ORB").problems == []


def test_a_project_that_is_hidden_from_its_permissions_may_not_be_browsed(site: ScriptedSite) -> None:
    hidden = ApiError(404, "No project could be found")
    site.answers[PERMISSIONS] = lambda request: hidden if request.text("projectKey") == "ORB" else permissions()
    assert "BROWSE_PROJECTS" in problem(site)


def test_a_permission_that_the_site_does_not_know_is_no_problem(site: ScriptedSite) -> None:
    site.answers[PERMISSIONS] = {"permissions": {"BROWSE_PROJECTS": {"havePermission": True}}}
    assert check(site).problems == []


def test_permissions_that_are_not_told_are_a_problem_of_their_own(site: ScriptedSite) -> None:
    site.answers[PERMISSIONS] = ApiError(401, "scope does not match")
    assert "does not say which permissions the account has: GET /rest/api/3/mypermissions answered 401" in problem(site)


def test_a_wrong_base_search_is_named_with_what_the_site_says(site: ScriptedSite) -> None:
    site.answers[SEARCH] = lambda request: ApiError(400, "Field 'colour' does not exist")
    said = problem(site, base_search="colour = red")
    assert said.startswith("setting base_search is 'colour = red', which the site does not take as JQL")
    assert "Field 'colour' does not exist" in said
    assert site.requests[-1].json()["jql"] == "project = 10 AND (colour = red)"


def test_a_search_that_is_refused_is_a_problem(site: ScriptedSite) -> None:
    site.answers[SEARCH] = ApiError(403, "no")
    assert problem(site, base_search="type = Bug").startswith("issues cannot be searched: POST")


def test_an_excluded_field_that_does_not_exist_is_named(site: ScriptedSite) -> None:
    assert problem(site, exclude_fields="comment,salary") == (
        "setting exclude_fields names 'salary', which is the id of no field: write customfield_1"
    )
    assert problem(site, exclude_fields="wage").endswith("correct it or take it out")


@pytest.mark.parametrize("call", [SERVER_INFO, MYSELF, PROJECTS, PERMISSIONS, STATUSES, SEARCH, DEVELOPMENT, FIELDS])
@pytest.mark.parametrize(("status", "error"), [(503, Transient), (429, RateLimited)])
def test_what_may_pass_is_no_problem_of_the_settings(
    site: ScriptedSite, call: str, status: int, error: type[Exception]
) -> None:
    site.answers[call] = ApiError(status, "later")
    with pytest.raises(error):
        check(site, exclude_fields="comment")


@pytest.mark.parametrize("call", [SERVER_INFO, MYSELF, PERMISSIONS, SEARCH])
def test_answers_of_another_shape_are_problems(site: ScriptedSite, call: str) -> None:
    site.answers[call] = ["odd"]
    assert f"{call} answered something" in problem(site)


def test_projects_of_another_shape_are_a_problem(site: ScriptedSite) -> None:
    site.answers[PROJECTS] = {"values": None}
    assert problem(site).startswith("the projects cannot be listed: jira_projects 'projects:0' is")


HTML = Response(200, b"<html>Log in</html>", "text/html")
FACTS = ("https://acme.example (Acme)", "Ada Byron (ada@acme.example)", "Cloud 1001.0.0")


@pytest.mark.parametrize("refusal", [ApiError(403, "no"), HTML, ApiError(401, "scope does not match")])
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (PROJECTS, "the projects cannot be listed: GET"),
        (PERMISSIONS, "the site does not say which permissions the account has: GET"),
        (STATUSES, "statuses cannot be read: GET"),
        (SEARCH, "issues cannot be searched: POST"),
        (DEVELOPMENT, "development information is refused, pull requests stay unknown: GET"),
        (FIELDS, "setting exclude_fields cannot be checked, since the fields cannot be listed: GET"),
    ],
)
def test_where_one_part_of_the_api_is_closed_it_is_named_and_the_rest_told(
    site: ScriptedSite, call: str, said: str, refusal: Any
) -> None:
    site.answers[call] = refusal
    report = check(site, exclude_fields="comment")
    (found,) = report.problems
    assert found.startswith(said)
    assert (report.site, report.account, report.deployment) == FACTS
    assert keys(report) == ([] if call == PROJECTS else ["ORB", "MOON"])


def test_a_site_without_development_tools_lacks_nothing(site: ScriptedSite) -> None:
    del site.answers[DEVELOPMENT]
    assert check(site).problems == []


def test_development_is_not_asked_for_where_its_permission_is_missing(site: ScriptedSite) -> None:
    site.answers[PERMISSIONS] = permissions(develop=False)
    assert "VIEW_DEV_TOOLS" in problem(site)
    assert DEVELOPMENT not in site.calls


def test_a_site_without_issues_has_no_development_to_ask_for(site: ScriptedSite) -> None:
    site.answers[SEARCH] = {"issues": [], "isLast": True}
    assert check(site).problems == []
    assert DEVELOPMENT not in site.calls


def test_a_site_that_does_not_tell_what_it_is_is_checked_as_a_sync_takes_it(site: ScriptedSite) -> None:
    del site.answers[SERVER_INFO]
    report = check(site)
    assert (report.problems, keys(report)) == ([], ["ORB", "MOON"])
    assert report.site == site.url
    assert report.deployment == "Cloud, which is a guess: there is no serverInfo"


def test_a_login_page_in_place_of_the_account_is_told_with_what_is_known_of_the_site(site: ScriptedSite) -> None:
    site.answers[MYSELF] = HTML
    report = check(site)
    assert (report.site, report.account, report.deployment) == (FACTS[0], "", FACTS[2])
    assert "a login page or a proxy answered" in report.problems[0]


def test_an_account_that_needs_a_captcha_is_told_so(site: ScriptedSite) -> None:
    denied = {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED", "X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE"}
    site.answers[MYSELF] = Response(403, b"<html>denied</html>", "text/html", denied)
    assert "the site wants a CAPTCHA after failed logins: log in as this account in a browser" in problem(site)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("https://sso.example/login?x=1", "redirected to https://sso.example, which is not the site of base_url"),
        ("https://127.0.0.1/rest", "(write base_url with https://127.0.0.1)"),
    ],
)
def test_a_redirect_to_another_place_is_told_with_where_to(site: ScriptedSite, target: str, said: str) -> None:
    site.answers[SERVER_INFO] = Response(302, b"", headers={"Location": target})
    assert said in problem(site)
