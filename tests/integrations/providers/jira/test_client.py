"""The client's two dialects, over HTTP."""

from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations.errors import Permanent, RateLimited, StageError, Transient
from integrations.http import Response
from integrations.providers.jira.client import JiraClient, zone_of
from integrations.providers.jira.jql import lower_bound
from integrations.sandbox.http import ApiError
from integrations.sandbox.http import Response as Answered

from .scripted import CLOUD, SERVER, SERVER_INFO, ScriptedSite, scripted

Ask = Callable[[JiraClient], Response]
HISTORIES = {"fields": ["*all"], "expand": "changelog"}


def asked(site: ScriptedSite) -> tuple[str, Any]:
    """The last call, and its body or else its parameters."""
    request = site.last
    parameters = {name: values[-1] for name, values in request.query.items()}
    return f"{request.method} {request.path}", request.json() if request.body else parameters


BOTH: list[tuple[Ask, str, Any]] = [
    (lambda client: client.myself(), "GET {api}/myself", {}),
    (
        lambda client: client.my_permissions("O&B"),
        "GET {api}/mypermissions",
        {"permissions": "BROWSE_PROJECTS,VIEW_DEV_TOOLS", "projectKey": "O&B"},
    ),
    (
        lambda client: client.my_permissions(),
        "GET {api}/mypermissions",
        {"permissions": "BROWSE_PROJECTS,VIEW_DEV_TOOLS"},
    ),
    (lambda client: client.project_statuses("10"), "GET {api}/project/10/statuses", {}),
    (lambda client: client.statuses(), "GET {api}/status", {}),
    (lambda client: client.fields(), "GET {api}/field", {}),
    (
        lambda client: client.createmeta_types("10", 200),
        "GET {api}/issue/createmeta/10/issuetypes",
        {"startAt": "200", "maxResults": "200"},
    ),
    (
        lambda client: client.createmeta_fields("10", "7", 0),
        "GET {api}/issue/createmeta/10/issuetypes/7",
        {"startAt": "0", "maxResults": "200"},
    ),
    (lambda client: client.dev_summary("5"), "GET /rest/dev-status/latest/issue/summary", {"issueId": "5"}),
    (
        lambda client: client.dev_detail("5", "GitHub", "pullrequest"),
        "GET /rest/dev-status/latest/issue/detail",
        {"issueId": "5", "applicationType": "GitHub", "dataType": "pullrequest"},
    ),
]
ON_CLOUD: list[tuple[Ask, str, Any]] = [
    (
        lambda client: client.projects(50),
        "GET /rest/api/3/project/search",
        {"startAt": "50", "maxResults": "50", "expand": "description,lead,issueTypes"},
    ),
    (
        lambda client: client.search("project = 1", 20, None),
        "POST /rest/api/3/search/jql",
        {"jql": "project = 1", "maxResults": 20, **HISTORIES},
    ),
    (
        lambda client: client.search("project = 1", 20, "t1", fields=("status", "updated"), expand=""),
        "POST /rest/api/3/search/jql",
        {"jql": "project = 1", "maxResults": 20, "fields": ["status", "updated"], "nextPageToken": "t1"},
    ),
    (lambda client: client.count("project = 1"), "POST /rest/api/3/search/approximate-count", {"jql": "project = 1"}),
    (
        lambda client: client.changelogs(["1", "2"], "t2"),
        "POST /rest/api/3/changelog/bulkfetch",
        {"issueIdsOrKeys": ["1", "2"], "maxResults": 1000, "nextPageToken": "t2"},
    ),
    (
        lambda client: client.issue_changelog("1", 100),
        "GET /rest/api/3/issue/1/changelog",
        {"startAt": "100", "maxResults": "100"},
    ),
    (
        lambda client: client.issues(["1", "2"]),
        "POST /rest/api/3/issue/bulkfetch",
        {"issueIdsOrKeys": ["1", "2"], "fields": ["*all"], "expand": ["changelog"]},
    ),
]
ON_SERVER: list[tuple[Ask, str, Any]] = [
    (
        lambda client: client.projects(0),
        "GET /rest/api/2/project",
        {"expand": "description,lead,issueTypes,projectKeys"},
    ),
    (
        lambda client: client.search("project = 1", 20, None),
        "POST /rest/api/2/search",
        {"jql": "project = 1", "startAt": 0, "maxResults": 20, "fields": ["*all"], "expand": ["changelog"]},
    ),
    (
        lambda client: client.search("project = 1", 20, 40, fields=("id",), expand="changelog,names"),
        "POST /rest/api/2/search",
        {"jql": "project = 1", "startAt": 40, "maxResults": 20, "fields": ["id"], "expand": ["changelog", "names"]},
    ),
    (
        lambda client: client.count("project = 1"),
        "POST /rest/api/2/search",
        {"jql": "project = 1", "startAt": 0, "maxResults": 0, "fields": ["id"]},
    ),
    (
        lambda client: client.issue_changelog("1", 0),
        "GET /rest/api/2/issue/1",
        {"expand": "changelog", "fields": "id"},
    ),
    (
        lambda client: client.issues(["1", "2"], fields=("status",)),
        "POST /rest/api/2/search",
        {
            "jql": "id in (1, 2)",
            "startAt": 0,
            "maxResults": 2,
            "fields": ["status"],
            "expand": ["changelog"],
            "validateQuery": False,
        },
    ),
]


@pytest.mark.parametrize(("info", "api", "calls"), [(CLOUD, "3", BOTH + ON_CLOUD), (SERVER, "2", BOTH + ON_SERVER)])
def test_each_call_is_made_in_the_dialect_of_the_site(info: Any, api: str, calls: list[tuple[Ask, str, Any]]) -> None:
    with scripted(info) as site:
        client = site.client()
        for ask, call, content in calls:
            expected = call.format(api=f"/rest/api/{api}")
            site.answers[expected] = {}
            assert ask(client).json() == {}
            assert asked(site) == (expected, content)
        assert site.calls.count(SERVER_INFO) == 1


@pytest.mark.parametrize(
    ("info", "deployment"),
    [
        (CLOUD, "Cloud"),
        (SERVER, "Server"),
        (SERVER | {"deploymentType": "DataCenter"}, "Server"),
        # As sites answered before there was a Cloud.
        ({"version": "6.4.14", "versionNumbers": [6, 4, 14]}, "Server"),
    ],
)
def test_a_site_says_itself_which_dialect_it_speaks(info: Any, deployment: str) -> None:
    with scripted(info) as site:
        assert (site.client().deployment, site.client().is_cloud) == (deployment, deployment == "Cloud")


def test_many_threads_ask_a_site_once_for_its_dialect_and_its_zone() -> None:
    with (
        scripted(SERVER, {"GET /rest/api/2/myself": {"timeZone": "Asia/Kolkata"}}) as site,
        ThreadPoolExecutor(8) as pool,
    ):
        zones = pool.map(lambda _: site.client().zone, range(32))
        assert {zone.key for zone in zones} == {"Asia/Kolkata"}
        assert sorted(site.calls) == ["GET /rest/api/2/myself", SERVER_INFO]


def test_a_site_that_could_not_say_its_dialect_is_asked_again() -> None:
    answers = iter([ApiError(502, "down"), ApiError(502, "still down"), ApiError(429, "busy"), CLOUD])
    with scripted(lambda request: next(answers), {"GET /rest/api/3/status": []}) as site:
        for error in (Transient, RateLimited):
            with pytest.raises(error):
                site.client().statuses()
        assert site.client().statuses().json() == []


def test_the_zone_is_what_the_last_look_at_the_account_said() -> None:
    account = {"timeZone": "America/Los_Angeles"}
    with scripted(CLOUD, {"GET /rest/api/3/myself": lambda request: account}) as site:
        client = site.client()
        assert client.zone.key == "America/Los_Angeles"
        account["timeZone"] = "Europe/Berlin"
        client.myself()
        assert client.zone.key == "Europe/Berlin"


@pytest.mark.parametrize(
    "account", [{}, {"timeZone": None}, {"timeZone": "Mars/Base"}, {"timeZone": "../x"}, [], {"timeZone": "GMT+05:45"}]
)
def test_in_an_unknown_zone_no_time_is_told_too_late(account: Any) -> None:
    wanted = 1_790_000_040_000
    readings = [
        datetime.strptime(lower_bound(wanted, zone_of(account)), '"%Y/%m/%d %H:%M"').replace(tzinfo=ZoneInfo(name))
        for name in ("Etc/GMT+12", "Pacific/Niue", "UTC", "Asia/Kathmandu", "Pacific/Kiritimati")
    ]
    assert max(readings).timestamp() * 1000 == wanted


def test_an_account_with_its_token_is_sent_as_basic_credentials() -> None:
    with scripted(CLOUD) as site:
        site.client().server_info()
        assert site.last.headers["authorization"] == f"Basic {b64encode(b'ada@acme.example:s3cret').decode()}"
        site.client(email="", username="ada").server_info()
        assert site.last.headers["authorization"] == f"Basic {b64encode(b'ada:s3cret').decode()}"


def test_a_token_alone_is_sent_as_a_bearer_token() -> None:
    with scripted(SERVER) as site:
        site.client(email="").server_info()
        assert site.last.headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("prefix", ["/jira", "/ex/jira/6b4f-11"])
def test_a_site_may_live_under_a_path(prefix: str) -> None:
    with scripted(CLOUD, {"GET /rest/api/3/status": []}, prefix) as site:
        site.client(email="").statuses()
        assert [request.path for request in site.requests] == [
            f"{prefix}/rest/api/2/serverInfo",
            f"{prefix}/rest/api/3/status",
        ]


def refusal(site: ScriptedSite, **settings: str) -> StageError:
    with pytest.raises(Permanent) as caught:
        site.client(**settings).myself()
    assert "s3cret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_say_what_to_check(status: int) -> None:
    with scripted(ApiError(status, "Unauthorized")) as site:
        error = refusal(site)
        assert error.status == status
        assert str(error).startswith(f"GET /rest/api/2/serverInfo answered {status}: Unauthorized")
        assert "leave email and username empty" in str(error)
        assert "check that api_token is a personal access token" in str(refusal(site, email=""))


def test_an_address_without_a_jira_says_that_base_url_is_to_be_checked() -> None:
    with scripted(None) as site:
        error = refusal(site)
        assert (error.status, "check that base_url is what" in str(error)) == (404, True)
    with scripted({"status": "ok"}) as site:
        assert "answered something else than a Jira" in str(refusal(site))


def test_errors_of_other_calls_keep_their_status() -> None:
    with scripted(CLOUD, {"GET /rest/api/3/status": ApiError(403, "no")}) as site, pytest.raises(Permanent) as caught:
        site.client().statuses()
    assert caught.value.status == 403


def test_data_center_is_not_asked_for_the_histories_of_many_issues() -> None:
    with scripted(SERVER) as site, pytest.raises(Permanent, match="has no call for the histories of many issues"):
        site.client().changelogs(["1"], None)


@pytest.mark.parametrize(
    "headers", [{"X-AUSERNAME": "anonymous"}, {"X-Seraph-LoginReason": "OUT, AUTHENTICATED_FAILED"}]
)
def test_an_answer_that_was_given_to_a_stranger_is_an_error_unless_the_site_knows_us(headers: dict[str, str]) -> None:
    nothing = Answered(200, b'{"issues": [], "total": 0}', headers=headers)
    answers = {"POST /rest/api/2/search": nothing, "GET /rest/api/2/myself": ApiError(401, "not authenticated")}
    with scripted(SERVER, answers) as site:
        with pytest.raises(Permanent, match="not authenticated") as refused:
            site.client().search("project = PAY", 10, None)
        assert refused.value.status == 401

        site.answers["GET /rest/api/2/myself"] = Answered(200, b'{"name": "ada"}', headers=headers)
        assert site.client().search("project = PAY", 10, None).json()["total"] == 0
