"""Webhook deliveries in the shapes in which Jira's sites send them."""

import hashlib
import hmac
import json
from typing import Any

SECRET = "a secret / with a slash"


def project(id: str = "10000", key: str = "PAY") -> dict[str, Any]:
    return {"self": f"https://acme.example/rest/api/2/project/{id}", "id": id, "key": key, "name": "Payments"}


def issue(id: str | int = "10040", key: str = "PAY-41", **fields: Any) -> dict[str, Any]:
    """An issue as webhooks have it: links of version 2, wiki text, dates without a colon."""
    given = {"summary": "A summary", "description": "h1. *Wiki*", "created": "2019-02-15T19:01:53.011-0800"}
    return {"id": id, "self": f"https://acme.example/rest/api/2/issue/{id}", "key": key,
            "fields": {**given, "project": project(), **fields}}  # fmt: skip


def change(field: str, old: str | None, new: str | None, **more: str) -> dict[str, Any]:
    """One item of a delivered history. Cloud gives ``fieldId``, servers do not."""
    return {"field": field, "fieldtype": "jira", "from": None, "fromString": old, "to": None, "toString": new, **more}


def delivery(event: str | None = "jira:issue_updated", *items: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A delivery; parts that are None are left out, as old servers leave the event's name out."""
    changelog = {"id": "10100", "items": list(items)}
    whole = {"timestamp": 1550286601840, "webhookEvent": event, "issue_event_type_name": "issue_updated",
             "user": {"displayName": "Ada"}, "issue": issue(), "changelog": changelog, **parts}  # fmt: skip
    return {name: value for name, value in whole.items() if value is not None}


def encoded(content: Any) -> bytes:
    return json.dumps(content).encode()


def signed(body: bytes, secret: str = SECRET, name: str = "x-hub-signature") -> dict[str, str]:
    return {name: "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
