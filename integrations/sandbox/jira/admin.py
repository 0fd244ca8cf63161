"""The site's other side: POST /sandbox/... changes it while it runs. No credentials: it listens on the loopback only.

Each call takes a JSON object and answers with what it did; what cannot be done is a 400 that says why.
"""

from collections.abc import Callable
from typing import Any

from integrations.sandbox.changes import Changes
from integrations.sandbox.jira.site import Site

changes: Changes[Site] = Changes()
router, HELP, change = changes.router, changes.help, changes.change


def _each(body: dict[str, Any], do: Callable[[str], object]) -> list[str]:
    keys = [str(key) for key in body["issues"]]
    for key in keys:
        do(key)
    return keys


@change("delete", '{"issues": ["PAY-1"]}', issues=list)
def delete(site: Site, body: dict[str, Any]) -> list[str]:
    return _each(body, site.delete_issue)


@change("move", '{"issues": ["PAY-1"], "project": "WEB"}', issues=list, project=str)
def move(site: Site, body: dict[str, Any]) -> dict[str, str]:
    return {str(key): site.move_issue(str(key), body["project"]) for key in body["issues"]}


@change("touch", '{"issues": ["PAY-1"]}  (a history is added, `updated` stays)', issues=list)
def touch(site: Site, body: dict[str, Any]) -> list[str]:
    return _each(body, site.touch_issue)


@change("edit", '{"issue": "PAY-1", "summary": "Another name"}', issue=str, summary=str)
def edit(site: Site, body: dict[str, Any]) -> int:
    return site.edit_issue(body["issue"], summary=body["summary"])


@change("transition", '{"issue": "PAY-1", "status": "Done"}', issue=str, status=str)
def transition(site: Site, body: dict[str, Any]) -> int:
    return site.edit_issue(body["issue"], status=body["status"])


@change("add", '{"project": "PAY", "count": 3}', project=str, count=int)
def add(site: Site, body: dict[str, Any]) -> list[str]:
    return [site.add_issue(body["project"]) for _ in range(body.get("count", 1))]


@change("develop", '{"issue": "PAY-1", "pull_requests": ["OPEN", "MERGED"]}', issue=str, pull_requests=list)
def develop(site: Site, body: dict[str, Any]) -> str:
    site.develop_issue(body["issue"], pull_requests=[str(state) for state in body["pull_requests"]])
    return str(body["issue"])


@change("rename-status", '{"status": "In Review", "name": "Peer review"}', status=str, name=str)
def rename_status(site: Site, body: dict[str, Any]) -> None:
    site.rename_status(body["status"], body["name"])


@change("remove-project", '{"project": "GROW"}', project=str)
def remove_project(site: Site, body: dict[str, Any]) -> None:
    site.remove_project(body["project"])


@change("restore-project", '{"project": "GROW"}', project=str)
def restore_project(site: Site, body: dict[str, Any]) -> None:
    site.restore_project(body["project"])


@change("rename-field", '{"field": "customfield_10028", "name": "Points"}', field=str, name=str)
def rename_field(site: Site, body: dict[str, Any]) -> None:
    site.rename_field(body["field"], body["name"])


@change("retype-field", '{"field": "customfield_10028", "type": "string"}', field=str, type=str)
def retype_field(site: Site, body: dict[str, Any]) -> None:
    site.retype_field(body["field"], body["type"])


@change("remove-field", '{"field": "customfield_10028"}', field=str)
def remove_field(site: Site, body: dict[str, Any]) -> None:
    site.remove_field(body["field"])


@change("restore-field", '{"field": "customfield_10028"}', field=str)
def restore_field(site: Site, body: dict[str, Any]) -> None:
    site.restore_field(body["field"])


@change(
    "add-field",
    '{"name": "Team", "type": "string", "project": "DATA"}  (of one project, or without it of all)',
    optional=("project",),
    name=str,
    type=str,
    project=str,
)
def add_field(site: Site, body: dict[str, Any]) -> str:
    return site.add_field(body["name"], body["type"], body.get("project", ""))
