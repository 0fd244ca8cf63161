import base64
import hashlib
import hmac
import queue
from collections.abc import Iterator

import httpx
import pytest

from integrations.sandbox.github import GitHubServer, GitHubSite
from integrations.sandbox.github.deliveries import signature
from integrations.sandbox.http import HttpServer, Request, Response

from .conftest import Clock

HOME, SECRET = "acme/identity", "a secret / with a slash"


def events(site: GitHubSite) -> list[tuple[str, str | None]]:
    return [(one.event, one.content.get("action")) for one in site.deliveries]


def test_the_signature_is_the_one_of_the_vendors_example() -> None:
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature("It's a Secret to Everybody", b"Hello, World!") == expected


def test_each_change_is_told(site: GitHubSite) -> None:
    name = site.open_pull(HOME)
    site.edit_pull(name, title="x", draft=False, labels=["bug"])
    site.push_commits(name)
    site.review_pull(name)
    site.dismiss_review(name)
    site.close_pull(name)
    site.reopen_pull(name)
    site.merge_pull(name)
    site.rename_repository(HOME, "accounts")
    site.transfer_repository(HOME, "acme-labs")
    site.archive_repository(HOME)
    site.delete_repository(HOME)
    assert events(site) == [
        ("pull_request", "opened"),
        ("pull_request", "edited"),
        ("pull_request", "labeled"),
        ("pull_request", "synchronize"),
        ("push", None),
        ("pull_request_review", "submitted"),
        ("pull_request_review", "dismissed"),
        ("pull_request", "closed"),
        ("pull_request", "reopened"),
        ("pull_request", "closed"),
        ("push", None),
        ("repository", "renamed"),
        ("repository", "transferred"),
        ("repository", "archived"),
        ("repository", "deleted"),
    ]
    assert len({one.id for one in site.deliveries}) == len(site.deliveries)
    assert site.deliveries[-4].content["changes"] == {"repository": {"name": {"from": "identity"}}}
    assert site.deliveries[-1].content["repository"]["full_name"] == "acme-labs/accounts"


def test_a_pull_request_is_told_in_rests_words(site: GitHubSite, clock: Clock) -> None:
    name = site.open_pull(HOME, title="A title", branch="feature/PAY-1")
    site.delete_fork(name)
    site.forget_author(name)
    clock.at += 60
    site.merge_pull(name)
    body = next(one.content for one in site.deliveries if one.content.get("action") == "closed")
    pull = site.find(name)
    shown = body["pull_request"]
    assert (shown["id"], shown["node_id"], body["number"]) == (int(pull.full_database_id), pull.id, pull.number)
    assert (shown["state"], shown["merged"], shown["merged_at"]) == ("closed", True, "2027-01-15T08:01:00Z")
    assert (shown["user"], shown["head"]["repo"], shown["head"]["ref"]) == (None, None, "feature/PAY-1")
    assert (shown["updated_at"], shown["body"]) == ("2027-01-15T08:01:00Z", None)
    assert body["repository"]["node_id"] == pull.repository.id
    assert body["organization"]["login"] == "acme"


def test_bots_are_marked_in_rest(site: GitHubSite) -> None:
    site.open_pull(HOME, author="dependabot")
    assert site.deliveries[-1].content["sender"]["login"] == "dependabot[bot]"


def test_the_same_changes_make_the_same_deliveries(clock: Clock) -> None:
    def made() -> list[tuple[str, bytes]]:
        site = GitHubSite(clock=clock)
        site.close_pull(site.open_pull(HOME))
        return [(one.id, one.body) for one in site.deliveries]

    assert made() == made()


@pytest.fixture
def receiver() -> Iterator[tuple[str, "queue.Queue[Request]"]]:
    """An address that keeps what is posted to it."""
    received: queue.Queue[Request] = queue.Queue()

    def keep(request: Request) -> Response:
        received.put(request)
        return Response.json({}, 202)

    server = HttpServer(keep, 0, lambda: 0)
    server.start()
    yield f"{server.url}/hook", received
    server.stop()


def test_a_webhook_is_pinged_and_then_told_of_each_change(
    server: GitHubServer, receiver: tuple[str, "queue.Queue[Request]"]
) -> None:
    url, received = receiver
    post = httpx.Client(base_url=server.url).post
    assert post("/sandbox/hook", json={"url": url, "secret": SECRET}).status_code == 200
    post("/sandbox/open", json={"repository": HOME, "title": "PAY-1 🎉"})
    ping, opened = received.get(timeout=10), received.get(timeout=10)
    assert (ping.headers["x-github-event"], opened.headers["x-github-event"]) == ("ping", "pull_request")
    assert opened.json()["pull_request"]["title"] == "PAY-1 🎉"
    expected = hmac.new(SECRET.encode(), opened.body, hashlib.sha256).hexdigest()
    assert opened.headers["x-hub-signature-256"] == f"sha256={expected}"
    assert opened.headers["x-github-delivery"] == server.site.deliveries[-1].id
    refused = post("/sandbox/hook", json={"url": "http://example.com/", "secret": "s"})
    assert refused.status_code == 400


def test_deliveries_can_be_read_with_their_signatures(server: GitHubServer) -> None:
    server.site.open_pull(HOME)
    answer = httpx.post(f"{server.url}/sandbox/deliveries", json={"secret": SECRET}).json()["deliveries"]
    body = base64.b64decode(answer[0]["body"])
    assert body == server.site.deliveries[0].body
    assert answer[0]["headers"]["X-Hub-Signature-256"] == signature(SECRET, body)


def test_nobody_listening_is_no_error_for_who_changes(server: GitHubServer) -> None:
    with httpx.Client(base_url=server.url) as client:
        gone = {"url": "http://127.0.0.1:9/hook", "secret": "s"}
        assert client.post("/sandbox/hook", json=gone).status_code == 200
        assert client.post("/sandbox/open", json={"repository": HOME, "title": "x"}).status_code == 200
