"""What the page of all jobs reads: cards, chosen and in pages, and how many jobs there are."""

from typing import Any

from django import forms
from django.core import signing
from django.db.models import Q, QuerySet
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from etl.live.cards import LATE, by_urgency, cards, late, totals
from etl.live.jobs_consumer import MOST_JOBS
from etl.live.snapshot import seen_of
from etl.models import EtlJob, Overall
from integrations.models import Integration

PAGE_JOBS = 100
# Of integrations to choose from: a name is found by typing, too.
MOST_CHOICES = 1000
_STATES = [(name, name) for name in ("", *Overall.values, LATE)]
_SALT = "page of jobs by urgency"


class JobsForm(forms.Form):
    """Which jobs are shown: by words in their name or their integration's, by state, by integration."""

    q = forms.CharField(
        required=False, max_length=200, label="Name", widget=UnfoldAdminTextInputWidget(attrs={"type": "search"})
    )
    integration = forms.TypedChoiceField(
        required=False, coerce=int, empty_value=None, widget=UnfoldAdminSelectWidget, choices=()
    )
    state = forms.ChoiceField(
        required=False,
        choices=[("", "")] + [(name, name) for name in (*Overall.values, LATE)],
        widget=forms.HiddenInput,
    )
    cursor = forms.CharField(required=False, widget=forms.HiddenInput)
    limit = forms.IntegerField(required=False, min_value=1, max_value=MOST_JOBS, widget=forms.HiddenInput)

    def __init__(self, integrations: QuerySet[Integration], given: Any) -> None:
        super().__init__(given)
        names = integrations.order_by("name", "pk").values_list("pk", "name")[:MOST_CHOICES]
        self.fields["integration"].choices = [("", "All integrations"), *names]  # type: ignore[attr-defined]

    def clean_cursor(self) -> list[int] | None:
        """Behind which urgency, order and id the page begins; None: at the beginning."""
        if not (cursor := self.cleaned_data["cursor"]):
            return None
        try:
            behind: list[int] = signing.loads(cursor, salt=_SALT)
        except signing.BadSignature as error:
            raise forms.ValidationError("It is no cursor of this list.") from error
        return behind

    def faults(self) -> dict[str, list[str]]:
        return {name: [str(one) for one in said] for name, said in self.errors.items()}

    def chosen(self, jobs: QuerySet[EtlJob]) -> QuerySet[EtlJob]:
        """Those of the jobs that a form without faults asks for."""
        said = self.cleaned_data
        if words := said["q"]:
            jobs = jobs.filter(Q(name__icontains=words) | Q(integration__name__icontains=words))
        if said["integration"]:
            jobs = jobs.filter(integration_id=said["integration"])
        if said["state"]:
            jobs = jobs.filter(late() if said["state"] == LATE else Q(status__overall=said["state"]))
        return jobs


def jobs_page(jobs: QuerySet[EtlJob], form: JobsForm) -> dict[str, Any]:
    """A page of cards of what a form without faults asks for, what is urgent first: ``jobs``, ``next`` and ``totals``.

    It counts no units: open runs have the figures that this process saw last, and the socket brings newer ones.
    """
    limit = form.cleaned_data["limit"] or PAGE_JOBS
    found = list(_keys(form.chosen(jobs), form.cleaned_data["cursor"])[: limit + 1])
    shown = found[:limit]
    more = signing.dumps(list(shown[-1]), salt=_SALT) if len(found) > limit else None
    return {"jobs": cards_of(jobs, [pk for *_, pk in shown]), "next": more, "totals": totals(jobs)}


def _keys(jobs: QuerySet[EtlJob], behind: list[int] | None) -> Any:
    """Urgency, order and id of the jobs, in this order, behind those."""
    rows = by_urgency(jobs)
    if behind is not None:
        urgency, order, pk = behind
        next_order = Q(order__gt=order) | Q(order=order, pk__gt=pk)
        rows = rows.filter(Q(urgency__gt=urgency) | Q(next_order, urgency=urgency))
    return rows.order_by("urgency", "order", "pk").values_list("urgency", "order", "pk")


def cards_of(jobs: QuerySet[EtlJob], ids: list[int]) -> list[dict[str, Any]]:
    """The cards of those of the jobs that have these ids, in the order of the ids."""
    by_id = {card["id"]: card for card in cards(jobs.filter(pk__in=ids), seen_of)}
    return [by_id[pk] for pk in ids if pk in by_id]
