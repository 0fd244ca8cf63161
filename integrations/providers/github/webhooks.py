"""Verifying and reading what GitHub's webhooks deliver.

A delivery only says that something happened to a pull request or a repository, which is then asked for again: what it
holds is not loaded. It is written in REST's words, lacks most of a pull request, and may come late or twice.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from integrations.errors import Permanent
from integrations.json_text import parse
from integrations.json_values import Json, UnreadableError, section
from integrations.provider import Answer, Connection, WebhookEvent
from integrations.providers.github.normalise import WEBHOOKS
from integrations.providers.github.refetch import head_item, newest_item, repository_item
from integrations.providers.github.scope import Scope, checked_scope
from integrations.providers.github.values import optional_section, required_text, text

_SIGNATURE, _EVENT, _DELIVERY = "x-hub-signature-256", "x-github-event", "x-github-delivery"
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 10
_EVENT_NAME = re.compile(r"[a-z0-9_]{1,100}")
_DELIVERY_ID = re.compile(r"[\x21-\x7e]{1,255}")
_NODE_ID = re.compile(r"[\w=+-]{1,200}", re.ASCII)
_FULL_NAME = re.compile(r"[\w-]{1,100}/[\w.-]{1,100}", re.ASCII)
# What git takes for the name of one.
_BRANCH = re.compile(r"refs/heads/([^\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]{1,1000})")
_SHOWN_CHARACTERS = 100

Items = tuple[str, ...]


def read_webhook(connection: Connection, headers: Mapping[str, str], body: bytes, token: str) -> WebhookEvent:
    """`Provider.webhook` for GitHub, which signs its deliveries: there is no secret in the path."""
    _verify(connection.setting("webhook_secret"), headers, body, token)
    name, delivery_id = _event_name(headers), _delivery_id(headers, body)
    if name not in _READERS:
        return WebhookEvent(delivery_id, name)
    content = _content(headers, body)
    delivery = _parsed(content)
    try:
        items, action = _READERS[name](checked_scope(connection), delivery), text(delivery, "action")
    except UnreadableError as error:
        raise Permanent(f"the delivery cannot be read: {error.reason}") from error
    if not items:
        return WebhookEvent(delivery_id, name)
    metadata = {"event": name, "action": (action or "")[:_SHOWN_CHARACTERS], "delivery_id": delivery_id}
    return WebhookEvent(delivery_id, name, items, Answer(WEBHOOKS, f"{items[0]}:webhook", content, metadata))


def _verify(secret: str, headers: Mapping[str, str], body: bytes, token: str) -> None:
    """Before anything is parsed: who has not the secret reaches no parser. Raises PermissionError."""
    if not secret:
        raise PermissionError("no webhook_secret is set")
    if token:
        raise PermissionError("a secret in the path is not taken: GitHub signs its deliveries")
    if _SIGNATURE not in headers:
        raise PermissionError("there is no signature")
    given = headers[_SIGNATURE].strip().lower()
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    # As bytes: it refuses text beyond ASCII.
    if not hmac.compare_digest(given.encode(errors="backslashreplace"), expected.encode()):
        raise PermissionError("the signature is wrong")


def _event_name(headers: Mapping[str, str]) -> str:
    name = headers.get(_EVENT, "").strip()
    if _EVENT_NAME.fullmatch(name):
        return name
    found = f"is {name[:_SHOWN_CHARACTERS]!r}" if name else "is missing"
    raise Permanent(f"the header X-GitHub-Event {found}, not the name of an event")


def _delivery_id(headers: Mapping[str, str], body: bytes) -> str:
    """GitHub's own id, which is the same when it delivers again; a hash where something on the way took it off."""
    given = headers.get(_DELIVERY, "").strip()
    return given if _DELIVERY_ID.fullmatch(given) else f"sha256:{hashlib.sha256(body).hexdigest()}"


def _content(headers: Mapping[str, str], body: bytes) -> bytes:
    """The delivery's JSON. A webhook may be set up to send it as a form's field ``payload``."""
    if not headers.get("content-type", "").strip().lower().startswith(_FORM):
        return body
    try:
        fields = parse_qs(body.decode("ascii"), errors="strict", max_num_fields=_MOST_FIELDS)
        (payload,) = fields["payload"]
    except (ValueError, KeyError) as error:
        raise Permanent("the delivery is a form without one readable field 'payload'") from error
    return payload.encode()


def _parsed(content: bytes) -> Json:
    try:
        delivery = parse(content)
    except (ValueError, RecursionError) as error:
        raise Permanent(f"the delivery is not JSON: {error}") from error
    if type(delivery) is not dict:
        raise Permanent(f"the delivery is of type {type(delivery).__name__}, not an object")
    return delivery


def _of_pull_request(scope: Scope, delivery: Json) -> Items:
    node_id = _node_id(section(delivery, "pull_request"), "pull_request")
    return (node_id,) if scope.holds(_full_name(delivery)) else ()


def _of_comment(scope: Scope, delivery: Json) -> Items:
    """Of a comment on a pull request, which is called an issue there; one on any other issue is about nothing."""
    issue = section(delivery, "issue")
    if not optional_section(issue, "pull_request", "issue"):
        return ()
    node_id = _node_id(issue, "issue")
    return (node_id,) if scope.holds(_full_name(delivery)) else ()


def _of_push(scope: Scope, delivery: Json) -> Items:
    """The pull requests of its branch, which it does not name; of the default one, where others end, the newest."""
    branch, full_name = _BRANCH.fullmatch(required_text(delivery, "ref")), _full_name(delivery)
    if not branch or not scope.holds(full_name):
        return ()
    is_default = branch[1] == text(section(delivery, "repository"), "default_branch", "repository")
    return (newest_item(full_name) if is_default else head_item(full_name, branch[1]),)


def _of_repository(scope: Scope, delivery: Json) -> Items:
    """The repository, by the name that it had where it left the scope with it: so it is found to be gone."""
    full_name = _full_name(delivery)
    names = (full_name, _former_name(full_name, optional_section(delivery, "changes")))
    return tuple(repository_item(name) for name in names if _FULL_NAME.fullmatch(name) and scope.holds(name))[:1]


def _former_name(full_name: str, changes: Json) -> str:
    """What the repository was called before it was renamed or transferred; the same where neither happened."""
    owner, _, name = full_name.partition("/")
    renamed = _inner(changes, "repository", "name")
    transferred = _inner(changes, "owner", "from")
    account = optional_section(transferred, "organization") or optional_section(transferred, "user")
    return f"{text(account, 'login') or owner}/{text(renamed, 'from') or name}"


def _inner(holder: Json, outer: str, inner: str) -> Json:
    return optional_section(optional_section(holder, outer), inner, outer)


def _full_name(delivery: Json) -> str:
    full_name = required_text(section(delivery, "repository"), "full_name", "repository")
    if _FULL_NAME.fullmatch(full_name):
        return full_name
    raise UnreadableError("repository.full_name", full_name, "an owner and a name")


def _node_id(holder: Json, path: str) -> str:
    node_id = required_text(holder, "node_id", path)
    if _NODE_ID.fullmatch(node_id):
        return node_id
    raise UnreadableError(f"{path}.node_id", node_id, "an id")


# Any other event is about nothing that is read: a ping says that the webhook was set up.
_READERS: Mapping[str, Callable[[Scope, Json], Items]] = {
    "pull_request": _of_pull_request,
    "pull_request_review": _of_pull_request,
    "pull_request_review_comment": _of_pull_request,
    "pull_request_review_thread": _of_pull_request,
    "issue_comment": _of_comment,
    "push": _of_push,
    "repository": _of_repository,
}
