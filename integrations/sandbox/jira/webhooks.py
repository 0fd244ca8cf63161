"""The bodies that Jira posts when something happens to an issue.

https://developer.atlassian.com/cloud/jira/platform/webhooks/
They carry issues in the shapes of version 2: wiki markup, links to version 2, whole numbers without a fraction.
"""

from typing import Any

from integrations.sandbox.jira.catalog import API, Json
from integrations.sandbox.jira.data_center import SERVER_API, as_data_center
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.people import PEOPLE
from integrations.sandbox.jira.rendering import Renderer, Shape
from integrations.sandbox.jira.store import Store
from integrations.sandbox.wiki import wiki_markup

CREATED, UPDATED, DELETED = "jira:issue_created", "jira:issue_updated", "jira:issue_deleted"
EVENTS = (CREATED, UPDATED, DELETED)


def webhook_body(site: Store, event: str, entry: Entry, *, is_data_center: bool = False) -> Json:
    """`event` is one of EVENTS; an update tells the issue's latest history. Raises ValueError for another event."""
    if event not in EVENTS:
        raise ValueError(f"event is {event!r}: expected one of {', '.join(EVENTS)}")
    issue = site.issue(entry)
    last = issue.histories[-1] if issue.histories else None
    shown = Renderer(site, 0).json(entry, Shape(("*all",)))
    del shown["expand"]
    # When it is posted, not when it happened: deliveries may be late.
    body: Json = {"timestamp": round(site.clock() * 1000), "webhookEvent": event}
    if event == CREATED:
        body["issue_event_type_name"] = "issue_created"
    elif event == UPDATED and last:
        body["issue_event_type_name"] = _event_type(last.items)
    body |= {"user": (last and last.author) or PEOPLE[0], "issue": shown}
    if event == UPDATED:
        # No time in it: what reads a history from here has only `timestamp`.
        body["changelog"] = {"id": str(last.id), "items": last.items} if last else {"id": "0", "items": []}
    as_version_2: Json = as_data_center(body) if is_data_center else _as_version_2(body)
    return as_version_2


def _event_type(items: list[Json]) -> str:
    fields = {item["field"] for item in items}
    if "status" in fields:
        return "issue_generic"
    return "issue_assigned" if "assignee" in fields else "issue_updated"


def _as_version_2(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("type") == "doc":
            return wiki_markup(value, lambda account: f"accountid:{account}")
        return {key: _as_version_2(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_as_version_2(entry) for entry in value]
    if isinstance(value, str) and value.startswith(API):
        return SERVER_API + value[len(API) :]
    return int(value) if isinstance(value, float) and value.is_integer() else value
