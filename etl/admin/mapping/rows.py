"""Pages on which several mappings of an integration are changed at once, and saved by one service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from unfold.widgets import UnfoldAdminTextInputWidget

from custommapping.errors import Outdated, Refused
from etl.admin.mapping.base import RowOfIntegration, back_to
from etl.mapping.changing import Applied
from integrations.models import Integration
from pulse.tenancy.scoping import person

ROWS_A_PAGE = 100
LONGEST_SEARCH = 255


class SeenField(forms.CharField):
    """When a mapping was last updated as the person saw it; None where there was none."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        found = parse_datetime(text) if text else None
        if text and found is None:
            raise forms.ValidationError(f"{text!r} is no time")
        return found


class RowForm(forms.Form):
    """What one status, or one type, is to mean. Its fields carry along what they were, so that changed rows are known.

    ``name`` is what the mapping is of.
    """

    name = forms.CharField(max_length=255, strip=False, widget=forms.HiddenInput)
    seen = SeenField(required=False, widget=forms.HiddenInput)

    @property
    def chosen(self) -> list[forms.BoundField]:
        return self.visible_fields()

    def choose_from(self, field: str, choices: Sequence[tuple[str, str]]) -> None:
        """Offers these, and what was chosen already."""
        chosen = str(self.initial.get(field) or "")
        known = [*choices] if chosen in dict(choices) else [*choices, (chosen, chosen)]
        select: Any = self.fields[field]
        select.choices = known


@dataclass(frozen=True)
class Row:
    """``cells`` say what the source says, and how much it is used."""

    cells: Sequence[str]
    form: RowForm


class SearchForm(forms.Form):
    q = forms.CharField(
        required=False, max_length=LONGEST_SEARCH, label="Search", widget=UnfoldAdminTextInputWidget(), strip=True
    )
    unmapped = forms.BooleanField(required=False, label="unmapped only")


class RowsAdmin(RowOfIntegration):
    """Base. A subclass says which ``named`` rows there are, how a `Row` of each looks, and saves those that changed."""

    panel = "rows_panel"
    headers: ClassVar[Sequence[str]] = ()
    help_text: ClassVar[str] = ""

    def named(self, integration: Integration, words: str, unmapped: bool) -> Sequence[str]:
        """The names of what is to be shown, in the order of the list."""
        raise NotImplementedError

    def rows(self, integration: Integration, names: Sequence[str], data: Mapping[str, Any] | None) -> list[Row]:
        """Of those names, in that order; bound to ``data``, by the prefix that `prefix` gives, where there is any."""
        raise NotImplementedError

    def save(self, integration: Integration, changed: Sequence[RowForm], *, by: str) -> Applied:
        raise NotImplementedError

    def look(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        page = self._page(request, integration)
        return self._show(request, integration, page, self.rows(integration, list(page.object_list), None))

    def act(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        names = request.POST.getlist("names")[:ROWS_A_PAGE]
        data = request.POST.copy()
        rows = self.rows(integration, names, data)
        changed = _changed(rows)
        if all(form.is_valid() for form in changed):
            try:
                applied = self.save(integration, changed, by=person(request).username)
            except Outdated as error:
                rows = self._as_they_are_now(integration, names, data, rows)
                _refuse(_changed(rows), error)
            except Refused as error:
                _refuse(changed, error)
            else:
                self.message_user(request, self.told(applied), messages.SUCCESS)
                return back_to(request.get_full_path())
        self.message_user(request, "Nothing was saved: see what is said at the rows.", messages.ERROR)
        return self._show(request, integration, self._page(request, integration), rows)

    def told(self, applied: Applied) -> str:
        raise NotImplementedError

    def _as_they_are_now(
        self, integration: Integration, names: Sequence[str], data: Any, rows: Sequence[Row]
    ) -> list[Row]:
        """What was chosen stays, and is chosen in the knowledge of what the other one saved."""
        for new in self.rows(integration, names, None):
            data[new.form.add_prefix("seen")] = new.form.initial["seen"] or ""
        found = self.rows(integration, names, data)
        for row in found:
            row.form.is_valid()
        return found

    def _page(self, request: HttpRequest, integration: Integration) -> "Page[str]":
        form = SearchForm(request.GET)
        form.is_valid()
        names = self.named(integration, form.cleaned_data.get("q", ""), bool(form.cleaned_data.get("unmapped")))
        return Paginator(names, ROWS_A_PAGE).get_page(request.GET.get("page"))

    def _show(
        self, request: HttpRequest, integration: Integration, page: "Page[str]", rows: Sequence[Row]
    ) -> HttpResponse:
        search = SearchForm(request.GET)
        context = {"page": page, "rows": rows, "headers": self.headers, "search": search, "help_text": self.help_text}
        query = request.GET.copy()
        query.pop("page", None)
        media = sum((row.form.media for row in rows), forms.Media())
        return self.shown(request, integration, "rows", **context, query=query.urlencode(), media=media + self.media)


def _changed(rows: Sequence[Row]) -> list[RowForm]:
    """The forms in which the person has chosen something, whatever others have meanwhile."""
    return [row.form for row in rows if not {field.name for field in row.form.chosen}.isdisjoint(row.form.changed_data)]


def prefix(name: str, names: Sequence[str]) -> str:
    """Of the form of that name."""
    return f"row-{names.index(name)}"


def as_text(seen: datetime | None) -> str:
    """As `SeenField` reads it."""
    return seen.isoformat() if seen else ""


def _refuse(changed: Sequence[RowForm], error: Refused) -> None:
    """Shows each error at its row; keys are "mappings.<number>.<field>"."""
    for path, message in error.errors.items():
        _, number, field = [*path.split("."), "", ""][:3]
        form = changed[int(number)] if number.isdecimal() and int(number) < len(changed) else changed[0]
        form.add_error(field if field in form.fields else None, message)
