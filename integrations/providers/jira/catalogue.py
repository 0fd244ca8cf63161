"""What a site consists of: projects with their types, statuses."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from integrations.errors import Permanent
from integrations.json_values import Json, UnreadableError, flag, join, listing
from integrations.provider import RawAnswer
from integrations.providers.jira.shapes import array, entries, wrong
from integrations.providers.jira.values import (
    identity,
    name_of,
    number,
    optional_identity,
    optional_section,
    person,
    text,
)
from integrations.records import (
    Batch,
    Category,
    ProjectRecord,
    ProjectStatuses,
    ProjectWits,
    Quarantined,
    StatusRecord,
    WitRecord,
)

# By key: names are translated, and one site's "Done" is another's "Erledigt". A key "undefined" means none.
_CATEGORIES = {"new": Category.TO_DO, "indeterminate": Category.IN_PROGRESS, "done": Category.DONE}


Record = TypeVar("Record")
Placed = tuple[str, Any]
"""A value, and its path in the answer."""


def status_record(status: Json, path: str = "") -> StatusRecord:
    category = optional_section(status, "statusCategory", path).get("key")
    project = optional_section(optional_section(status, "scope", path), "project", path)
    return StatusRecord(
        external_id=identity(status, "id", path),
        name=text(status, "name", path) or "",
        category=_CATEGORIES.get(category) if type(category) is str else None,
        description=text(status, "description", path) or "",
        project_id=optional_identity(project, "id", path),
    )


def wit_record(wit: Json, path: str = "") -> WitRecord:
    return WitRecord(
        external_id=identity(wit, "id", path),
        name=text(wit, "name", path) or "",
        description=text(wit, "description", path) or "",
        subtask=flag(wit, "subtask", path),
        hierarchy_level=number(wit, "hierarchyLevel", path),
    )


def read_projects(answer: RawAnswer) -> Batch:
    """Projects with their types. ``metadata`` lists keys or ids: those of ``scope`` are loaded (none: all), but not
    those of ``excluded``.
    """
    # How Jira says that there is no project at all.
    if type(answer.content) is dict and answer.metadata.get("status") == 404:
        return Batch()
    batch, quarantined = Batch(), list[Quarantined]()
    scope, excluded = (_names(answer.metadata.get(name)) for name in ("scope", "excluded"))
    wits: dict[str, WitRecord] = {}
    root = "values" if type(answer.content) is dict else ""
    for path, value in placed(root, listed_projects(answer)):
        if in_scope(value, scope, excluded):
            _read_project(path, value, batch, wits, quarantined)
    batch.wits, batch.quarantined = list(wits.values()), quarantined
    return batch


def read_project_types(answer: RawAnswer) -> Batch:
    """The types of one project that was asked for alone, where the list of projects did not have them."""
    if answer.metadata.get("status") == 404:
        return Batch()
    if type(answer.content) is not dict:
        raise wrong(answer, "an object")
    batch, quarantined, wits = Batch(), list[Quarantined](), dict[str, WitRecord]()
    for project_id in each([("", answer.content)], "projects", lambda project: identity(project, "id"), quarantined):
        _read_types("", answer.content, project_id, batch, wits, quarantined)
    batch.wits, batch.quarantined = list(wits.values()), quarantined
    return batch


def listed_projects(answer: RawAnswer) -> list[Any]:
    """The projects of a page (Cloud) or of the whole list (Data Center). Raises Permanent."""
    return array(answer) if type(answer.content) is list else entries(answer, "values")


def in_scope(project: object, scope: Iterable[str], excluded: Iterable[str] = ()) -> bool:
    """Whether the project's key or id is listed and not excluded; an empty scope holds all. Keys compare in any case.

    What is no project at all is in scope, so that it is quarantined and not overlooked.
    """
    if type(project) is not dict:
        return True
    names = {str(project.get("key")).upper(), str(project.get("id")).upper()}
    wanted = {item.upper() for item in scope}
    return (not wanted or bool(names & wanted)) and not names & {item.upper() for item in excluded}


def _names(listed: object) -> list[str]:
    return [str(item) for item in listed] if type(listed) is list else []


def read_statuses(answer: RawAnswer) -> Batch:
    """The statuses of all active workflows of the site."""
    quarantined: list[Quarantined] = []
    statuses = each(placed("", array(answer)), "statuses", status_record, quarantined)
    return Batch(statuses=statuses, quarantined=quarantined)


def read_project_statuses(answer: RawAnswer) -> Batch:
    """One project's statuses, which the site lists by type. The answer does not name its project: its metadata does."""
    project_id = project_of(answer)
    quarantined: list[Quarantined] = []
    listed: list[Placed] = []
    for path, wit in placed("", array(answer)):
        for found in each([(path, wit)], "projects_statuses", lambda value: listing(value, "statuses"), quarantined):
            listed += placed(f"{path}.statuses", found)
    statuses = {status.external_id: status for status in each(listed, "statuses", status_record, quarantined)}
    batch = Batch(statuses=list(statuses.values()), quarantined=quarantined)
    # A list with a hole would end the relation that could not be read.
    if not quarantined:
        batch.project_statuses = [ProjectStatuses(project_id, tuple(statuses))]
    return batch


def project_of(answer: RawAnswer) -> str:
    """The project that was asked for, from the metadata or else from an external id like 'project:10011:statuses'."""
    project_id = answer.metadata.get("project_id")
    parts = answer.external_id.split(":")
    if not project_id and len(parts) == 3 and parts[0] == "project":
        project_id = parts[1]
    if type(project_id) is not str or not project_id:
        raise Permanent(
            f"{answer.entity_type} {answer.external_id!r}: metadata.project_id is {project_id!r}, not an id"
        )
    return project_id


def _project_record(project: Json) -> ProjectRecord:
    lead = person(project, "lead")
    return ProjectRecord(
        external_id=identity(project, "id"),
        key=identity(project, "key"),
        name=text(project, "name") or "",
        project_type=text(project, "projectTypeKey") or "",
        description=text(project, "description") or "",
        lead_id=lead.account_id,
        lead_name=lead.name,
        # A deleted project lies in the bin for a while: like an archived one, nobody works in it.
        archived=flag(project, "archived") or flag(project, "deleted"),
    )


def _read_project(
    path: str, value: Any, batch: Batch, wits: dict[str, WitRecord], quarantined: list[Quarantined]
) -> None:
    for project in each([(path, value)], "projects", _project_record, quarantined):
        batch.projects.append(project)
        if value.get("issueTypes") is not None:
            _read_types(path, value, project.external_id, batch, wits, quarantined)


def _read_types(
    path: str, value: Json, project_id: str, batch: Batch, wits: dict[str, WitRecord], quarantined: list[Quarantined]
) -> None:
    before = len(quarantined)
    for listed in each([(path, value)], "projects_wits", lambda project: listing(project, "issueTypes"), quarantined):
        found = each(placed(join(path, "issueTypes"), listed), "wits", wit_record, quarantined)
        wits.update((wit.external_id, wit) for wit in found)
        # A list with a hole would end the pair that could not be read.
        if len(quarantined) == before:
            pairs = dict.fromkeys(wit.external_id for wit in found)
            batch.project_wits.append(ProjectWits(project_id, tuple(pairs)))


def each(
    values: Iterable[Placed], table: str, read: Callable[[Json], Record], quarantined: list[Quarantined]
) -> list[Record]:
    """What could be read; the rest is added to ``quarantined``."""
    records = []
    for path, value in values:
        try:
            if type(value) is not dict:
                raise UnreadableError("", value, "an object")
            records.append(read(value))
        except UnreadableError as error:
            located = error.under(path)
            quarantined.append(Quarantined(table, name_of(value), located.path, located.reason))
    return records


def placed(path: str, values: list[Any]) -> list[Placed]:
    return [(f"{path}[{place}]", value) for place, value in enumerate(values)]
