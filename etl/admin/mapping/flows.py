"""Workflows: ordered steps that statuses stand for."""

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from custommapping.models import Workflow
from etl.admin.mapping.served import ServedAdmin, ServedForm
from etl.mapping.workflows import delete_workflow, save_workflow


class WorkflowForm(ServedForm):
    steps = forms.CharField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}), help_text="One a line, in their order")

    class Meta:
        help_texts: ClassVar[dict[str, str]] = {"project": "Without one the workflow is for all projects"}

    force = forms.BooleanField(required=False, label="Save it all the same", widget=UnfoldBooleanWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["steps"] = "\n".join(map(str, self.instance.steps))

    def clean_steps(self) -> list[str]:
        return [step.strip() for step in self.cleaned_data["steps"].splitlines() if step.strip()]


@admin.register(Workflow)
class WorkflowAdmin(ServedAdmin):
    form = WorkflowForm
    relations = ("tenant", "project")
    list_display = ("name", "project", "in_order", "tenant", "last_updated_at")
    list_loads = ("steps",)
    list_filter = ("tenant",)
    search_fields = ("name",)
    autocomplete_fields = ("project",)
    fields = ("tenant", "name", "project", "steps", "force", "seen")
    only_shown = ("tenant", "name", "project", "in_order")

    @admin.display(description="steps")
    def in_order(self, workflow: Workflow) -> str:
        return " → ".join(map(str, workflow.steps))

    def serve(self, row: Any, given: dict[str, Any], *, by: str, known: Any, seen: datetime | None) -> Workflow:
        return save_workflow(
            row.tenant,
            given["name"],
            given["project"],
            given["steps"],
            by=by,
            known=known,
            seen=seen,
            force=given["force"],
        )

    def remove(self, row: Workflow, *, by: str, force: bool) -> None:
        delete_workflow(row, by=by, force=force)
