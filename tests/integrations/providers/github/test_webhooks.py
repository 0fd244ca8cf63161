"""Reading webhook deliveries: who may deliver, what they are about, and what is kept of them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import Permanent
from integrations.provider import Connection, RawAnswer, WebhookEvent
from integrations.providers.github.normalise import WEBHOOKS, normalise
from integrations.providers.github.webhooks import read_webhook
from integrations.sandbox.github import GitHubSite, GitHubSpec
from tests.support.deliveries import SECRET, encoded, signed
from tests.support.github_deliveries import (
    GUID,
    PULL_REQUEST_ID,
    as_form,
    comment,
    delivery,
    form_headers,
    headers,
    pull_request,
    push,
    renamed,
    repository_event,
    transferred,
)

Settings = Mapping[str, str]
NO_SETTINGS: Settings = {}
NAME = "x-hub-signature-256"


def connection(secret: str = SECRET, settings: Settings = NO_SETTINGS) -> Connection:
    return Connection(1, "Acme", {"organization": "acme", **settings}, {"token": "t", "webhook_secret": secret})


def read(
    content: Any, event: str = "pull_request", settings: Settings = NO_SETTINGS, *, delivery_id: str = GUID
) -> WebhookEvent:
    """A signed delivery, read."""
    body = content if isinstance(content, bytes) else encoded(content)
    return read_webhook(connection(settings=settings), headers(body, event, guid=delivery_id), body, "")


def items(content: Any, event: str = "pull_request", settings: Settings = NO_SETTINGS) -> list[str]:
    found = read(content, event, settings)
    assert (found.answer is None) == (not found.items)
    return list(found.items)


# Who may deliver


def test_the_signature_is_the_one_of_the_vendors_example() -> None:
    body, secret = b"Hello, World!", "It's a Secret to Everybody"
    given = {NAME: "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}

    # It comes as far as being read, and is no JSON.
    with pytest.raises(Permanent, match="not JSON"):
        read_webhook(connection(secret), {**headers(body), **given}, body, "")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "there is no signature"),
        ({"x-hub-signature": signed(encoded(delivery()))["x-hub-signature"]}, "there is no signature"),
        ({NAME: ""}, "the signature is wrong"),
        ({NAME: "sha256="}, "the signature is wrong"),
        ({NAME: signed(encoded(delivery()))["x-hub-signature"].removeprefix("sha256=")}, "the signature is wrong"),
        ({NAME: signed(encoded(delivery()), "another")["x-hub-signature"]}, "the signature is wrong"),
        ({NAME: "sha256=é\udcff"}, "the signature is wrong"),
    ],
)
def test_nobody_else_gets_in(given: dict[str, str], reason: str) -> None:
    body = encoded(delivery())
    unsigned = {name: value for name, value in headers(body).items() if name != NAME}

    with pytest.raises(PermissionError, match=reason):
        read_webhook(connection(), {**unsigned, **given}, body, "")


@pytest.mark.parametrize("position", [0, 10, -1])
def test_a_body_that_was_changed_by_a_byte_is_refused(position: int) -> None:
    body = bytearray(encoded(delivery()))
    given = headers(bytes(body))
    body[position] ^= 1

    with pytest.raises(PermissionError, match="signature is wrong"):
        read_webhook(connection(), given, bytes(body), "")


@pytest.mark.parametrize("secret", ["", "  "])
def test_an_integration_without_a_secret_lets_nobody_in(secret: str) -> None:
    body = encoded(delivery())

    for key in ("", " ", SECRET):
        with pytest.raises(PermissionError, match="no webhook_secret"):
            read_webhook(connection(secret), headers(body, secret=key), body, "")


def test_the_secret_does_not_belong_into_the_path() -> None:
    body = encoded(delivery())

    for named in ({}, headers(body)):
        with pytest.raises(PermissionError, match="secret in the path is not taken"):
            read_webhook(connection(), named, body, SECRET)


def test_what_is_not_verified_is_not_parsed() -> None:
    body = b"{" * 100_000

    with pytest.raises(PermissionError):
        read_webhook(connection(), headers(body, secret="wrong"), body, "")


# What a delivery is about


@pytest.mark.parametrize(
    "event",
    ["pull_request", "pull_request_review", "pull_request_review_comment", "pull_request_review_thread"],
)
def test_what_happens_to_a_pull_request_is_told(event: str) -> None:
    assert items(delivery(), event) == [PULL_REQUEST_ID]


def test_a_comment_is_about_a_pull_request_where_it_is_on_one() -> None:
    assert items(comment(), "issue_comment") == [PULL_REQUEST_ID]
    assert items(comment(on_pull_request=False), "issue_comment") == []


def test_a_push_is_about_the_pull_requests_of_its_branch() -> None:
    assert items(push(ref="refs/heads/fix/it"), "push") == ["head:acme/web:fix/it"]
    assert items(push(ref="refs/heads/größe,🎉"), "push") == ["head:acme/web:größe,🎉"]
    for ref in ("refs/tags/v1", "refs/heads/", "refs/heads/a:b", "refs/heads/a\0b", "refs/heads/\ud83d"):
        assert items(push(ref=ref), "push") == []


def test_a_push_to_the_default_branch_is_about_the_newest_ones_which_it_may_have_merged() -> None:
    assert items(push(ref="refs/heads/main"), "push") == ["newest:acme/web"]


def test_an_event_of_any_name_that_is_about_nothing_is_ignored() -> None:
    for event in ("projects_v2_item", "star", "installation_repositories"):
        assert items({"action": "edited"}, event) == []


@pytest.mark.parametrize("action", ["created", "archived", "unarchived", "deleted", "edited", "privatized"])
def test_what_happens_to_a_repository_is_told(action: str) -> None:
    assert items(repository_event(action), "repository") == ["repository:acme/web"]


def test_a_repository_that_is_called_otherwise_is_told_by_its_new_name() -> None:
    assert items(renamed("acme/shop", "web"), "repository") == ["repository:acme/shop"]
    assert items(transferred("acme/web", "labs"), "repository") == ["repository:acme/web"]


@pytest.mark.parametrize(
    ("content", "settings", "found"),
    [
        (renamed("acme/shop", "api-web"), {"repositories": "api-*"}, ["repository:acme/api-web"]),
        (renamed("acme/api-web", "shop"), {"repositories": "api-*"}, ["repository:acme/api-web"]),
        (renamed("acme/shop", "web"), {"repositories": "api-*"}, []),
        (transferred("labs/web", "acme"), {}, ["repository:acme/web"]),
        (transferred("ada/web", "acme", "user"), {}, ["repository:acme/web"]),
        (transferred("labs/web", "ada", "user"), {}, []),
    ],
)
def test_a_repository_that_leaves_the_scope_is_told_by_the_name_that_it_had(
    content: Any, settings: Settings, found: list[str]
) -> None:
    assert items(content, "repository", settings) == found


@pytest.mark.parametrize("event", ["ping", "star", "check_run", "workflow_job", "installation_repositories"])
def test_any_other_event_is_about_nothing_and_not_even_read(event: str) -> None:
    found = read(b"whatever", event)

    assert (found.name, found.delivery_id, list(found.items), found.answer) == (event, GUID, [], None)


CASES = [(delivery, "pull_request"), (comment, "issue_comment"), (push, "push")]


@pytest.mark.parametrize(("made", "event"), CASES)
@pytest.mark.parametrize(
    "settings", [{"organization": "other"}, {"repositories": "api-*"}, {"exclude_repositories": "Acme/WEB"}]
)
def test_what_happens_in_repositories_that_are_not_read_is_about_nothing(
    made: Any, event: str, settings: Settings
) -> None:
    assert items(made("acme/web"), event, settings) == []
    assert items(repository_event("deleted", "acme/web"), "repository", settings) == []


@pytest.mark.parametrize(("made", "event"), CASES)
@pytest.mark.parametrize("settings", [{"organization": "", "repositories": "acme/web"}, {"repositories": "W*"}])
def test_what_happens_in_repositories_that_are_read_is_told(made: Any, event: str, settings: Settings) -> None:
    assert len(items(made("Acme/Web"), event, settings)) == 1


@pytest.mark.parametrize(
    ("content", "event", "complaint"),
    [
        (b"", "pull_request", "not JSON"),
        (b"[" * 200_000, "pull_request", "not JSON"),
        (b"\xff\xfe", "push", "not JSON"),
        ([], "pull_request", "of type list, not an object"),
        ({}, "pull_request", "pull_request is missing"),
        (delivery(pull_request=[]), "pull_request", "pull_request is .*, not an object"),
        (delivery(pull_request={"id": 7}), "pull_request_review", "pull_request.node_id is missing"),
        (delivery(pull_request=pull_request(node_id=7)), "pull_request", "pull_request.node_id is 7, not text"),
        (delivery(pull_request=pull_request(node_id="PR/1")), "pull_request", "node_id is 'PR/1', not an id"),
        (delivery(pull_request=pull_request(node_id="P" * 201)), "pull_request", "node_id is .*, not an id"),
        (delivery(repository=None), "pull_request", "repository is missing"),
        (delivery(repository={"full_name": 7}), "pull_request", "repository.full_name is 7, not text"),
        (delivery("acme/web/x"), "pull_request", "full_name is 'acme/web/x', not an owner and a name"),
        (delivery("acme"), "pull_request", "full_name is 'acme', not an owner and a name"),
        (delivery(action=7), "pull_request", "action is 7, not text"),
        (push(ref=""), "push", "ref is .*, not text"),
        ({"repository": 1, "ref": "refs/heads/x"}, "push", "repository is 1, not an object"),
        ({"issue": {"pull_request": 1}}, "issue_comment", "issue.pull_request is 1, not an object"),
        ({"comment": {}}, "issue_comment", "issue is missing"),
        ({**repository_event("renamed"), "changes": 1}, "repository", "changes is 1, not an object"),
        (repository_event("renamed", repository={"name": "x"}), "repository", "repository.name is 'x', not an object"),
        (delivery(), "", "X-GitHub-Event is missing"),
        (delivery(), "Pull Request", "X-GitHub-Event is 'Pull Request', not the name of an event"),
    ],
)
def test_what_is_no_delivery_is_refused_with_the_part_that_is_wrong(content: Any, event: str, complaint: str) -> None:
    with pytest.raises(Permanent, match=complaint):
        read(content, event)


_NAMES = "action issue pull_request node_id repository full_name ref changes owner name from organization login"


@given(
    st.sampled_from(["pull_request", "pull_request_review", "issue_comment", "push", "repository"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["acme/web", "refs/heads/x"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES.split()), inner),
        max_leaves=25,
    ),
)
def test_no_shape_crashes_the_reader(event: str, content: Any) -> None:
    try:
        found = read(content, event)
    except Permanent:
        return
    assert (found.answer is None) == (not found.items)


# Forms


def test_a_delivery_may_come_as_a_form() -> None:
    content = encoded(delivery(pull_request=pull_request(title="Ä & = % + 🎉")))
    body = as_form(content)

    found = read_webhook(connection(), form_headers(body), body, "")

    assert found.items == (PULL_REQUEST_ID,)
    assert found.answer is not None
    assert found.answer.body == content
    with_charset = {**form_headers(body), "content-type": "Application/X-WWW-form-urlencoded; charset=utf-8"}
    assert read_webhook(connection(), with_charset, body, "") == found


@pytest.mark.parametrize(
    "body",
    [b"", b"payload", b"payload=", b"other=1", b"payload=%7B%7D&payload=%7B%7D", b"payload=%ff", b"payload=\xff",
     b"&".join(b"field%d=x" % number for number in range(20)), as_form(b"Hello")],
)  # fmt: skip
def test_a_form_without_a_delivery_is_refused(body: bytes) -> None:
    with pytest.raises(Permanent, match=r"without one readable field 'payload'|not JSON"):
        read_webhook(connection(), form_headers(body), body, "")


# Its id, and what is kept


def test_the_same_delivery_sent_again_has_the_same_id() -> None:
    assert read(delivery()).delivery_id == read(delivery()).delivery_id == GUID


@pytest.mark.parametrize("given_id", ["", "   ", "é" * 10, "x" * 256, "a\x00b"])
def test_without_an_id_that_can_be_kept_the_bodys_hash_is_it(given_id: str) -> None:
    found = [read(delivery(number=number), delivery_id=given_id).delivery_id for number in (1, 1, 2)]

    assert found[0] == found[1] != found[2]
    assert all(name.startswith("sha256:") for name in found)


def test_a_delivery_is_kept_byte_for_byte_and_makes_no_record() -> None:
    body = b" " + encoded(delivery(note=3.0)) + b" "

    answer = read(body).answer

    assert answer is not None
    assert (answer.entity_type, answer.external_id, answer.body) == (WEBHOOKS, f"{PULL_REQUEST_ID}:webhook", body)
    assert answer.metadata == {"event": "pull_request", "action": "synchronize", "delivery_id": GUID}
    raw = RawAnswer(answer.entity_type, answer.external_id, json.loads(answer.body), answer.metadata)
    assert normalise(raw).is_empty


def test_what_is_kept_holds_no_secret() -> None:
    body = encoded(delivery())
    given = {**headers(body), "authorization": "Basic c2VjcmV0"}

    found = repr(read_webhook(connection(), given, body, ""))

    for secret in (SECRET, given[NAME], "c2VjcmV0"):
        assert secret not in found


# The sandbox's own


def test_what_the_sandbox_delivers_is_read() -> None:
    site = GitHubSite(GitHubSpec(21, seed=3), lambda: 1_800_000_000)
    name = site.open_pull("acme/identity")
    site.push_commits(name)
    site.review_pull(name)
    site.merge_pull(name)
    site.rename_repository("acme/identity", "accounts")
    site.transfer_repository("acme/identity", "acme-labs")
    site.delete_repository("acme/identity")
    site.ping()

    found = []
    for one in site.deliveries:
        given = {header.lower(): value for header, value in one.headers(SECRET).items()}
        event = read_webhook(connection(), given, one.body, "")
        assert event.delivery_id == one.id
        found.append((event.name, list(event.items)))

    opened = site.deliveries[0].content["pull_request"]
    pull, branch = [opened["node_id"]], [f"head:acme/identity:{opened['head']['ref']}"]
    assert found == [
        ("pull_request", pull),
        ("pull_request", pull),
        ("push", branch),
        ("pull_request_review", pull),
        ("pull_request", pull),
        ("push", ["newest:acme/identity"]),
        ("repository", ["repository:acme/accounts"]),
        ("repository", ["repository:acme/accounts"]),
        ("repository", []),
        ("ping", []),
    ]
