"""Which entity type a recorded answer is, by its shape, and the name that it is kept under."""

import hashlib
from collections.abc import Mapping
from typing import Any

from integrations.errors import Permanent
from integrations.providers.jira.normalise import (
    CREATEMETA,
    CREATEMETA_FIELDS,
    CREATEMETA_TYPES,
    FIELDS,
    ISSUES,
    ISSUES_BY_ID,
    LISTING,
    PROJECT_STATUSES,
    PROJECT_TYPES,
    PROJECTS,
    STATUSES,
)


def recognise_projects(content: Any) -> tuple[str, str] | None:
    """A page of /project/search, or the list of /project: what has a key and is no field (those say "custom").

    Or a project with its types, as the site gives it alone.
    """
    if type(content) is dict and type(content.get("values")) is list:
        return PROJECTS, f"projects:{digest(content['values'])}"
    if type(content) is dict and {"id", "key", "issueTypes"} <= content.keys():
        return PROJECT_TYPES, f"project:{content['id']}:types"
    listed = type(content) is list and content and all(type(entry) is dict for entry in content)
    if listed and all("key" in entry and "custom" not in entry for entry in content):
        return PROJECTS, f"projects:{digest(content)}"
    return None


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
    """A page of a search, or an answer of /issue/bulkfetch (which alone has ``issueErrors``)."""
    if type(content) is not dict or type(content.get("issues")) is not list:
        return None
    entity_type = ISSUES_BY_ID if "issueErrors" in content else ISSUES
    return entity_type, f"issues:{digest(content['issues'])}"


def recognise_listing(content: Any) -> tuple[str, str] | None:
    """A page of a search, whatever fields it has: those of a listing are among them."""
    if type(content) is not dict or type(content.get("issues")) is not list:
        return None
    return LISTING, f"listing:{digest(content['issues'])}"


def recognise_fields(content: Any) -> tuple[str, str] | None:
    """The list of /field, or a page of /issue/createmeta."""
    if type(content) is dict:
        return _recognise_createmeta(content)
    if type(content) is not list or not all(type(entry) is dict and "custom" in entry for entry in content):
        return None
    return FIELDS, "fields"


def _recognise_createmeta(content: Mapping[str, Any]) -> tuple[str, str] | None:
    """Cloud names its arrays; where Data Center says ``values``, fields are what has a ``fieldId``."""
    if type(content.get("projects")) is list:
        return CREATEMETA, f"projects:{digest(content['projects'])}"
    if type(content.get("issueTypes")) is list:
        return CREATEMETA_TYPES, f"types:{digest(content['issueTypes'])}"
    listed = content.get("fields", content.get("values"))
    if type(listed) is not list or not listed or type(listed[0]) is not dict:
        return None
    if "fieldId" in listed[0]:
        return CREATEMETA_FIELDS, f"fields:{digest(listed, 'fieldId')}"
    return (CREATEMETA_TYPES, f"types:{digest(listed)}") if "subtask" in listed[0] else None


def _scope(status: Any) -> str:
    """The id of the project that a status is scoped to, '' for a shared one."""
    scope = status.get("scope") if type(status) is dict else None
    project = scope.get("project") if type(scope) is dict else None
    return str(project.get("id") or "") if type(project) is dict else ""


def digest(records: list[Any], name: str = "id") -> str:
    """Names a page by the records on it: the same page comes under the same name again."""
    ids = [str(record.get(name)) if type(record) is dict else "" for record in records]
    return hashlib.sha256(",".join(ids).encode(errors="replace")).hexdigest()[:16]
