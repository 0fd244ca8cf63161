"""The form of an integration's mapping: for each column a select of the integration's custom fields."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from unfold.widgets import UnfoldAdminAutocompleteModelChoiceFieldWidget

from custommapping.models import MAPPED_COLUMNS, CustomField
from etl.admin.mapping.shown import described, title_of
from integrations.models import Integration

if TYPE_CHECKING:
    _Select = forms.Select
else:
    _Select = UnfoldAdminAutocompleteModelChoiceFieldWidget

MAIN_COLUMNS = ("team", "code_changed", "story_points")
LARGEST_VERSION = 2**31 - 1

Columns = Mapping[str, str | None]
"""Source ids of the fields, by column; None where a column is empty."""


class FieldSelect(_Select):
    """Finds fields as people type: it asks ``address`` for those that can fill the column."""

    def __init__(self, column: str, address: str) -> None:
        super().__init__(attrs={"data-ajax--url": f"{address}?column={column}", "data-minimum-input-length": "0"})


class ColumnsForm(forms.Form):
    """Always filled in: with what stands, or with what somebody has chosen and not saved yet.

    ``version`` is that of the mapping that was seen, ``previewed`` the `digest` of the columns whose preview was.
    """

    version = forms.IntegerField(min_value=0, max_value=LARGEST_VERSION, widget=forms.HiddenInput)
    previewed = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, integration: Integration, address: str, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        labels = _labels(integration, {str(data.get(column) or "") for column in MAPPED_COLUMNS})
        for column in MAPPED_COLUMNS:
            select = FieldSelect(column, address)
            chosen = str(data.get(column) or "")
            select.choices = [("", ""), (chosen, labels.get(chosen, chosen))] if chosen else [("", "")]
            self.fields[column] = forms.CharField(required=False, max_length=100, label=title_of(column), widget=select)

    @property
    def columns(self) -> Columns:
        """What was chosen."""
        return {column: self.cleaned_data.get(column) or None for column in MAPPED_COLUMNS}

    @property
    def version_seen(self) -> int:
        version: int = self.cleaned_data["version"]
        return version

    def lock(self) -> None:
        """For who may look only. A fieldset that is disabled would leave these selects open."""
        for column in MAPPED_COLUMNS:
            self.fields[column].widget.attrs["disabled"] = True

    def refuse(self, errors: Mapping[str, str]) -> None:
        """Shows each error at its field, and what is about none of them above all."""
        for name, message in errors.items():
            known = name in self.fields
            self.add_error(name if known else None, message if known else f"{name}: {message}")


def filled_in(
    integration: Integration, address: str, columns: Columns, version: int, previewed: str = ""
) -> ColumnsForm:
    form = ColumnsForm(integration, address, {**columns, "version": version, "previewed": previewed})
    form.is_valid()
    return form


def digest(columns: Columns) -> str:
    """Of what was chosen: the same columns have the same one."""
    chosen = {column: field for column, field in columns.items() if field}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def _labels(integration: Integration, chosen: Iterable[str]) -> dict[str, str]:
    # What was posted may hold a NUL, which PostgreSQL compares with nothing.
    ids = [name for name in chosen if name and "\x00" not in name]
    rows = CustomField.objects.filter(tenant_id=integration.tenant_id, integration=integration, external_id__in=ids)
    return {row.external_id: described(row) for row in rows}
