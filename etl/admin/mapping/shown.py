"""How custom fields are shown to people."""

from django.db.models import Case, CharField, OuterRef, Subquery, Value, When

from custommapping.mapping import reference
from custommapping.models import MAPPED_COLUMNS, CustomField, CustomFieldMapping


def filled(field: CustomField) -> str | None:
    """The share of work items that have a value; None where nobody has looked yet.

    What is used at all is never "0%", and what somebody left empty never "100%".
    """
    if field.items_seen is None:
        return None
    if not field.items_seen or not field.items_filled:
        return "0%"
    percent = round(100 * field.items_filled / field.items_seen)
    if percent == 0:
        return "<1%"
    return ">99%" if percent == 100 and field.items_filled < field.items_seen else f"{percent}%"


def described(field: CustomField) -> str:
    """A field as selects name it: "Story Points - customfield_10016 - number - 84% filled"."""
    share = filled(field)
    parts = [field.name, field.external_id, field.field_type or "of no type", f"{share} filled" if share else ""]
    parts.append("" if field.active else "inactive")
    return " - ".join(part for part in parts if part)


def title_of(column: str) -> str:
    """A column of ``work_items`` as people call it."""
    return column.replace("_", " ").capitalize()


def mapped_to() -> Subquery:
    """For rows of custom fields: the column that each fills, NULL where it fills none."""
    rows = CustomFieldMapping.objects.filter(
        tenant=OuterRef("tenant"), integration=OuterRef("integration"), active=True
    )
    fills = [When(**{f"{reference(column)}_id": OuterRef("pk")}, then=Value(column)) for column in MAPPED_COLUMNS]
    return Subquery(rows.values(column=Case(*fills, default=None, output_field=CharField()))[:1])
