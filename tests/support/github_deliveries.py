"""Webhook deliveries in the shapes in which GitHub sends them, as JSON and as forms."""

from typing import Any
from urllib.parse import urlencode

from tests.support.deliveries import SECRET, signed

FORM = "application/x-www-form-urlencoded"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
PULL_REQUEST_ID = "PR_kwDOAToIks5lGpWn"
Json = dict[str, Any]


def repository(full_name: str = "acme/web") -> Json:
    owner, _, name = full_name.partition("/")
    account = {"login": owner, "id": 6811672, "node_id": "MDEyOk9yZ2FuaXphdGlvbjY4MTE2NzI=", "type": "Organization"}
    return {"id": 20580498, "node_id": "R_kgDOATo", "name": name, "full_name": full_name, "owner": account,
            "private": True, "archived": False, "default_branch": "main"}  # fmt: skip


def pull_request(**parts: Any) -> Json:
    return {"id": 1696240039, "node_id": PULL_REQUEST_ID, "number": 12, "state": "open", "title": "PAY-1 Ask again",
            "user": None, "head": {"ref": "fix/it", "repo": None}, **parts}  # fmt: skip


def delivery(full_name: str = "acme/web", **parts: Any) -> Json:
    """What events of pull requests have in common; parts that are None are left out."""
    sender = {"login": "ada", "type": "User"}
    whole: Json = {"action": "synchronize", "number": 12, "pull_request": pull_request(),
                   "repository": repository(full_name), "sender": sender, **parts}  # fmt: skip
    return {name: value for name, value in whole.items() if value is not None}


def comment(full_name: str = "acme/web", *, on_pull_request: bool = True) -> Json:
    """A comment on a pull request, which is an issue in these words, or on an issue that is none."""
    issue: Json = {"id": 2101118275, "node_id": PULL_REQUEST_ID if on_pull_request else "I_kwDOAToIks4", "number": 12}
    if on_pull_request:
        issue["pull_request"] = {"url": f"https://api.github.com/repos/{full_name}/pulls/12", "merged_at": None}
    parts = {"action": "created", "issue": issue, "comment": {"id": 992852, "node_id": "IC_kwDO", "body": "Why?"}}
    return {**parts, "repository": repository(full_name)}


def push(full_name: str = "acme/web", ref: str = "refs/heads/fix/it") -> Json:
    return {"ref": ref, "before": "0" * 40, "after": "1" * 40, "commits": [], "repository": repository(full_name)}


def repository_event(action: str, full_name: str = "acme/web", **changes: Json) -> Json:
    return {"action": action, "changes": changes, "repository": repository(full_name)}


def renamed(full_name: str, former: str) -> Json:
    return repository_event("renamed", full_name, repository={"name": {"from": former}})


def transferred(full_name: str, former: str, kind: str = "organization") -> Json:
    return repository_event("transferred", full_name, owner={"from": {kind: {"login": former, "id": 1}}})


def as_form(content: bytes) -> bytes:
    return urlencode({"payload": content}).encode()


def headers(body: bytes, event: str = "pull_request", *, secret: str = SECRET, guid: str = GUID) -> dict[str, str]:
    """Those of a signed delivery, in lower case."""
    named = {"x-github-event": event, "x-github-delivery": guid, "content-type": "application/json"}
    return {**named, "x-github-hook-id": "292430182", **signed(body, secret, "x-hub-signature-256")}


def form_headers(body: bytes, event: str = "pull_request") -> dict[str, str]:
    return {**headers(body, event), "content-type": FORM}
