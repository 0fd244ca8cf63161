"""Dead letters: what was given up, with error, message and unit; sent back or discarded, one, many, or all alike."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from etl.admin import parts
from etl.admin.acting import ActingAdmin, Button, is_unconfirmed, link_to, page_of
from etl.admin.filters import QueueFilter, StageFilter
from etl.admin.tracing import JsonPages
from etl.jobs.states import IllegalTransition
from etl.letters import dead_letters, reading
from etl.letters.dead_letters import Group, Settled
from etl.models import DeadLetter, EtlJobRun
from etl.models.unit import Unit
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


_DISCARD = "It is settled for good: what it was about is not done, unless another run does it."
REPLAY = Button("replay", "Send back", "sent back", _one(dead_letters.replay), "primary")
DISCARD = Button("discard", "Discard", "discarded", _one(dead_letters.discard), "danger", _DISCARD)
# What is asked before all letters of a group are settled.
_WHAT_FOLLOWS = {
    "replay": "The units that they are about wait again, in their runs.",
    "discard": "What they were about is not done, unless another run does it.",
}
LONGEST_SHOWN = 2000


@dataclass(frozen=True)
class ShownGroup:
    """A group with its newest letter as the example. ``key`` names it on the page; ``asked`` are its buttons, each with
    the question that it asks first.
    """

    group: Group
    letter: DeadLetter | None
    message: str
    unit: Unit | None
    asked: Sequence[Button]

    @property
    def unit_address(self) -> str:
        return page_of(self.unit) if self.unit else ""

    @property
    def key(self) -> str:
        return md5(self.group.cause.encode(), usedforsecurity=False).hexdigest()


def shown_groups(letters: QuerySet[DeadLetter], buttons: Sequence[Button]) -> list[ShownGroup]:
    """The largest groups of those letters, one more than are shown; a bounded number of queries."""
    found = dead_letters.groups(letters, SHOWN_GROUPS + 1)
    examples = letters.in_bulk([group.newest_id for group in found])
    units = reading.units_of(list(examples.values()))
    return [_shown(group, examples.get(group.newest_id), units, buttons) for group in found]


def _shown(group: Group, letter: DeadLetter | None, units: Mapping[int, Unit], buttons: Sequence[Button]) -> ShownGroup:
    asked = [_asking(button, group.count) for button in buttons]
    unit = units.get(letter.pk) if letter else None
    return ShownGroup(group, letter, _message(letter) if letter else "", unit, asked)


def _message(letter: DeadLetter) -> str:
    found = reading.message_of(letter)
    text = letter.body if found is None else json.dumps(found, indent=2, ensure_ascii=False)
    return Truncator(text).chars(LONGEST_SHOWN)


def _asking(button: Button, count: int) -> Button:
    """The button for a group of so many letters."""
    letters = f"{MOST_AT_ONCE} of {count} dead letters" if count > MOST_AT_ONCE else _letters(count)
    return replace(button, question=f"{button.label} {letters}? {_WHAT_FOLLOWS[button.name]}")


def _letters(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count} dead letters"


@admin.register(DeadLetter)
class DeadLetterAdmin(JsonPages, ReadOnlyAdmin, ActingAdmin):
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
        said = (found.error_details or {}).get("error") or "none"
        looks = "white-space: pre-wrap; overflow-wrap: anywhere"
        return format_html(
            '{}, {}: {}, taken {} times, {} passing errors in a row.<p style="{}">Its last error: {}</p>',
            *(link_to(found), found.step, found.status, found.takes, found.tries, looks, said),
        )

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
            were = "was" if len(settled.done) == 1 else "were"
            self.message_user(request, f"{_letters(len(settled.done))} {were} {button.done}.", messages.SUCCESS)
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
            return self._settle_group(request, letters)
        groups = shown_groups(letters, self.buttons if self.has_operate_permission(request) else ())
        shown = {
            "groups": groups[:SHOWN_GROUPS],
            "are_more": len(groups) > SHOWN_GROUPS,
            "shows_tenant": person(request).sees_all,
            "list_address": reverse(f"admin:{self.page_name('changelist')}"),
        }
        return parts.answer(self, request, "letter_groups", "Dead letters by cause", **shown)

    def _settle_group(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse:
        wanted = {button.name: button for button in self.buttons}.get(request.POST.get("act", ""))
        if not self.has_operate_permission(request) or wanted is None:
            raise PermissionDenied
        cause = request.POST.get("cause", "")
        if "\0" in cause:
            raise BadRequest("there is no such cause")
        alike = letters.filter(cause=cause).order_by("pk")
        asking = _asking(wanted, alike.count())
        rows = list(alike.select_related(None).only("queue", "error")[:MOST_AT_ONCE])
        if is_unconfirmed(request, asking):
            return self.ask(request, asking, rows, back=self.address("groups"))
        self._settle(request, wanted, [row.pk for row in rows])
        if len(rows) == MOST_AT_ONCE and (left := alike.count()):
            self.message_user(request, f"{left} more of that cause are open.", messages.WARNING)
        return HttpResponseRedirect(self.address("groups"))
