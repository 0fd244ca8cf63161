"""What the page of an integration's mapping shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unfold.widgets import UnfoldAdminFileFieldWidget

from custommapping.fitting import problem
from custommapping.mapping import columns_of, find_mapping
from custommapping.models import MAPPED_COLUMNS, CustomField
from custommapping.suggestions import Suggestion
from etl.admin.mapping.columns_form import MAIN_COLUMNS, Columns, ColumnsForm
from etl.admin.mapping.shown import described, title_of
from etl.jobs.lifecycle import open_run
from etl.mapping.preview import Example, Preview
from etl.mapping.suggesting import suggestions
from etl.models import RunKind
from integrations.models import Integration


@dataclass(frozen=True)
class Difference:
    """A column for which somebody else saved another field than was chosen here."""

    column: str
    theirs: str
    yours: str


@dataclass
class MappingPage:
    """The form, what it would change where that was asked for, and what somebody else saved meanwhile."""

    integration: Integration
    form: ColumnsForm
    preview: Preview | None = None
    differences: Sequence[Difference] = field(default_factory=list)

    def context(self) -> dict[str, Any]:
        """For the template: besides, where the mapping stands, and each column with what is to be said of it."""
        row = find_mapping(self.integration.tenant_id, self.integration.pk)
        standing = columns_of(row)
        offered = self._offered()
        entries = {column: self._entry(column, standing, offered.get(column)) for column in MAPPED_COLUMNS}
        job = self.integration.jobs.order_by("id")[0]
        return {
            "page": self,
            "media": self.form.media,
            "run": open_run(job.pk, [RunKind.REPROCESS]),
            "unsaved": self._chosen() != {column: stands.external_id for column, stands in standing.items()},
            "file": _file_input(),
            "suggested": offered,
            "known": CustomField.objects.filter(integration=self.integration).exists(),
            "due": job.retransform_due_at is not None,
            "main": [entries[column] for column in MAIN_COLUMNS],
            "others": [entry for column, entry in entries.items() if column not in MAIN_COLUMNS],
            "items": f"{self.preview.items:,}" if self.preview else "",
            "counts": [(title_of(column), f"{count:,}") for column, count in self._counts().items()],
            **_table(self.preview.examples if self.preview else []),
        }

    def _chosen(self) -> dict[str, str]:
        values = {column: self.form[column].value() for column in MAPPED_COLUMNS}
        return {column: str(value) for column, value in values.items() if value}

    def _offered(self) -> dict[str, Suggestion]:
        """What is suggested, and not chosen for any column yet."""
        chosen = set(self._chosen().values())
        found = suggestions(self.integration)
        return {column: made for column, made in found.items() if made.field.external_id not in chosen}

    def _entry(self, column: str, standing: Mapping[str, CustomField], suggestion: Suggestion | None) -> dict[str, Any]:
        stands = standing.get(column)
        as_it_stands = stands is not None and stands.external_id == self.form[column].value()
        return {
            "field": self.form[column],
            "problem": problem(column, stands) if stands and as_it_stands else None,
            "suggestion": suggestion and {"text": described(suggestion.field), "reason": suggestion.reason},
        }

    def _counts(self) -> Mapping[str, int]:
        return self.preview.by_column if self.preview else {}


def differences(integration: Integration, yours: Columns) -> list[Difference]:
    """Between what stands by now and what was chosen."""
    theirs = columns_of(find_mapping(integration.tenant_id, integration.pk))
    labels = {row.external_id: described(row) for row in CustomField.objects.filter(integration=integration)}
    found = []
    for column in MAPPED_COLUMNS:
        stands, chosen = theirs.get(column), yours.get(column) or ""
        if (stands.external_id if stands else "") != chosen:
            shown = described(stands) if stands else ""
            found.append(Difference(title_of(column), shown, labels.get(chosen, chosen)))
    return found


def _file_input() -> str:
    """That of unfold: its script reads the markup around each input for files."""
    widget = UnfoldAdminFileFieldWidget(attrs={"accept": ".json,application/json"})
    return str(widget.render("document", None, {"id": "id_document"}))


def _table(examples: Sequence[Example]) -> dict[str, Any]:
    """A row per example, a cell per column that one of them has changed: (before, after), None where it has not."""
    columns = [column for column in MAPPED_COLUMNS if any(column in found.after for found in examples)]
    rows = [(found.key, [_cell(found, column) for column in columns]) for found in examples]
    return {"example_columns": [title_of(column) for column in columns], "examples": rows}


def _cell(found: Example, column: str) -> tuple[str | None, str | None] | None:
    return (found.before[column], found.after[column]) if column in found.after else None
