"""Dead letters: what was given up, with error, message and unit; sent back or discarded, one, many, or all alike."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from etl.admin.acting import ActingAdmin, Button, link_to
from etl.admin.filters import QueueFilter, StageFilter
from etl.jobs.states import IllegalTransition
from etl.letters import dead_letters, reading
from etl.letters.dead_letters import Settled
from etl.models import DeadLetter, EtlJobRun
from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.admin.shown import pretty_json, state_column
from pulse.tenancy.models import User
from pulse.tenancy.scoping import person

# Of a group, at a time: each is a few statements.
MOST_AT_ONCE = 1000
SHOWN_GROUPS = 100
Settle = Callable[..., Settled]
_SETTLES: dict[str, Settle] = {"replay": dead_letters.replay, "discard": dead_letters.discard}


def _one(settle: Settle) -> Callable[[DeadLetter, User], None]:
    def act(letter: DeadLetter, user: User) -> None:
        for reason in settle([letter.pk], by=user).refused.values():
            raise IllegalTransition(reason)

    return act


REPLAY = Button("replay", "Send back", "sent back", _one(dead_letters.replay), "primary")
DISCARD = Button("discard", "Discard", "discarded", _one(dead_letters.discard), "danger")


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin, ActingAdmin):
    """Letters whose message names no tenant are superusers' business."""

    buttons = (REPLAY, DISCARD)
    relations = ("tenant", "settled_by")
    list_before_template = "etl/operations/letters.html"
    list_loads = ("error",)
    list_display = ("id", "queue", state_column("state"), "stage", "short_error", "attempt", "tenant", "created_at")
    list_filter = ("tenant", "state", StageFilter, QueueFilter)
    search_fields = ("queue__exact", "run_id__exact", "unit_id__exact")
    search_help_text = "The exact name of a queue, or the number of a run or unit"
    fieldsets = (
        (None, {"fields": ("state", "queue", "error", "cause", "attempt", "tenant", "created_at")}),
        ("Unit", {"fields": ("unit", "run")}),
        ("Settled", {"fields": ("settled_at", "settled_by")}),
        ("Message", {"fields": ("message",)}),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for _, group in self.fieldsets for name in group["fields"]]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.display(description="error")
    def short_error(self, letter: DeadLetter) -> str:
        return letter.error[:200]

    @admin.display(description="message")
    def message(self, letter: DeadLetter) -> str:
        found = reading.message_of(letter)
        return format_html("<pre>{}</pre>", letter.body) if found is None else pretty_json(found)

    @admin.display(description="unit")
    def unit(self, letter: DeadLetter) -> str:
        """Where the letter's unit stands now, with a link to it."""
        if letter.unit_id is None:
            return "it is about no unit"
        found = reading.unit_of(letter)
        if found is None:
            return f"{letter.stage} unit {letter.unit_id} is gone"
        return format_html("{}, {}: {}", link_to(found), found.step, found.status)

    @admin.display(description="run")
    def run(self, letter: DeadLetter) -> str | None:
        if letter.run_id is None or letter.tenant_id is None:
            return None
        run = EtlJobRun.objects.filter(pk=letter.run_id, tenant_id=letter.tenant_id).first()
        return format_html("{}: {}", link_to(run), run.status) if run else None

    # Settling

    def offered(self, row: DeadLetter) -> Sequence[Button]:
        return self.buttons if row.state == DeadLetter.State.OPEN else ()

    def press(self, request: HttpRequest, button: Button, rows: Sequence[DeadLetter]) -> None:
        """Many at once: letters of one run reopen it once."""
        if len(rows) == 1:
            super().press(request, button, rows)
        else:
            self._settle(request, button, [row.pk for row in rows])

    def _settle(self, request: HttpRequest, button: Button, ids: Sequence[int]) -> None:
        settled = _SETTLES[button.name](ids, by=person(request))
        if settled.done or not settled.refused:
            self.message_user(request, f"{len(settled.done)} dead letters were {button.done}.", messages.SUCCESS)
        reasons = Counter(settled.refused.values()).most_common()
        self.tell(request, [f"{count} were not {button.done}: {why}" for why, count in reasons], messages.ERROR)

    # Those that failed alike

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.groups_view)
        return [path("groups/", view, name=self.page_name("groups")), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"groups_address": self.address("groups")}
        shown: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return shown

    def groups_view(self, request: HttpRequest) -> HttpResponse:
        """The open letters by cause; its buttons settle all of one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        letters = self.get_queryset(request).filter(state=DeadLetter.State.OPEN)
        if request.method == "POST":
            self._settle_group(request, letters)
            return HttpResponseRedirect(self.address("groups"))
        request.current_app = self.admin_site.name
        groups = dead_letters.groups(letters, SHOWN_GROUPS + 1)
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Dead letters by cause",
            "groups": groups[:SHOWN_GROUPS],
            "are_more": len(groups) > SHOWN_GROUPS,
            "buttons": self.buttons if self.has_operate_permission(request) else (),
            "list_address": reverse(f"admin:{self.page_name('changelist')}"),
        }
        return TemplateResponse(request, "etl/operations/letter_groups.html", shown)

    def _settle_group(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        wanted = {button.name: button for button in self.buttons}.get(request.POST.get("act", ""))
        if not self.has_operate_permission(request) or wanted is None:
            raise PermissionDenied
        cause = request.POST.get("cause", "")
        if "\0" in cause:
            raise BadRequest("there is no such cause")
        alike = letters.filter(cause=cause).order_by("pk")
        self._settle(request, wanted, list(alike.values_list("pk", flat=True)[:MOST_AT_ONCE]))
