"""The form of a run with options: what `etl.jobs.asked.RunRequest` knows, with the job's own defaults filled in."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from etl.jobs.asked import LARGEST_BATCH, InvalidRequest, RunRequest, names_of_steps
from etl.models import EtlJob

_A_DATE = "A day such as 2024-12-31, or a moment such as 2024-12-31T08:00:00Z; UTC. Empty: no bound"


def _flag(label: str, help_text: str) -> forms.BooleanField:
    return forms.BooleanField(required=False, label=label, help_text=help_text, widget=UnfoldBooleanWidget)


def _text(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(required=False, label=label, help_text=help_text, widget=UnfoldAdminTextInputWidget)


class RunForm(forms.Form):
    """Once it is valid, ``config`` is what the run is asked for."""

    steps = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None chosen: all. A step whose feeder is not chosen uses what is known",
    )
    projects = _text("Projects or repositories", "Keys, owner/name or ids, separated by commas. Empty: all")
    updated_from = _text("Changed from", _A_DATE)
    updated_to = _text("Changed up to", f"{_A_DATE}. A day is included")
    full_sync = _flag("Full sync", "Read everything again, not only what has changed")
    batch_size = forms.IntegerField(
        required=False,
        label="Items a page",
        help_text=f"1 to {LARGEST_BATCH}. Empty: the job's own, or the integration's",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    include_dev_status = _flag("Development status", "Read what the code hosts know of the items")
    include_custom_fields = _flag("Custom fields", "Discover the custom fields too")

    def __init__(self, job: EtlJob, given: Any = None) -> None:
        self._job = job
        self.config: dict[str, Any] = {}
        super().__init__(given, initial={"include_dev_status": True, **(job.settings.get("config") or {})})
        known = names_of_steps(job.integration)
        titles = {step.name: step.display_name for step in job.integration.provider_code.steps}
        self.fields["steps"].choices = [(name, titles[name]) for name in known]  # type: ignore[attr-defined]

    def described(self) -> list[dict[str, Any]]:
        """The fields for a script that shows them: each with its ``kind`` (choices, flag, text or number)."""
        return [_described(field) for field in self]

    def faults(self) -> dict[str, list[str]]:
        return {name: [str(one) for one in said] for name, said in self.errors.items()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        said = {name: value for name, value in cleaned.items() if value not in ("", None)}
        said["projects"] = [name for name in cleaned.get("projects", "").split(",") if name.strip()]
        try:
            asked = RunRequest.parse(said, self._job.integration)
        except InvalidRequest as error:
            for name, message in error.errors.items():
                self.add_error(name if name in self.fields else None, message)
        else:
            self.config = asked.config()
        return cleaned


def _described(field: forms.BoundField) -> dict[str, Any]:
    made = field.field
    choices = list(getattr(made, "choices", ()))
    number = isinstance(made, forms.IntegerField)
    kind = "choices" if choices else "flag" if isinstance(made, forms.BooleanField) else "number" if number else "text"
    value = field.value()
    return {
        "name": field.name,
        "label": str(field.label),
        "help": f"{field.help_text}.",
        "kind": kind,
        "value": [*(value or ())] if choices else value,
        "choices": choices,
    }
