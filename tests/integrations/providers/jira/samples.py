"""Answers in Jira's shapes, to be varied by tests."""

from typing import Any

from integrations.provider import RawAnswer
from integrations.providers.jira.normalise import ISSUES, normalise
from integrations.records import Batch, Quarantined, WorkItemRecord

Json = dict[str, Any]

ADA = {"accountId": "5b10-ada", "displayName": "Ada Quill", "active": True, "accountType": "atlassian"}
CATEGORY = {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Arbeit"}
STATUS = {"id": "10101", "name": "Wird geprüft", "description": "", "statusCategory": CATEGORY}
KIND = {"id": "10301", "name": "Story", "description": "A tale", "subtask": False, "hierarchyLevel": 0}


def item(source: Any, target: Any, **more: Any) -> Json:
    """A history's item that changes the status."""
    names = {"fromString": source and f"name {source}", "toString": target and f"name {target}"}
    return {"field": "status", "fieldtype": "jira", "fieldId": "status", "from": source, "to": target} | names | more


def history(number: Any, created: Any, *items: Any, **more: Any) -> Json:
    return {"id": number, "author": ADA, "created": created, "items": list(items)} | more


def issue(number: int = 1, histories: list[Any] | None = None, **fields: Any) -> Json:
    """A good issue of project ORB; ``fields`` replace its own, those that are ``...`` go missing."""
    whole = {
        "summary": f"Thing {number}",
        "issuetype": KIND,
        "project": {"id": "20001", "key": "ORB", "name": "Orbit"},
        "status": STATUS,
        "created": "2025-03-01T09:00:00.000+0100",
        "updated": "2025-03-09T09:00:00.500-0800",
    } | fields
    return {
        "id": str(50000 + number),
        "key": f"ORB-{number}",
        "fields": {name: value for name, value in whole.items() if value is not ...},
        "changelog": {"startAt": 0, "total": len(histories or []), "histories": histories or []},
    }


def page(*issues: Any) -> RawAnswer:
    return RawAnswer(ISSUES, "project:20001:page:1", {"issues": list(issues), "isLast": True})


def read(*issues: Any) -> Batch:
    return normalise(page(*issues))


def record(wanted: Json) -> WorkItemRecord:
    """The one record of an issue that must be readable."""
    batch = read(wanted)
    assert list(batch.quarantined) == []
    return batch.work_items[0]


def refusal(wanted: Any) -> Quarantined:
    """Why an issue between two good ones is not taken; the good ones must be."""
    batch = read(issue(1), wanted, issue(3))
    assert [work_item.key for work_item in batch.work_items] == ["ORB-1", "ORB-3"]
    assert len(batch.quarantined) == 1
    return batch.quarantined[0]
