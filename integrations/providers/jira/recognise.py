"""Which entity type a recorded answer is, by its shape, and the name that it is kept under."""

import hashlib
from typing import Any

from integrations.errors import Permanent
from integrations.providers.jira.normalise import FIELDS, ISSUES, PROJECT_STATUSES, PROJECTS, STATUSES


def recognise_projects(content: Any) -> tuple[str, str] | None:
    """A page of /project/search."""
    if type(content) is not dict or type(content.get("values")) is not list:
        return None
    return PROJECTS, f"projects:{_digest(content['values'])}"


def recognise_statuses(content: Any) -> tuple[str, str] | None:
    """The list of /status, or that of /project/{key}/statuses where it tells its project."""
    if type(content) is not list or not all(type(entry) is dict and "custom" not in entry for entry in content):
        return None
    # /status lists statuses; the other lists types, each with its statuses.
    if not any("statuses" in entry for entry in content):
        return STATUSES, "statuses"
    lists = [entry["statuses"] for entry in content if type(entry.get("statuses")) is list]
    project_ids = {_scope(status) for statuses in lists for status in statuses} - {""}
    if len(project_ids) != 1:
        raise Permanent(
            "an answer of /project/{key}/statuses does not say which project it is about, unless its statuses are "
            "scoped to one: run the step against the site, or store it with metadata.project_id"
        )
    return PROJECT_STATUSES, f"project:{project_ids.pop()}:statuses"


def recognise_issues(content: Any) -> tuple[str, str] | None:
    """A page of /search/jql."""
    if type(content) is not dict or type(content.get("issues")) is not list:
        return None
    return ISSUES, f"issues:{_digest(content['issues'])}"


def recognise_fields(content: Any) -> tuple[str, str] | None:
    """The list of /field."""
    if type(content) is not list or not all(type(entry) is dict and "custom" in entry for entry in content):
        return None
    return FIELDS, "fields"


def _scope(status: Any) -> str:
    """The id of the project that a status is scoped to, '' for a shared one."""
    scope = status.get("scope") if type(status) is dict else None
    project = scope.get("project") if type(scope) is dict else None
    return str(project.get("id") or "") if type(project) is dict else ""


def _digest(records: list[Any]) -> str:
    """Names a page by the records on it: the same page comes under the same name again."""
    ids = [str(record.get("id")) if type(record) is dict else "" for record in records]
    return hashlib.sha256(",".join(ids).encode(errors="replace")).hexdigest()[:16]
