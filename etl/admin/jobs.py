"""Jobs: where they stand, and the buttons that move them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.text import Truncator

from etl.admin.acting import ActingAdmin, Button, link_to, trigger_of
from etl.admin.run_form import RunForm
from etl.history.estimating import estimate
from etl.jobs import lifecycle, states
from etl.jobs.states import IllegalTransition
from etl.models import EtlJob, EtlJobRun, Verification
from etl.verification import verify
from integrations.errors import StageError
from pulse.tenancy.admin.shown import STATE_COLOURS, state_label
from pulse.tenancy.models import User
from pulse.tenancy.scoping import person

LONGEST_SAID = 200


def _begun(transition: Callable[..., EtlJobRun]) -> Callable[[EtlJob, User], EtlJobRun]:
    return lambda job, user: transition(job.pk, trigger=trigger_of(user))


def _moved(transition: Callable[[int], object]) -> Callable[[EtlJob, User], None]:
    def act(job: EtlJob, user: User) -> None:
        transition(job.pk)

    return act


def _verified(*, repairs: bool) -> Callable[[EtlJob, User], Verification]:
    return lambda job, user: verify.request(job.integration, trigger=trigger_of(user), repairs=repairs)


def _said(value: Any) -> str:
    """What was asked of a run, in a few words."""
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return Truncator(text).chars(LONGEST_SAID)


BUTTONS = (
    Button("start", "Start", "started", _begun(lifecycle.start), "primary"),
    Button("pause", "Pause", "paused", _moved(lifecycle.pause)),
    Button("resume", "Resume", "resumed", _moved(lifecycle.resume), "primary"),
    Button("stop", "Stop", "stopped", _moved(lifecycle.stop), "danger"),
    Button("retry", "Retry what failed", "retried", _begun(lifecycle.retry), "primary"),
    Button("reprocess", "Reprocess stored answers", "reprocessed", _begun(lifecycle.reprocess)),
    Button("reset", "Reset", "reset: it is READY, and due now", _moved(lifecycle.reset)),
    Button("repair", "Repair", "begun to be repaired", _begun(lifecycle.start_repair)),
    Button("verify", "Verify", "put down to be verified", _verified(repairs=False)),
    Button("verify_and_repair", "Verify and repair", "put down to be verified and repaired", _verified(repairs=True)),
)


@admin.register(EtlJob)
class EtlJobAdmin(ActingAdmin):
    """A job comes with its integration. Its plan is people's, its status is the workers'."""

    buttons = BUTTONS
    relations = ("tenant", "integration")
    list_loads = ("status",)
    list_display = ("name", "overall", "integration", "tenant", "order", "active", "next_run", "last_run_finished_at")
    list_filter = ("tenant", "integration", "active")
    search_fields = ("name", "integration__name")
    fields = ("name", "order", "active", "next_run", "settings")
    readonly_fields = (
        "overall",
        "status",
        "last_run_started_at",
        "last_run_finished_at",
        "last_sync_date",
        "retry_count",
        "error_message",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        editable = [self._json[name] if self._only_shown(request, obj, name) else name for name in self.fields or ()]
        return [*editable, *self.get_readonly_fields(request, obj)]

    def _only_shown(self, request: HttpRequest, obj: Any, name: Any) -> bool:
        return name in self._json and not self.has_change_permission(request, obj)

    @state_label("state")
    def overall(self, job: EtlJob) -> str:
        return str(job.overall)

    # The page of a job

    def offered(self, row: EtlJob) -> Sequence[Button]:
        """What can be done in the job's state, and what has no part in it."""
        can = states.possible(row.overall)
        return [button for button in self.buttons if button.name in can or button.name not in states.ACTIONS]

    def shown_with(self, request: HttpRequest, row: EtlJob) -> dict[str, Any]:
        run = EtlJobRun.objects.filter(job=row).select_related("integration").order_by("-pk").first()
        operates = self.has_operate_permission(request)
        return {
            **super().shown_with(request, row),
            "above": "etl/operations/job_state.html",
            "colour": STATE_COLOURS.get(row.overall, "info"),
            "run": run,
            "estimated_end": estimate(run) if run else None,
            "links": [("Run with options…", self.address("run", row.pk))] if operates else [],
        }

    # A run with options

    def get_urls(self) -> list[URLPattern]:
        own = path("<int:pk>/run/", self.admin_site.admin_view(self.run_view), name=self.page_name("run"))
        return [own, *super().get_urls()]

    def run_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form of what a run may be asked, and its start."""
        job = self.visible(request, pk)
        if not self.has_operate_permission(request):
            raise PermissionDenied
        form = RunForm(job, request.POST if request.method == "POST" else None)
        if form.is_valid() and self._started(request, job, form.config):
            return HttpResponseRedirect(self.address("change", job.pk))
        request.current_app = self.admin_site.name
        shown = {"opts": self.opts, "title": f"Run {job} with options", "form": form, "job": job}
        more = {**self.admin_site.each_context(request), **shown, "back": self.address("change", job.pk)}
        return TemplateResponse(request, "etl/operations/run_options.html", more)

    def _started(self, request: HttpRequest, job: EtlJob, config: dict[str, Any]) -> bool:
        try:
            run = lifecycle.start(job.pk, trigger=trigger_of(person(request)), config=config)
        except (IllegalTransition, StageError) as error:
            self.message_user(request, f"{job} was not started: {error}", messages.ERROR)
            return False
        asked = ", ".join(f"{name}: {_said(value)}" for name, value in config.items()) or "all that has changed"
        text = format_html("{} was started, {}: {}.", str(job), asked, link_to(run))
        self.message_user(request, text, messages.SUCCESS)
        return True
