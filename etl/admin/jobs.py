"""Jobs: where they stand, and the buttons that move them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import Truncator

from etl.admin.acting import ActingAdmin, Button, is_json, linked, told_as_json, trigger_of
from etl.admin.history_grid import history_grid
from etl.admin.job_list import JobsForm, cards_of, jobs_page
from etl.admin.run_form import RunForm
from etl.jobs import lifecycle, states
from etl.jobs.states import IllegalTransition
from etl.models import EtlJob, EtlJobRun, Overall, Verification
from etl.verification import verify
from integrations.errors import StageError
from integrations.models import Integration
from pulse.tenancy.admin.shown import state_label
from pulse.tenancy.models import User
from pulse.tenancy.scoping import person, visible_to

LONGEST_SAID = 200
LONGEST_ERROR = 100


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


_STOP = (
    "Stop the job? What waits in its run is cancelled, and the run cannot go on afterwards: only a new one can begin."
)
_RESET = (
    "Reset the job? Its open run is stopped, if it has one, and cannot go on; the job is then READY, and due at once."
)
_REPROCESS = (
    "Reprocess what is stored? All that was loaded is made anew from the stored answers. It may take long and cannot"
    " be taken back."
)

BUTTONS = (
    Button("start", "Start", "started", _begun(lifecycle.start), "primary"),
    Button("pause", "Pause", "paused", _moved(lifecycle.pause)),
    Button("resume", "Resume", "resumed", _moved(lifecycle.resume), "primary"),
    Button("stop", "Stop", "stopped", _moved(lifecycle.stop), "danger", _STOP),
    Button("retry", "Retry what failed", "retried", _begun(lifecycle.retry), "primary"),
    Button("reprocess", "Reprocess stored answers", "reprocessed", _begun(lifecycle.reprocess), question=_REPROCESS),
    Button("reset", "Reset", "reset: it is READY, and due now", _moved(lifecycle.reset), question=_RESET),
    Button("repair", "Repair", "begun to be repaired", _begun(lifecycle.start_repair)),
    Button("verify", "Verify", "put down to be verified", _verified(repairs=False)),
    Button("verify_and_repair", "Verify and repair", "put down to be verified and repaired", _verified(repairs=True)),
)


class StateFilter(admin.SimpleListFilter):
    """By the state that the job's status says."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state.value) for state in Overall]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(status__overall=self.value()) if self.value() else queryset


@admin.register(EtlJob)
class EtlJobAdmin(ActingAdmin):
    """A job comes with its integration. Its plan is people's, its status is the workers'.

    The list is a page of cards; Django's own, with actions on many jobs, is the table beside it.
    """

    class Media:
        css = {"all": ("etl/jobs.css", "etl/runs.css")}

    buttons = BUTTONS
    relations = ("tenant", "integration")
    list_loads = ("status", "error_message")
    list_display = ("name", "overall", "integration", "tenant", "order", "active", "next_run", "ended_at", "error")
    list_filter = ("tenant", "integration", StateFilter, "active")
    list_before_template = "etl/operations/jobs_table.html"
    change_form_outer_before_template = "etl/operations/job.html"
    search_fields = ("name", "integration__name")
    fields = ("name", "order", "active", "next_run", "settings")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if self.has_change_permission(request, obj):
            return self.fields
        # The card tells when the next run is, and goes on telling the truth.
        return [self._json.get(name, name) for name in map(str, self.fields or ()) if name != "next_run"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "next_run":
            # The schedule writes it meanwhile: only what the person changed is written.
            field.show_hidden_initial = True
        return field

    # The table

    @state_label("state")
    def overall(self, job: EtlJob) -> str:
        return str(job.overall)

    @admin.display(description="last run ended", ordering="last_run_finished_at")
    def ended_at(self, job: EtlJob) -> Any:
        return job.last_run_finished_at

    @admin.display(description="error")
    def error(self, job: EtlJob) -> str:
        return Truncator(job.error_message).chars(LONGEST_ERROR)

    # Cards

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("cards/", view(self.cards_view), name=self.page_name("cards")),
            path("table/", view(self.table_view), name=self.page_name("table")),
            path("<int:pk>/run/", view(self.run_view), name=self.page_name("run")),
        ]
        return [*own, *super().get_urls()]

    def table_view(self, request: HttpRequest) -> HttpResponse:
        """Django's list: columns, and actions on many jobs."""
        more = {"cards_address": self.address("changelist"), "title": "Jobs as a table"}
        shown: HttpResponse = super().changelist_view(request, more)
        return shown

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Cards, live. Actions on many are the table's."""
        if request.method == "POST":
            return self.table_view(request)
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = self._form(request)
        found = self._found(request, form) or self._found(request, self._form(request, {}))
        request.current_app = self.admin_site.name
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Jobs",
            "is_fullwidth": "1",
            "form": form,
            "settings": {**self.card_settings(request), "cards": self.address("cards"), "list": found},
            "table_address": self.address("table"),
        }
        return TemplateResponse(request, "etl/operations/jobs.html", shown)

    def cards_view(self, request: HttpRequest) -> HttpResponse:
        """A page of cards as JSON; 400 where what is asked cannot be."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = self._form(request)
        found = self._found(request, form)
        if found is None:
            faults = form.faults()
            detail = "; ".join(f"{name}: {' '.join(said)}" for name, said in faults.items())
            return JsonResponse({"detail": detail, "errors": faults}, status=400)
        return JsonResponse(found)

    def _form(self, request: HttpRequest, given: Any = None) -> JobsForm:
        own = visible_to(person(request), Integration.objects.all())
        return JobsForm(own, request.GET if given is None else given)

    def _found(self, request: HttpRequest, form: JobsForm) -> dict[str, Any] | None:
        """None, with a fault in the form, where what is asked cannot be."""
        return jobs_page(self.get_queryset(request), form) if form.is_valid() else None

    def card_settings(self, request: HttpRequest) -> dict[str, Any]:
        """What the page's script needs to know besides the cards."""
        user = person(request)
        operates = self.has_operate_permission(request)
        offered = self.buttons if operates else ()
        return {
            "operates": operates,
            "buttons": [
                {"name": one.name, "label": one.label, "variant": one.variant, "question": one.question}
                for one in offered
            ],
            "transitions": list(states.ACTIONS),
            "act": self.address("act", 0),
            "run": self.address("run", 0),
            "socket": "/ws/jobs" if user.sees_all else f"/ws/jobs/{user.only_tenant_id}",
            "showsTenants": user.sees_all,
            "time_zone": timezone.get_current_timezone_name(),
        }

    # The page of a job

    def offered(self, row: EtlJob) -> Sequence[Button]:
        """What can be done in the job's state, and what has no part in it."""
        can = states.possible(row.overall)
        return [button for button in self.buttons if button.name in can or button.name not in states.ACTIONS]

    def shown_with(self, request: HttpRequest, row: EtlJob) -> dict[str, Any]:
        operates = self.has_operate_permission(request)
        of_job = {"jobs": cards_of(self.get_queryset(request), [row.pk]), "totals": {}}
        return {
            **super().shown_with(request, row),
            "card_settings": {**self.card_settings(request), "large": True, "list": of_job},
            "history": history_grid(row),
            "links": [("Run with options…", self.address("run", row.pk))] if operates else [],
        }

    def shown_after(self, request: HttpRequest, row: EtlJob) -> dict[str, Any]:
        return {"jobs": cards_of(self.get_queryset(request), [row.pk])}

    # A run with options

    def run_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form of what a run may be asked, and its start. Scripts get the fields, or what came of it, as JSON."""
        job = self.visible(request, pk)
        if not self.has_operate_permission(request):
            raise PermissionDenied
        form = RunForm(job, request.POST if request.method == "POST" else None)
        started = form.is_valid() and self._started(request, job, form.config)
        if is_json(request):
            return JsonResponse(self._run_as_json(request, job, form))
        if started:
            return HttpResponseRedirect(self.address("change", job.pk))
        request.current_app = self.admin_site.name
        shown = {"opts": self.opts, "title": f"Run {job} with options", "form": form, "job": job}
        more = {**self.admin_site.each_context(request), **shown, "back": self.address("change", job.pk)}
        return TemplateResponse(request, "etl/operations/run_options.html", more)

    def _run_as_json(self, request: HttpRequest, job: EtlJob, form: RunForm) -> dict[str, Any]:
        if request.method != "POST":
            return {"fields": form.described()}
        return {"errors": form.faults(), "told": told_as_json(request), **self.shown_after(request, job)}

    def _started(self, request: HttpRequest, job: EtlJob, config: dict[str, Any]) -> bool:
        try:
            run = lifecycle.start(job.pk, trigger=trigger_of(person(request)), config=config)
        except (IllegalTransition, StageError) as error:
            self.message_user(request, f"{job} was not started: {error}", messages.ERROR)
            return False
        asked = ", ".join(f"{name}: {_said(value)}" for name, value in config.items()) or "all that has changed"
        self.message_user(request, linked(f"{job} was started, {asked}", run), messages.SUCCESS)
        return True
