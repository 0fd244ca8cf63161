"""Custom fields: the list of all that a site has, and what projects offer for new issues."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from integrations.json_values import Json, flag, join, listing, section
from integrations.provider import RawAnswer
from integrations.providers.jira.catalogue import Placed, each, placed
from integrations.providers.jira.shapes import array, entries, wrong
from integrations.providers.jira.values import identity, optional_identity, optional_section, text
from integrations.records import Batch, CustomFieldRecord, OfferedField, ProjectFields, Quarantined

_TABLE, _OFFERS = "custom_fields", "projects_custom_fields"

Offered = tuple[CustomFieldRecord, bool]
"""A field, and whether it is required."""


def read_fields(answer: RawAnswer) -> Batch:
    """The custom fields among a site's fields; the others are columns of their own.

    Those of team-managed projects say which project they belong to, and not which of its types offer them.
    """
    quarantined: list[Quarantined] = []
    custom = [found for found in placed("", array(answer)) if type(found[1]) is not dict or _is_custom(found[1])]
    read = each(custom, _TABLE, lambda field: (_custom_field(field), _scope(field)), quarantined)
    scoped: dict[str, list[OfferedField]] = {}
    for field, project_id in read:
        if project_id is not None:
            offered = OfferedField(field.external_id, field.name, field.field_type)
            scoped.setdefault(project_id, []).append(offered)
    return Batch(
        custom_fields=[field for field, _ in read],
        project_fields=[ProjectFields(project_id, None, tuple(found)) for project_id, found in scoped.items()],
        quarantined=quarantined,
    )


def _custom_field(field: Json) -> CustomFieldRecord:
    schema = optional_section(field, "schema")
    return CustomFieldRecord(
        external_id=identity(field, "id"),
        name=text(field, "name") or "",
        field_type=text(schema, "type", "schema") or "",
        schema=schema,
    )


def _scope(field: Json) -> str | None:
    """The id of the project that a field is scoped to, None for a shared one."""
    return optional_identity(optional_section(optional_section(field, "scope"), "project", "scope"), "id", "scope")


def _is_custom(field: Json) -> bool:
    """Lists of all fields say so; pages of what projects offer show it in the schema, and old ones only in the id."""
    if type(field.get("custom")) is bool:
        return bool(field["custom"])
    schema = field.get("schema")
    if type(schema) is dict and ("custom" in schema or "system" in schema):
        return "custom" in schema
    return any(str(field.get(name)).startswith("customfield_") for name in ("fieldId", "id", "key"))


def createmeta_entries(answer: RawAnswer) -> tuple[str, list[Any]]:
    """(name, array) of a page of what issues may be created with. Data Center calls every such array ``values``."""
    content = answer.content if type(answer.content) is dict else {}
    for name in ("issueTypes", "fields", "values"):
        if type(content.get(name)) is list:
            return name, content[name]
    raise wrong(answer, "an object with an array 'issueTypes', 'fields' or 'values'")


def read_createmeta_types(answer: RawAnswer) -> Batch:
    """They only tell which fields to ask for: the types of a project that one may create are not all it has."""
    return Batch()


def read_createmeta_fields(answer: RawAnswer) -> Batch:
    """The custom fields among those that new issues of a type may have.

    ``metadata`` names the project and the type; that of an answer which was recorded elsewhere may not.
    """
    if is_refused(answer):
        return Batch()
    name, fields = createmeta_entries(answer)
    quarantined: list[Quarantined] = []
    records = _offered(placed(name, fields), quarantined)
    project_id, wit_id = (answer.metadata.get(key) for key in ("project_id", "type_id"))
    told = [_of_type(str(project_id), str(wit_id), records)] if project_id and wit_id else []
    return _batch(told, records, quarantined)


def read_createmeta(answer: RawAnswer) -> Batch:
    """The same of all types of a project at once, as old sites tell it."""
    if is_refused(answer):
        return Batch()
    quarantined: list[Quarantined] = []
    told, records = list[ProjectFields](), list[Offered]()
    for path, project_id, wit_id, fields in _told(answer, quarantined):
        found = [(join(path, key), _called(key, field)) for key, field in fields.items()]
        offered = _offered(found, quarantined)
        told.append(_of_type(project_id, wit_id, offered))
        records += offered
    return _batch(told, records, quarantined)


def _told(answer: RawAnswer, quarantined: list[Quarantined]) -> Iterator[tuple[str, str, str, Json]]:
    """The fields of each type of each project of an old answer: (their path, project id, type id, fields by id)."""
    for path, project in placed("projects", entries(answer, "projects")):
        for project_id, types in each([(path, project)], _OFFERS, _types, quarantined):
            for under, wit in placed(join(path, "issuetypes"), types):
                for wit_id, fields in each([(under, wit)], _OFFERS, _fields, quarantined):
                    yield join(under, "fields"), project_id, wit_id, fields


def _types(project: Json) -> tuple[str, list[Any]]:
    return identity(project, "id"), listing(project, "issuetypes")


def _fields(wit: Json) -> tuple[str, Json]:
    return identity(wit, "id"), section(wit, "fields")


def _called(key: str, field: Any) -> Any:
    """An old answer names its fields only by the keys that they stand under."""
    return {"fieldId": key, **field} if type(field) is dict else field


def _offered(places: Iterable[Placed], quarantined: list[Quarantined]) -> list[Offered]:
    custom = [found for found in places if type(found[1]) is not dict or _is_custom(found[1])]
    return each(custom, _TABLE, _createmeta_field, quarantined)


def _createmeta_field(field: Json) -> Offered:
    schema = optional_section(field, "schema")
    operations = listing(field, "operations") if field.get("operations") is not None else []
    record = CustomFieldRecord(
        external_id=identity(field, "key" if field.get("fieldId") is None else "fieldId"),
        name=text(field, "name") or "",
        field_type=text(schema, "type", "schema") or "",
        operations=tuple(operation for operation in operations if type(operation) is str),
        schema=schema,
        listed=False,
    )
    return record, flag(field, "required")


def _of_type(project_id: str, wit_id: str, offered: Iterable[Offered]) -> ProjectFields:
    fields = (
        OfferedField(record.external_id, record.name, record.field_type, required) for record, required in offered
    )
    return ProjectFields(project_id, wit_id, tuple(fields))


def _batch(told: list[ProjectFields], offered: Iterable[Offered], quarantined: list[Quarantined]) -> Batch:
    """Each field once, with the operations that any of the types allows: all offer the same few."""
    records: dict[str, CustomFieldRecord] = {}
    for record, _ in offered:
        before = records.get(record.external_id, record).operations
        records[record.external_id] = replace(record, operations=tuple(dict.fromkeys((*before, *record.operations))))
    return Batch(custom_fields=list(records.values()), project_fields=told, quarantined=quarantined)


def is_refused(answer: RawAnswer) -> bool:
    """Whether the answer is what an account gets that may not create issues, or a site that has no such call."""
    status = answer.metadata.get("status")
    return type(status) is int and status >= 400
