"""What the flow page is asked for: its filters, which stand in the address."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import QueryDict
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from custommapping.models import Project
from etl.metrics.asking import PERCENTILES, Period, Question
from etl.metrics.flow import usual_end
from pulse.tenancy.models import Tenant, User
from pulse.tenancy.scoping import visible_to

USUAL_DAYS, MOST_DAYS = 90, 3660
EARLIEST, LATEST = date(1970, 1, 1), date(2999, 12, 31)
MOST_CHOICES = 1000
# What figures can be told apart by; empty: all together.
APART = {"": "Nothing", "project": "Project", "team": "Team", "wit": "Type"}


class DayWidget(UnfoldAdminTextInputWidget):  # type: ignore[misc]  # unfold says no types
    """The browser's own."""

    input_type = "date"


def tenants_of(user: User) -> list[Tenant]:
    """Those whose flow the person may see, by name."""
    return list(visible_to(user, Tenant.objects.order_by("name"))[:MOST_CHOICES])


def _named(pk: str, tenants: list[Tenant]) -> Tenant:
    for tenant in tenants:
        if str(tenant.pk) == pk:
            return tenant
    raise PermissionDenied("there is no such tenant")


def _usual_days(tenant: Tenant, said: Mapping[str, str]) -> dict[str, str]:
    """Those that are not said."""
    if said["first"] and said["last"]:
        return {}
    last = _day(said["last"]) or max(usual_end(tenant.pk, USUAL_DAYS), _day(said["first"]) or date.min)
    return {"first": str(last - timedelta(days=USUAL_DAYS - 1)), "last": str(last)}


def _day(text: str) -> date | None:
    """None where it is none that can be looked at: the form says so where it was said."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if EARLIEST <= day <= LATEST else None


def _choice(label: str, **more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, widget=UnfoldAdminSelectWidget, **more)


class FlowForm(forms.Form):
    """What is not given is as usual: 90 days by week, up to today or to when something was finished last.

    Once it is valid, ``question`` asks for its figures.
    ``tenants`` are those that may be chosen, and ``usual`` which one is where none is named. Raises PermissionDenied
    where another one is named. The days are UTC.
    """

    tenant = _choice("Tenant")
    project = _choice("Project")
    team = forms.CharField(
        label="Team", required=False, max_length=1000, strip=False, widget=UnfoldAdminTextInputWidget({"list": "teams"})
    )
    first = forms.DateField(label="From", required=False, widget=DayWidget)
    last = forms.DateField(label="To", required=False, widget=DayWidget)
    period = _choice("By", choices=[(period.value, period.value.title()) for period in Period])
    apart = _choice("Compare", choices=list(APART.items()))
    percentile = _choice("Percentile", choices=[(name, name) for name in PERCENTILES])

    def __init__(self, given: QueryDict, tenants: list[Tenant], usual: Tenant) -> None:
        said = {name: given.get(name, "") for name in self.base_fields}
        self.chosen = _named(said["tenant"] or str(usual.pk), tenants)
        usually = {
            "tenant": str(self.chosen.pk),
            "period": Period.WEEK.value,
            "percentile": next(iter(PERCENTILES)),
            **_usual_days(self.chosen, said),
        }
        super().__init__({name: said[name] or usually.get(name, "") for name in said})
        self._offer(tenants)

    def _offer(self, tenants: list[Tenant]) -> None:
        """Fills in what there is to choose."""
        self.fields["tenant"].choices = [(str(tenant.pk), tenant.name) for tenant in tenants]  # type: ignore[attr-defined]
        if len(tenants) == 1:
            del self.fields["tenant"]
        active = Project.objects.filter(tenant=self.chosen, active=True).order_by("key", "pk")
        rows = list(active.values_list("pk", "key", "external_id", "integration__name")[:MOST_CHOICES])
        self.projects: dict[int, str] = {pk: key for pk, key, _, _ in rows}
        often = Counter(self.projects.values())
        # What is known by its id alone is only referred to: nothing of it is read.
        named = [
            (str(pk), f"{key}, {integration}" if often[key] > 1 else key)
            for pk, key, external_id, integration in rows
            if key != external_id
        ]
        self.fields["project"].choices = [("", "All"), *named]  # type: ignore[attr-defined]

    def clean_first(self) -> date:
        return self._within("first")

    def clean_last(self) -> date:
        return self._within("last")

    def _within(self, name: str) -> date:
        day: date = self.cleaned_data[name]
        if not EARLIEST <= day <= LATEST:
            raise forms.ValidationError(f"{day} is not from {EARLIEST} to {LATEST}.")
        return day

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and first > last:
            self.add_error("first", f"{first} is after {last}.")
        elif first and last and (last - first).days >= MOST_DAYS:
            self.add_error("first", f"{first} is more than {MOST_DAYS} days before {last}.")
        return cleaned

    @property
    def question(self) -> Question:
        """Of all groups together."""
        asked = self.cleaned_data
        return Question(
            tenant_id=self.chosen.pk,
            first=asked["first"],
            last=asked["last"],
            projects=[int(asked["project"])] if asked["project"] else None,
            team=asked["team"] or None,
        )
