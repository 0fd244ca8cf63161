"""The system fields that `GET /field` lists. Two have no schema, as on real sites."""

from integrations.sandbox.jira.catalog import Json

KINDS = {
    "summary": ("Summary", "string", ""),
    "issuetype": ("Issue Type", "issuetype", ""),
    "project": ("Project", "project", ""),
    "status": ("Status", "status", ""),
    "priority": ("Priority", "priority", ""),
    "resolution": ("Resolution", "resolution", ""),
    "resolutiondate": ("Resolved", "datetime", ""),
    "statuscategorychangedate": ("Status Category Changed", "datetime", ""),
    "assignee": ("Assignee", "user", ""),
    "reporter": ("Reporter", "user", ""),
    "creator": ("Creator", "user", ""),
    "labels": ("Labels", "array", "string"),
    "description": ("Description", "string", ""),
    "environment": ("Environment", "string", ""),
    "duedate": ("Due date", "date", ""),
    "fixVersions": ("Fix versions", "array", "version"),
    "components": ("Components", "array", "component"),
    "issuelinks": ("Linked Issues", "array", "issuelinks"),
    "subtasks": ("Sub-tasks", "array", "issuelinks"),
    "attachment": ("Attachment", "array", "attachment"),
    "timespent": ("Time Spent", "number", ""),
    "workratio": ("Work Ratio", "number", ""),
    "security": ("Security Level", "securitylevel", ""),
    "created": ("Created", "datetime", ""),
    "updated": ("Updated", "datetime", ""),
    "parent": ("Parent", "", ""),
    "issuekey": ("Key", "", ""),
}


def system_field(name: str) -> Json:
    title, kind, _ = KINDS[name]
    flags = {"custom": False, "orderable": True, "navigable": True, "searchable": True, "clauseNames": [name]}
    schema = {"schema": system_schema(name)} if kind else {}
    return {"id": name, "key": name, "name": title} | flags | schema


def system_schema(name: str) -> Json:
    _, kind, items = KINDS[name]
    return {"type": kind} | ({"items": items} if items else {}) | {"system": name}
