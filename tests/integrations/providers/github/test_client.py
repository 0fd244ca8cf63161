"""The calls to GitHub over HTTP: where they go, what their answers mean, and what they leave of the budget."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from integrations import http
from integrations.errors import Passing, Permanent, RateLimited, StageError, Transient
from integrations.http import Response as Answered
from integrations.http import throttled
from integrations.provider import Connection
from integrations.providers.github.auth import Credentials
from integrations.providers.github.client import GitHubClient, GraphAnswer, TooMuch, client_for
from integrations.providers.github.refusals import LEAST_WAIT_SECONDS
from integrations.sandbox import Throttle
from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite, GitHubSpec
from integrations.sandbox.http import Response

from .scripted import CLOCK, GRAPHQL, TOKEN, ScriptedSite, refusal, scripted

QUERY = "query who { viewer { login } rateLimit { cost remaining resetAt } }"
PULLS = """query pulls($first: Int!) { rateLimit { cost remaining resetAt }
  repository(owner: "acme", name: "identity") { pullRequests(first: $first) { nodes {
    commits(first: 100) { nodes { id } } labels(first: 5) { nodes { id } } } } } }"""
NOT_FOUND = {"type": "NOT_FOUND", "path": ["repository"], "message": "Could not resolve to a Repository"}
TIMED_OUT = "Something went wrong while executing your query. This may be the result of a timeout, or a GitHub bug."


class Recording:
    """A throttle that lets everything through and keeps what it came to."""

    def __init__(self) -> None:
        self.outcomes: list[Answered | StageError] = []

    def call(self, question: str, make: Callable[[], Answered]) -> Answered:
        try:
            self.outcomes.append(make())
        except StageError as error:
            self.outcomes.append(error)
            raise
        answer = self.outcomes[-1]
        assert isinstance(answer, Answered)
        return answer


@pytest.fixture
def site() -> Iterator[ScriptedSite]:
    with scripted({GRAPHQL: {"data": {"viewer": {"login": "ada"}}}}) as running:
        yield running


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(GitHubSite(GitHubSpec(60, seed=3))) as running:
        yield running


def client(server: GitHubServer) -> GitHubClient:
    return client_for(Connection(1, "Sandbox", {"base_url": server.url}, {"token": server.token}))


def asked(site: ScriptedSite) -> GraphAnswer:
    return site.client().query(QUERY, {"first": 5}, "who")


def refused(site: ScriptedSite, answer: Any) -> StageError:
    """The error that an answer means, which the throttle is told as well."""
    site.answers[GRAPHQL] = answer
    throttle = Recording()
    with throttled(throttle), pytest.raises(StageError) as caught:
        asked(site)
    assert str(throttle.outcomes[-1]) in str(caught.value)
    assert "/graphql (who)" in str(caught.value)
    assert TOKEN not in str(caught.value)
    return caught.value


def test_a_question_is_posted_with_its_variables_and_the_token(site: ScriptedSite) -> None:
    answer = asked(site)
    (request,) = site.requests
    assert request.json() == {"query": QUERY, "variables": {"first": 5}}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["user-agent"] == "Pulse"
    assert request.headers["accept"] == "application/vnd.github+json"
    assert (answer.data, answer.errors) == ({"viewer": {"login": "ada"}}, [])
    assert answer.response.call == "POST /api/graphql (who)"


def test_rest_is_asked_below_its_own_path(site: ScriptedSite) -> None:
    site.answers["GET /api/v3/orgs/acme/repos"] = []
    assert site.client().rest("GET", "/orgs/acme/repos", {"per_page": 100}).json() == []
    assert site.requests[-1].query == {"per_page": ["100"]}


@pytest.mark.parametrize("is_enterprise", [False, True])
def test_the_sandbox_is_read_in_both_forms(is_enterprise: bool) -> None:
    with GitHubServer(GitHubSite(GitHubSpec(3)), is_enterprise=is_enterprise) as server:
        answer = client(server).query(QUERY, {}, "who")
        login = client(server).rest("GET", "/user").json()["login"]
    assert answer.data["viewer"]["login"] == login == "pulse-reader"
    # An Enterprise Server has no limits: it says null.
    known = (answer.cost, answer.remaining, answer.reset_at is not None)
    assert known == ((None, None, False) if is_enterprise else (1, 4999, True))
    assert answer.response.spent_seconds is None


def limit(cost: Any, remaining: Any, seconds: int = 600) -> dict[str, Any]:
    reset_at = datetime.fromtimestamp(CLOCK + seconds, UTC).isoformat().replace("+00:00", "Z")
    return {"data": {"rateLimit": {"cost": cost, "remaining": remaining, "resetAt": reset_at}}}


@pytest.mark.parametrize(
    ("content", "headers", "seconds"),
    [
        (limit(8, 8), {}, None),
        (limit(8, 7), {}, 600),
        (limit(8, 0), {}, 600),
        (limit(8, 7, -5), {}, None),
        (limit(8, 7, 10**7), {}, 24 * 3600),
        (limit(8, 7), {"x-ratelimit-remaining": "7", "x-ratelimit-reset": str(CLOCK + 900)}, 600),
        (limit(8, 0), {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(CLOCK + 900)}, 900),
        ({"data": {}}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(CLOCK + 900)}, 900),
        ({"data": {"rateLimit": None}}, {}, None),
        ({"data": {"rateLimit": {}, "viewer": None}}, {}, None),
        (limit("8", None), {}, None),
        ({"data": {"rateLimit": {"cost": 8, "remaining": 1, "resetAt": "soon"}}}, {}, None),
    ],
)
def test_points_that_do_not_pay_for_the_same_again_are_told_until_the_reset(
    site: ScriptedSite, content: Any, headers: dict[str, str], seconds: float | None
) -> None:
    body = Response.json({"data": {"viewer": None, **content["data"]}}).body
    site.answers[GRAPHQL] = Response(200, body, headers=headers)
    throttle = Recording()
    with throttled(throttle):
        assert asked(site).response.spent_seconds == seconds
    (told,) = throttle.outcomes
    assert isinstance(told, Answered)
    assert told.spent_seconds == seconds


def test_a_budget_is_read_and_ends_as_the_sandbox_keeps_it(server: GitHubServer) -> None:
    server.faults = GitHubFaults(points=5, points_seconds=600)
    first, second = (client(server).query(PULLS, {"first": 100}, "pulls") for _ in range(2))
    assert (first.cost, first.remaining, first.response.spent_seconds) == (2, 3, None)
    assert second.remaining == 1
    assert second.response.spent_seconds == pytest.approx(600, abs=60)
    client(server).query(PULLS, {"first": 100}, "pulls")
    with pytest.raises(RateLimited, match=r"answered RATE_LIMITED: API rate limit exceeded for user ID") as caught:
        client(server).query(PULLS, {"first": 100}, "pulls")
    assert caught.value.until is not None
    assert caught.value.until - datetime.now(UTC) < timedelta(seconds=601)


@pytest.mark.parametrize("kind", ["RATE_LIMITED", "RATE_LIMIT"])
def test_an_exhausted_budget_lasts_until_its_reset(site: ScriptedSite, kind: str) -> None:
    body = Response.json({"errors": [{"type": kind, "message": "Nothing is left."}]}).body
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(CLOCK + 300)}
    error = refused(site, Response(200, body, headers=headers))
    assert isinstance(error, RateLimited)
    assert error.until is not None
    assert abs(error.until - datetime.now(UTC) - timedelta(seconds=300)) < timedelta(seconds=30)


SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
LOCKED = "Maximum number of login attempts exceeded. Please try again later."
ABUSE = "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again."


@pytest.mark.parametrize("status", [200, 403, 429])
@pytest.mark.parametrize("message", [SECONDARY, ABUSE, LOCKED])
def test_a_secondary_limit_that_does_not_say_how_long_lasts_a_minute_at_least(
    site: ScriptedSite, status: int, message: str
) -> None:
    # Of the hour's budget most is left: its reset has nothing to do with it.
    headers = {"x-ratelimit-remaining": "4000", "x-ratelimit-reset": str(CLOCK + 3000)}
    for content in ({"message": message}, {"errors": [{"message": message}]}):
        error = refused(site, Response(status, Response.json(content).body, headers=headers))
        assert isinstance(error, RateLimited)
        assert (error.until, error.least_seconds) == (None, LEAST_WAIT_SECONDS)
    assert len(site.requests) == 2


@pytest.mark.parametrize("status", [200, 403, 429])
@pytest.mark.parametrize(("form", "seconds"), [(Throttle.RETRY_AFTER, 25), (Throttle.RESET, 90), (Throttle.BARE, None)])
def test_a_secondary_limit_is_a_limit_in_all_forms(
    server: GitHubServer, status: int, form: Throttle, seconds: int | None
) -> None:
    server.faults = GitHubFaults(
        throttle_first=2, throttle=form, throttle_status=status, retry_after=25, reset_seconds=90
    )
    for ask in (lambda: client(server).query(QUERY, {}, "who"), lambda: client(server).rest("GET", "/user")):
        if status == 200 and server.counts["/api/graphql"]:
            break
        with pytest.raises(RateLimited) as caught:
            ask()
        if seconds is None:
            assert (caught.value.until, caught.value.least_seconds) == (None, LEAST_WAIT_SECONDS)
        else:
            assert caught.value.until is not None
            left = caught.value.until - datetime.now(UTC)
            assert timedelta(seconds=seconds - 20) < left < timedelta(seconds=seconds + 1)


@pytest.mark.parametrize("status", [502, 504])
def test_a_question_that_takes_too_long_is_not_asked_again(server: GitHubServer, status: int) -> None:
    server.faults = GitHubFaults(heavy_nodes=25, heavy_status=status)
    with pytest.raises(TooMuch, match=rf"^POST /api/graphql \(pulls\) answered {status}") as caught:
        client(server).query(PULLS, {"first": 10}, "pulls")
    assert caught.value.status == status
    assert server.counts["/api/graphql"] == 1
    assert client(server).query(PULLS, {"first": 1}, "pulls").errors == []


def test_a_question_that_is_ended_with_a_part_of_its_answer_is_too_much(server: GitHubServer) -> None:
    server.faults = GitHubFaults(resource_nodes=25)
    with pytest.raises(TooMuch, match="answered RESOURCE_LIMITS_EXCEEDED: Resource limits for this query exceeded"):
        client(server).query(PULLS, {"first": 10}, "pulls")
    assert server.counts["/api/graphql"] == 1


def test_a_question_for_too_many_nodes_is_too_much(server: GitHubServer) -> None:
    text = """query all { repositoryOwner(login: "acme") { repositories(first: 100) { nodes {
      pullRequests(first: 100) { nodes { labels(first: 100) { nodes { id } } } } } } } }"""
    with pytest.raises(TooMuch, match=r"MAX_NODE_LIMIT_EXCEEDED.* exceeds the maximum limit of 500,000"):
        client(server).query(text, {}, "all")


@pytest.mark.parametrize(
    "answer",
    [
        {"data": None, "errors": [{"message": TIMED_OUT}]},
        {"data": {"repository": {}}, "errors": [{"type": "RESOURCE_LIMITS_EXCEEDED", "message": "It is too heavy."}]},
        {"data": {"repository": None}, "errors": [NOT_FOUND, {"message": TIMED_OUT}]},
        {"errors": [{"message": "This query requests up to 520,050 nodes which exceeds the maximum limit of 500,000"}]},
        Response(502, Response.json({"data": None, "errors": [{"message": TIMED_OUT}]}).body),
        Response(500, Response.json({"errors": [{"message": TIMED_OUT}]}).body),
        Response(504, b"<html>", "text/html"),
    ],
)
def test_what_only_looks_like_a_failure_is_too_much_as_well(site: ScriptedSite, answer: Any) -> None:
    assert isinstance(refused(site, answer), TooMuch)
    assert len(site.requests) == 1


def test_an_answer_that_does_not_come_is_too_much(site: ScriptedSite) -> None:
    quick = http.HttpClient(site.url, answer_seconds=-1)
    with pytest.raises(TooMuch, match=r"^POST /api/graphql \(who\) took more than"):
        GitHubClient(quick, site.client().address, Credentials(TOKEN, None, "")).query(QUERY, {}, "who")


@pytest.mark.parametrize("status", [500, 503])
def test_a_failure_is_asked_for_once_more_and_may_pass(site: ScriptedSite, status: int) -> None:
    error = refused(site, refusal(status, "Unicorn!"))
    assert isinstance(error, Passing)
    assert len(site.requests) == 2


def test_the_most_urgent_of_several_errors_counts(site: ScriptedSite) -> None:
    limited = {"type": "RATE_LIMITED", "message": "API rate limit exceeded"}
    too_much = {"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded."}
    other = {"type": "UNPROCESSABLE", "message": "no"}
    assert isinstance(refused(site, {"data": {}, "errors": [NOT_FOUND, other, too_much, limited]}), RateLimited)
    assert isinstance(refused(site, {"data": {}, "errors": [NOT_FOUND, other, too_much]}), TooMuch)
    assert type(refused(site, {"data": {}, "errors": [NOT_FOUND, other]})) is Permanent


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"errors": [{"message": "Field 'x' doesn't exist on type 'Query'"}]}, "an error: Field 'x' doesn't exist"),
        ({"data": None, "errors": [{"type": "INSUFFICIENT_SCOPES", "message": "needs read:org"}]}, "needs read:org"),
        ({"data": {"a": None}, "errors": [{"type": "EXCESSIVE_PAGINATION", "message": "101"}]}, "EXCESSIVE_PAG"),
        ({"errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]}, "it needs"),
        ({"errors": [{"message": f"error {number}"} for number in range(5)]}, "error 2 and 2 more errors"),
        ({"errors": "down"}, "an error: down"),
        ({"message": "hello"}, "answered an error: hello"),
        ([], "answered neither data nor errors"),
        (Response(200, b"<!DOCTYPE html><title>Sign in</title>", "text/html"), "a login page or a proxy answered"),
        (Response(404, b'{"message":"Not Found"}'), "answered 404: Not Found"),
    ],
)  # fmt: skip
def test_a_question_that_is_wrong_stays_wrong(site: ScriptedSite, answer: Any, said: str) -> None:
    error = refused(site, answer)
    assert type(error) is Permanent
    assert said in str(error)


def test_trouble_of_the_site_may_pass(site: ScriptedSite) -> None:
    error = refused(site, {"errors": [{"type": "SERVICE_UNAVAILABLE", "message": "Come again."}]})
    assert type(error) is Transient


def test_an_unknown_error_in_a_part_of_an_answer_is_too_much(site: ScriptedSite) -> None:
    body = rb'{"data": {"viewer": null}, "errors": [{"type": "INTERNAL", "message": "Oops\u0000 \ud83d"}]}'
    error = refused(site, Response(200, body))
    assert type(error) is TooMuch
    # Without what no database takes.
    assert str(error).endswith("answered INTERNAL: Oops ?")


def test_an_answer_of_nothing_at_all_may_pass(site: ScriptedSite) -> None:
    error = refused(site, {"data": None})
    assert type(error) is Transient
    assert str(error).endswith("answered without data, and without an error")


def test_json_that_is_cut_off_may_pass(site: ScriptedSite) -> None:
    error = refused(site, Response(200, b'{"data": {"viewer": {"lo'))
    assert type(error) is Transient
    assert "JSON that is not whole" in str(error)


def test_what_does_not_exist_or_may_not_be_seen_is_the_callers_to_judge(server: GitHubServer) -> None:
    server.faults = GitHubFaults(saml=("acme",))
    text = """query some { none: repository(owner: "acme", name: "nope") { id }
      hidden: repositoryOwner(login: "acme") { id } viewer { login } }"""
    answer = client(server).query(text, {}, "some")
    assert answer.data == {"none": None, "hidden": None, "viewer": {"login": "pulse-reader"}}
    assert [(error["type"], error["path"]) for error in answer.errors] == [
        ("NOT_FOUND", ["none"]),
        ("FORBIDDEN", ["hidden"]),
    ]


def test_an_answer_that_consists_of_such_errors_has_no_data(site: ScriptedSite) -> None:
    site.answers[GRAPHQL] = {"data": None, "errors": [NOT_FOUND]}
    assert (asked(site).data, asked(site).errors) == ({}, [NOT_FOUND])


def test_refused_credentials_name_the_token(site: ScriptedSite) -> None:
    error = refused(site, refusal(401, "Bad credentials"))
    assert isinstance(error, Permanent)
    assert error.status == 401
    assert "answered 401: Bad credentials" in str(error)
    assert "check that setting token has neither expired nor been revoked, and is one of the site in" in str(error)
    site.answers["GET /api/v3/user"] = refusal(401, "Bad credentials")
    with pytest.raises(Permanent, match="check that setting token has neither expired"):
        site.client().rest("GET", "/user")


def test_a_missing_sign_on_says_where_to_pass_it(site: ScriptedSite) -> None:
    sso = "required; url=https://github.com/orgs/acme/sso?authorization_request=A1"
    error = refused(site, refusal(403, "Resource protected by organization SAML enforcement.", X_GitHub_SSO=sso))
    assert type(error) is Permanent
    assert str(error).endswith("single sign-on at https://github.com/orgs/acme/sso?authorization_request=A1")
    assert error.status == 403
    assert str(refused(site, refusal(403, "SAML", X_GitHub_SSO="required"))).endswith("organisation's single sign-on")


def test_a_permission_that_lacks_is_named(site: ScriptedSite) -> None:
    error = refused(site, refusal(403, "Resource not accessible by personal access token"))
    assert str(error).endswith("it needs the permissions to read Metadata, Contents and Pull requests")


def test_nothing_is_sent_to_another_host(site: ScriptedSite) -> None:
    site.answers[GRAPHQL] = Response(302, b"", headers={"Location": "https://login.acme.example/"})
    with pytest.raises(Permanent, match=r"was redirected to https://login\.acme\.example"):
        asked(site)


def test_headers_that_no_site_sends_do_not_make_anybody_fail(site: ScriptedSite) -> None:
    headers = httpx.Headers({"x-ratelimit-remaining": "many", "x-ratelimit-reset": "late", "retry-after": "soon"})
    site.answers[GRAPHQL] = Response(200, b'{"data": {"viewer": null}}', headers=dict(headers))
    assert asked(site).response.spent_seconds is None
