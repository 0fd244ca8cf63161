"""A mapping as a document: to keep it, and to take it to another site, where the same fields have other ids."""

from collections.abc import Callable, Mapping
from typing import Any

from custommapping.errors import Refused
from custommapping.mapping import checked, columns_of, find_mapping
from custommapping.models import CustomField
from integrations.models import Integration

FORMAT = "pulse custom fields mapping"
VERSION = 1
_NAMED = ("external_id", "name", "type", "schema")
_SHOWN = 100


def exported(integration: Integration) -> dict[str, Any]:
    """The mapping as it stands: {"format", "version", "columns": {column: the parts `_NAMED` of its field}}."""
    columns = columns_of(find_mapping(integration.tenant_id, integration.pk))
    return {
        "format": FORMAT,
        "version": VERSION,
        "columns": {
            column: dict(zip(_NAMED, (field.external_id, field.name, field.field_type, field.schema), strict=True))
            for column, field in columns.items()
        },
    }


def imported(integration: Integration, document: object) -> dict[str, str | None]:
    """The columns of a document with the source ids that their fields have here.

    A field is the one of the same id and name, else the one of that name in any case and the same kind, else the one of
    that name; of those that the site does not list any more only where there is no other. Raises Refused with all that
    is wrong: what is no such document, fields that are not here, are here several times or seem to have been renamed,
    what `checked` refuses.
    """
    columns = _columns(document)
    known = list(CustomField.objects.filter(tenant_id=integration.tenant_id, integration=integration))
    found: dict[str, str | None] = {}
    errors: dict[str, str] = {}
    for column, named in columns.items():
        try:
            found[column] = _resolved(named, known, integration.name) if named is not None else None
        except ValueError as error:
            found[column], errors[column] = None, str(error)
    try:
        checked(integration, found)
    except Refused as error:
        errors |= error.errors
    if errors:
        raise Refused(errors)
    return found


def _columns(document: object) -> Mapping[str, Any]:
    """Raises Refused where it is no document of ours, or one of a later version."""
    parts: Mapping[str, Any] = document if isinstance(document, dict) else {}
    if parts.get("format") != FORMAT:
        raise Refused({"document": f"its format is {_shown(parts.get('format'))}, not {FORMAT!r}"})
    if parts.get("version") != VERSION or isinstance(parts["version"], bool):
        raise Refused({"document": f"its version is {_shown(parts.get('version'))}: only {VERSION} is known"})
    columns = parts.get("columns")
    if not isinstance(columns, dict):
        raise Refused({"document": f"its columns are {_shown(columns)}, not an object"})
    return columns


def _resolved(named: object, known: list[CustomField], site: str) -> str:
    """The source id here of a field as a document names it. Raises ValueError where none is, or several are."""
    if not isinstance(named, dict) or not isinstance(named.get("name"), str) or not named["name"].strip():
        raise ValueError(f"{_shown(named)} names no field: it needs a name")
    alike = _preferred([field for field in known if field.name.casefold().strip() == named["name"].casefold().strip()])
    kind = _kind(named.get("schema"), named.get("type"))
    for fits in _ways(named.get("external_id"), kind):
        found = [field for field in alike if fits(field)]
        if len(found) == 1:
            _check_renamed(found[0], named, kind, known)
            return found[0].external_id
        if found:
            ids = ", ".join(field.external_id for field in found)
            raise ValueError(f"{site} has several custom fields {named['name']!r}: {ids}")
    raise ValueError(f"{site} has no custom field {named['name']!r} ({_shown(named.get('external_id'))})")


def _check_renamed(found: CustomField, named: Mapping[str, Any], kind: object, known: list[CustomField]) -> None:
    """Raises ValueError where a name alone led to another kind of field, and the named id is here under a new name."""
    if _kind(found.schema, found.field_type) == kind:
        return
    for field in known:
        is_named = field.active and field.external_id == named.get("external_id")
        if is_named and _kind(field.schema, field.field_type) == kind:
            raise ValueError(
                f"{field.external_id} is {field.name!r} here, and {named['name']!r} is {found.external_id}, a field of"
                " another kind: name the one that is meant"
            )


def _ways(external_id: object, kind: object) -> tuple[Callable[[CustomField], bool], ...]:
    """How one of several fields of a name is told to be the one, the surest way first."""
    return (
        lambda field: field.external_id == external_id,
        lambda field: _kind(field.schema, field.field_type) == kind,
        lambda field: True,
    )


def _preferred(fields: list[CustomField]) -> list[CustomField]:
    """In the order of their ids; those that the site lists, where there is one."""
    fields = sorted(fields, key=lambda field: (len(field.external_id), field.external_id))
    return [field for field in fields if field.active] or fields


def _kind(schema: object, field_type: object) -> object:
    """What two fields of one kind have in common, on whatever site."""
    parts = schema if isinstance(schema, dict) else {}
    return parts.get("custom") or (parts.get("type") or field_type, parts.get("items"))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
