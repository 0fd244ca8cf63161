"""Verifying and reading what Jira's webhooks deliver.

A delivery only says that something happened to an issue, which is then fetched again: what it holds is not loaded. Its
issue has wiki text where the API has documents, its history has no times, and it may be half an hour late.

https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.errors import Permanent
from integrations.http import Response
from integrations.json_text import parse
from integrations.json_values import Json, UnreadableError, described, section
from integrations.provider import Answer, Connection, PlanContext, ProjectRef, WebhookEvent
from integrations.providers.jira.excluded import excluded_fields, without
from integrations.providers.jira.extract_catalogue import projects_in_scope
from integrations.providers.jira.normalise import WEBHOOKS
from integrations.providers.jira.values import identity

UPDATED = "jira:issue_updated"
# Jira's own, and the name that most others use for the same.
_SIGNATURES = ("x-hub-signature", "x-hub-signature-256")
_IDENTIFIER, _RETRY = "x-atlassian-webhook-identifier", "x-atlassian-webhook-retry"
_EVENT_NAME = re.compile(r"[\w:.-]{1,100}", re.ASCII)
_DELIVERY_ID = re.compile(r"[\x21-\x7e]{1,255}")
# How a history names that an issue went to another project.
_MOVES = {"project", "Key"}


def read_webhook(connection: Connection, headers: Mapping[str, str], body: bytes, token: str) -> WebhookEvent:
    """`Provider.webhook` for Jira."""
    _verify(connection.setting("webhook_secret"), headers, body, token)
    delivery = _parsed(body)
    try:
        name = _event_name(delivery)
        issue_id = _issue_id(delivery, name)
        wanted = issue_id is not None and (_in_scope(connection, delivery["issue"]) or _moved(delivery))
    except UnreadableError as error:
        raise Permanent(f"the delivery cannot be read: {error.reason}") from error
    delivery_id = _delivery_id(headers, body)
    if issue_id is None or not wanted:
        return WebhookEvent(delivery_id, name)
    kept = _storable(delivery, body, excluded_fields(connection))
    metadata = {"event": name, "delivery_id": delivery_id, "retry": headers.get(_RETRY, "")[:20]}
    return WebhookEvent(delivery_id, name, (issue_id,), Answer(WEBHOOKS, f"issue:{issue_id}:webhook", kept, metadata))


def _verify(secret: str, headers: Mapping[str, str], body: bytes, token: str) -> None:
    """Before anything is parsed: who has not the secret reaches no parser. Raises PermissionError."""
    if not secret:
        raise PermissionError("no webhook_secret is set")
    if token:
        if not _same(token, secret):
            raise PermissionError("the secret in the path is wrong")
        return
    given = [headers[name].strip().lower() for name in _SIGNATURES if name in headers]
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not any(_same(signature, expected) for signature in given):
        raise PermissionError("the signature is wrong" if given else "there is neither a signature nor a secret path")


def _same(given: str, expected: str) -> bool:
    """In a time that does not tell how much of it is right. As bytes: compare_digest refuses text beyond ASCII."""
    return hmac.compare_digest(given.encode(errors="backslashreplace"), expected.encode(errors="backslashreplace"))


def _parsed(body: bytes) -> Json:
    try:
        delivery = parse(body)
    except (ValueError, RecursionError) as error:
        raise Permanent(f"the delivery is not JSON: {error}") from error
    if type(delivery) is not dict:
        raise Permanent(f"the delivery is {described(delivery)}, not an object")
    return delivery


def _event_name(delivery: Json) -> str:
    name = delivery.get("webhookEvent")
    # Old servers send the issue and who changed it, and no name for what happened.
    if name is None and "issue" in delivery:
        return UPDATED
    if type(name) is str and _EVENT_NAME.fullmatch(name):
        return name
    raise UnreadableError("webhookEvent", name, "the name of an event")


def _issue_id(delivery: Json, name: str) -> str | None:
    """The issue that was created, updated or deleted; None for any other event.

    Comments and worklogs of some sites name their issue too. Nothing of theirs is loaded, and what they change of the
    issue is told by an event of its own.
    """
    if not name.startswith("jira:issue_"):
        return None
    issue_id = identity(section(delivery, "issue"), "id", "issue")
    # It becomes part of a query.
    if not (issue_id.isascii() and issue_id.isdecimal() and len(issue_id) <= 20):
        raise UnreadableError("issue.id", issue_id, "an id")
    return issue_id


def _in_scope(connection: Connection, issue: Json) -> bool:
    """Whether the issue's project is one to be read. A delivery that does not name it is: the fetch will see."""
    fields = issue.get("fields")
    project = fields.get("project") if type(fields) is dict else None
    if type(project) is not dict:
        return True
    named = ProjectRef(str(project.get("id", "")), str(project.get("key", "")))
    return bool(projects_in_scope(connection, PlanContext(projects=[named])))


def _changes(delivery: Json) -> list[Any]:
    """The items of the history entry that a delivery may hold."""
    changelog = delivery.get("changelog")
    items = changelog.get("items") if type(changelog) is dict else None
    return items if type(items) is list else []


def _moved(delivery: Json) -> bool:
    """Whether the issue just came from another project: that one may be in scope where its new one is not."""
    return any(type(item) is dict and item.get("field") in _MOVES for item in _changes(delivery))


def _delivery_id(headers: Mapping[str, str], body: bytes) -> str:
    """Jira's own id, which is the same when it delivers again; a hash where there is none, as from old servers."""
    given = headers.get(_IDENTIFIER, "").strip()
    return given if _DELIVERY_ID.fullmatch(given) else f"sha256:{hashlib.sha256(body).hexdigest()}"


def _storable(delivery: Json, body: bytes, excluded: Sequence[str]) -> bytes:
    """The delivery as it came, without the fields that are never to be stored. ``delivery`` is changed in place."""
    if not excluded:
        return body
    # A comment or a worklog stands beside its issue.
    content = {name: value for name, value in delivery.items() if name not in excluded}
    if len(content) < len(delivery):
        body = _written(content)
    # Servers give no ids of custom fields in histories, nor does a delivery explain its names: none of them stays.
    names = [item["field"] for item in _changes(content) if _is_anonymous(item)]
    return without(Response("a webhook", 200, {}, body, None), content, excluded, names)[0].body


def _written(content: Json) -> bytes:
    # Not orjson: it refuses lone surrogates, which the store knows how to mend.
    try:
        return json.dumps(content).encode()
    except RecursionError:
        raise Permanent("the delivery is nested too deeply to leave fields out of it") from None


def _is_anonymous(item: object) -> bool:
    """Whether a change is one of a custom field that is only named."""
    return (
        type(item) is dict
        and not item.get("fieldId")
        and item.get("fieldtype") != "jira"
        and type(item.get("field")) is str
    )
