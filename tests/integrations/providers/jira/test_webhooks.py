"""Reading webhook deliveries: who may deliver, what they are about, and what is kept of them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import Permanent
from integrations.provider import Connection, WebhookEvent
from integrations.registry import get_provider
from tests.support.deliveries import SECRET, change, delivery, encoded, issue, project, signed

PROVIDER = get_provider("jira")
Settings = Mapping[str, str]
NO_SETTINGS: Settings = {}


def connection(secret: str = SECRET, settings: Settings = NO_SETTINGS) -> Connection:
    return Connection(1, "Acme", {"base_url": "https://acme.example", **settings}, {"webhook_secret": secret})


def read(content: Any, headers: Settings = NO_SETTINGS, *, settings: Settings = NO_SETTINGS) -> WebhookEvent:
    """A signed delivery, read."""
    body = content if isinstance(content, bytes) else encoded(content)
    return PROVIDER.webhook(connection(settings=settings), {**signed(body), **headers}, body, "")


def items_of(content: Any, settings: Settings = NO_SETTINGS) -> list[str]:
    return list(read(content, settings=settings).items)


def kept(event: WebhookEvent) -> Any:
    """What is stored of a delivery."""
    assert event.answer is not None
    return json.loads(event.answer.body)


# Who may deliver


@pytest.mark.parametrize("name", ["x-hub-signature", "x-hub-signature-256"])
def test_a_signature_of_the_bytes_lets_a_delivery_in(name: str) -> None:
    body = encoded(delivery())

    assert PROVIDER.webhook(connection(), signed(body, name=name), body, "").items == ("10040",)


def test_the_signature_is_the_one_that_others_compute() -> None:
    """A pair of secret and body whose signature is published."""
    secret = "It's a Secret to Everybody"
    headers = {"x-hub-signature": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}

    # It comes as far as being read, and is no JSON.
    with pytest.raises(Permanent, match="not JSON"):
        PROVIDER.webhook(connection(secret), headers, b"Hello, World!", "")


def test_the_secret_as_the_end_of_the_path_lets_a_delivery_in() -> None:
    assert PROVIDER.webhook(connection(), {}, encoded(delivery()), SECRET).items == ("10040",)


@pytest.mark.parametrize(
    ("headers", "token", "reason"),
    [
        ({}, "", "neither a signature nor a secret path"),
        ({"x-hub-signature": ""}, "", "signature is wrong"),
        ({"x-hub-signature": "sha256="}, "", "signature is wrong"),
        ({"x-hub-signature": "sha1=2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"}, "", "signature is wrong"),
        ({"x-hub-signature": "sha256=é\udcff"}, "", "signature is wrong"),
        ({}, "another", "secret in the path is wrong"),
        ({}, SECRET[:-1], "secret in the path is wrong"),
        ({}, "é\udcff", "secret in the path is wrong"),
    ],
)
def test_nobody_else_gets_in(headers: dict[str, str], token: str, reason: str) -> None:
    with pytest.raises(PermissionError, match=reason):
        PROVIDER.webhook(connection(), headers, encoded(delivery()), token)


def test_a_body_that_was_changed_by_a_byte_is_refused() -> None:
    body = encoded(delivery())

    with pytest.raises(PermissionError, match="signature is wrong"):
        PROVIDER.webhook(connection(), signed(body), body + b" ", "")


@pytest.mark.parametrize("secret", ["", "  "])
def test_an_integration_without_a_secret_lets_nobody_in(secret: str) -> None:
    body = encoded(delivery())

    for headers, token in (({}, ""), (signed(body, secret.strip()), ""), ({}, " ")):
        with pytest.raises(PermissionError, match="no webhook_secret"):
            PROVIDER.webhook(connection(secret), headers, body, token)


def test_what_is_not_verified_is_not_parsed() -> None:
    with pytest.raises(PermissionError):
        PROVIDER.webhook(connection(), {}, b"{" * 100_000, "wrong")


# What a delivery is about


@pytest.mark.parametrize(
    "content",
    [
        delivery("jira:issue_created", change("summary", None, "A summary", fieldId="summary")),
        delivery("jira:issue_updated", change("status", "To Do", "Done")),
        delivery("jira:issue_updated"),
        delivery("jira:issue_deleted", changelog=None, issue_event_type_name=None),
        delivery("jira:issue_updated", changelog=None, comment={"id": "10019", "body": "text"}),
        delivery(None, issue_event_type_name=None, changelog=None, comment={"id": "10019"}),
    ],
    ids=["created", "updated", "empty-history", "deleted", "commented", "old-server"],
)
def test_each_shape_of_an_issue_event_names_its_issue(content: dict[str, Any]) -> None:
    event = read(content)

    assert event.items == ("10040",)
    assert event.answer is not None
    assert (event.answer.entity_type, event.answer.external_id) == ("jira_webhooks", "issue:10040:webhook")
    assert event.answer.metadata["event"] == event.name


def test_an_old_servers_delivery_without_a_name_counts_as_an_update() -> None:
    assert read(delivery(None)).name == "jira:issue_updated"


def test_an_id_that_is_a_number_is_the_same_as_one_that_is_text() -> None:
    assert items_of(delivery(issue=issue(10040))) == items_of(delivery(issue=issue("10040"))) == ["10040"]


@pytest.mark.parametrize(
    "content",
    [
        {"timestamp": 1559607317234, "webhookEvent": "comment_created", "comment": {"id": "10082"}},
        {"timestamp": 1559607317234, "webhookEvent": "sprint_started", "sprint": {"id": 3}},
        {"timestamp": 1559607317234, "webhookEvent": "comment_deleted", "comment": {"id": "10082"}, "issue": None},
        {"webhookEvent": "attachment_created", "issue": []},
        *[delivery(name) for name in ("comment_created", "worklog_updated", "jira:worklog_updated", "anything:new")],
    ],
)
def test_an_event_that_does_not_tell_of_a_changed_issue_is_about_nothing(content: dict[str, Any]) -> None:
    event = read(content)

    assert (list(event.items), event.answer) == ([], None)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not JSON"),
        (b"Hello", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ([], "of type list, not an object"),
        ({}, "webhookEvent is missing"),
        ({"webhookEvent": 7, "issue": issue()}, "webhookEvent is 7, not the name of an event"),
        ({"webhookEvent": "jira:\x00", "issue": issue()}, "not the name of an event"),
        ({"webhookEvent": "x" * 101, "issue": issue()}, "not the name of an event"),
        (delivery("jira:issue_updated", issue=None), "issue is missing"),
        (delivery("jira:issue_updated", issue=[]), "issue is .*, not an object"),
        (delivery(issue={"key": "PAY-1"}), "issue.id is missing"),
        (delivery(issue=issue("1) OR project = SECRET --")), r"issue.id is .*, not an id"),
        (delivery(issue=issue("²")), "issue.id is '²', not an id"),
        (delivery(issue=issue("1" * 21)), "issue.id is '1+', not an id"),
        (delivery(issue=issue(-1)), "issue.id is '-1', not an id"),
        (delivery(issue={"id": True}), "issue.id is True, not an id"),
    ],
)
def test_what_is_no_delivery_is_refused_with_the_part_that_is_wrong(content: Any, complaint: str) -> None:
    with pytest.raises(Permanent, match=complaint):
        read(content)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from("webhookEvent issue id fields project key changelog items field fieldId".split()), inner
        ),
        max_leaves=25,
    )
)  # fmt: skip
def test_no_shape_crashes_the_reader(content: Any) -> None:
    try:
        event = read(content, settings={"projects": "PAY", "exclude_fields": "description"})
    except Permanent:
        return
    assert all(item.isdecimal() for item in event.items)
    assert (event.answer is None) == (not event.items)


# Scope


@pytest.mark.parametrize("settings", [{"projects": "OPS"}, {"projects": "10001,OPS"}, {"exclude_projects": "pay"},
                                      {"exclude_projects": "10000"}])  # fmt: skip
@pytest.mark.parametrize("event", ["jira:issue_created", "jira:issue_updated", "jira:issue_deleted"])
def test_what_happens_in_projects_that_are_not_read_is_about_nothing(event: str, settings: dict[str, str]) -> None:
    found = read(delivery(event, change("status", "To Do", "Done")), settings=settings)

    assert (list(found.items), found.answer) == ([], None)


@pytest.mark.parametrize(
    "settings", [{"projects": "pay"}, {"projects": "10000"}, {"exclude_projects": "OPS"}, {"projects": "OPS,PAY"}]
)
def test_what_happens_in_projects_that_are_read_is_told(settings: dict[str, str]) -> None:
    assert items_of(delivery(), settings) == ["10040"]


@pytest.mark.parametrize("field", ["project", "Key"])
def test_an_issue_that_leaves_for_a_project_that_is_not_read_is_told(field: str) -> None:
    moved = delivery("jira:issue_updated", change(field, "PAY", "OPS"), issue=issue(project=project("10001", "OPS")))

    assert items_of(moved, {"projects": "PAY"}) == ["10040"]


@pytest.mark.parametrize("fields", [None, [], {"project": None}, {"project": "PAY"}])
def test_a_delivery_that_names_no_project_is_told(fields: Any) -> None:
    content = delivery("jira:issue_deleted", issue={"id": "10040", "fields": fields})

    assert items_of(content, {"projects": "OPS"}) == ["10040"]


# Its id


def test_the_same_delivery_sent_again_has_the_same_id() -> None:
    first = read(delivery(), {"x-atlassian-webhook-identifier": "abc-1", "x-atlassian-webhook-retry": "0"})
    again = read(delivery(), {"x-atlassian-webhook-identifier": "abc-1", "x-atlassian-webhook-retry": "2"})

    assert first.delivery_id == again.delivery_id == "abc-1"


@pytest.mark.parametrize("given_id", ["", "   ", "é" * 10, "x" * 256, "a\x00b"])
def test_without_an_id_that_can_be_kept_the_bodys_hash_is_it(given_id: str) -> None:
    headers = {"x-atlassian-webhook-identifier": given_id}

    found = [read(delivery(timestamp=time), headers).delivery_id for time in (1, 1, 2)]

    assert found[0] == found[1] != found[2]
    assert all(name.startswith("sha256:") for name in found)


# What is kept


def test_a_delivery_is_kept_byte_for_byte() -> None:
    body = b' {"webhookEvent" : "jira:issue_updated", "issue": {"id": "7", "note": "\\u0000 3.0"}, "n": 3.0}'

    event = read(body)

    assert event.answer is not None
    assert event.answer.body == body


def test_fields_never_to_be_stored_are_not_kept() -> None:
    content = delivery(
        "jira:issue_updated",
        change("description", "a secret text", "another secret text", fieldId="description"),
        change("Salary", "a secret sum", "another", fieldId="customfield_1", fieldtype="custom"),
        change("Salary", "a secret sum", "another", fieldtype="custom"),
        change("description", "a secret text", None),
        change("status", "To Do", "Done", fieldId="status"),
        comment={"id": "1", "body": "a secret comment"},
        issue=issue(
            customfield_1="a secret sum",
            comment={"comments": [{"body": "a secret comment"}]},
            parent={"id": "1", "fields": {"description": "a secret text"}},
        ),
    )

    event = read(content, settings={"exclude_fields": "description, comment, customfield_1"})
    stored = kept(event)

    assert "secret" not in json.dumps(stored)
    assert "Wiki" not in json.dumps(stored)
    assert [item["field"] for item in stored["changelog"]["items"]] == ["status"]
    assert stored["issue"]["fields"]["summary"] == "A summary"
    assert stored["timestamp"] == content["timestamp"]


def test_what_is_kept_holds_no_secret() -> None:
    body = encoded(delivery())
    headers = {**signed(body), "authorization": "Basic c2VjcmV0"}
    event = PROVIDER.webhook(connection(), headers, body, SECRET)

    assert SECRET not in repr(event)
    assert headers["x-hub-signature"] not in repr(event)
    assert "c2VjcmV0" not in repr(event)
