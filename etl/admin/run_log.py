"""The log of a run on its page: filtered, searched, the newest first, a page at a time."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from etl.admin.filters import LEVELS
from etl.models import EtlJobEvent, EtlJobRun
from etl.queue.topology import Stage

PAGE_EVENTS = 50
ALL = ("", "all")


class LogForm(forms.Form):
    """What of a log is to be seen. ``before`` is an event's id: only older ones."""

    level = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget, choices=[ALL, *((n, n) for n in LEVELS)])
    stage = forms.ChoiceField(
        required=False, widget=UnfoldAdminSelectWidget, choices=[ALL, *((stage.value, stage.value) for stage in Stage)]
    )
    step = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    search = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget)
    before = forms.IntegerField(required=False, widget=forms.HiddenInput, min_value=1, max_value=2**63 - 1)

    def __init__(self, steps: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["step"].choices = [ALL, *steps]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class LogPage:
    """The events of a page; ``older`` leads to the next one, empty where there is none; ``newest`` to the first."""

    form: LogForm
    events: list[EtlJobEvent]
    older: str
    newest: str


def log_page(run: EtlJobRun, steps: list[tuple[str, str]], given: Any) -> LogPage:
    """The page of the log that a query string asks for; what cannot be asked is said at the form, and counts not."""
    form = LogForm(steps, given)
    form.is_valid()
    asked = {name: value for name, value in form.cleaned_data.items() if value}
    rows = EtlJobEvent.objects.filter(run=run).order_by("-pk")
    rows = rows.filter(**{name: asked[name] for name in ("level", "stage", "step") if name in asked})
    if "search" in asked:
        rows = rows.filter(message__icontains=asked["search"])
    before = asked.pop("before", None)
    events = list((rows.filter(pk__lt=before) if before else rows)[: PAGE_EVENTS + 1])
    more = len(events) > PAGE_EVENTS
    events = events[:PAGE_EVENTS]
    older = f"?{urlencode({**asked, 'before': events[-1].pk})}#log" if more else ""
    return LogPage(form, events, older, f"?{urlencode(asked)}#log" if before else "")
