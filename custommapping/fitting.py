"""Which custom field can fill which column of ``work_items``, by the type that the source gives the field."""

from custommapping.models import CustomField

NUMBER = "number"
DATES = ("date", "datetime")
# Names of a group of people, and of whether code was changed: a date in them is a slip.
_NEVER_DATES = ("team", "code_changed")


def misfit(column: str, field: CustomField) -> str | None:
    """Why the field cannot fill the column; None where it can. Columns of text take anything."""
    if column == "story_points" and field.field_type != NUMBER:
        return f"takes only numbers, and {_described(field)}"
    if column in _NEVER_DATES and field.field_type in DATES:
        return f"takes no dates, and {_described(field)}"
    return None


def problem(column: str, field: CustomField) -> str | None:
    """What is wrong by now with the field that fills the column; None where all is well."""
    return misfit(column, field) if field.active else "the site does not list this field any more"


def _described(field: CustomField) -> str:
    return f"field {field.external_id} ({field.name}) is of type {field.field_type or 'unknown'!r}"
