"""Buttons: what people do to rows, on the list for many of them and on a row's own page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString

from etl.jobs.states import IllegalTransition
from integrations.errors import StageError
from pulse.tenancy.admin.base import PulseAdmin
from pulse.tenancy.models import User
from pulse.tenancy.scoping import has_role, person

# Messages travel in a cookie or the session, and people read them at one glance.
SHOWN_MESSAGES = 10
# What a form says where the person was asked already.
CONFIRMED = "confirmed"
JSON = "application/json"


@dataclass(frozen=True)
class Button:
    """``act`` does it for a row and a person; it returns a row that came of it, or None, and raises what says why not.

    ``done`` goes on from "was"; ``variant`` is its look; ``question`` is asked first, where it cannot be undone.
    """

    name: str
    label: str
    done: str
    act: Callable[[Any, User], Model | None]
    variant: str = "default"
    question: str = ""

    @property
    def attrs(self) -> dict[str, str]:
        """What the button needs to ask by itself (see etl/static/etl/confirm.js)."""
        return {"data-confirm": self.question, "data-confirm-label": self.label} if self.question else {}


class Linked(SafeString):
    """A message that has a link in it, to ``leads_to``."""

    leads_to: str = ""


def trigger_of(user: User) -> str:
    """What a run says that somebody began here."""
    return f"admin: {user.username}"[:50]


def page_of(row: Model) -> str:
    """The address of the row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def link_to(row: Model) -> str:
    """The row by its name, which leads to its page."""
    return format_html('<a class="underline" href="{}">{} {}</a>', page_of(row), row._meta.verbose_name, row.pk)


def linked(text: str, row: Model) -> Linked:
    """A message of the text and the row by its name, which leads to its page."""
    message = Linked(format_html("{}: {}.", text, link_to(row)))
    message.leads_to = page_of(row)
    return message


def is_json(request: HttpRequest) -> bool:
    """Whether a script asks, which shows the answer on its own page."""
    return request.headers.get("Accept") == JSON


def told_as_json(request: HttpRequest) -> list[dict[str, str]]:
    """What the person is told, which nobody tells again: each with its ``level``, ``text`` and ``link`` ("": none)."""
    return [
        {
            "level": message.level_tag,
            "text": _plain(message.message),
            "link": getattr(message.message, "leads_to", ""),
        }
        for message in messages.get_messages(request)
    ]


def _plain(message: str) -> str:
    return unescape(strip_tags(message)) if isinstance(message, SafeString) else message


class ActingAdmin(PulseAdmin):
    """Base of pages with buttons. A subclass lists them; `offered` says which of them a row's page shows."""

    class Media:
        css = {"all": ("etl/operations.css",)}

    buttons: Sequence[Button] = ()
    change_form_outer_before_template = "etl/operations/buttons.html"

    def get_urls(self) -> list[URLPattern]:
        own = [path("<int:pk>/act/", self.admin_site.admin_view(self.act_view), name=self.page_name("act"))]
        urls: list[URLPattern] = [*own, *super().get_urls()]
        return urls

    def page_name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def address(self, page: str, *args: Any) -> str:
        return reverse(f"admin:{self.page_name(page)}", args=args)

    # Who

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may press buttons."""
        return self.has_view_permission(request, obj) and has_role(person(request), self.least_role)

    def visible(self, request: HttpRequest, pk: int) -> Any:
        """The row. Raises PermissionDenied, and Http404 where the person sees none of that id."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_queryset(request).filter(pk=pk).first()
        if row is None:
            raise Http404(f"there is no {self.opts.verbose_name} {pk}")
        return row

    # On the list

    def get_actions(self, request: HttpRequest) -> Any:
        found: dict[str, Any] = super().get_actions(request)
        if self.has_operate_permission(request):
            for button in self.buttons:
                found[button.name] = (_list_action(button), button.name, button.label)
        return found

    # On a row's page

    def offered(self, row: Any) -> Sequence[Button]:
        return self.buttons

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        more = self.shown_with(request, row) if row is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def shown_with(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page of a row shows besides its fields."""
        offered = self.offered(row) if self.has_operate_permission(request) else ()
        return {"row": row, "buttons": offered, "act_address": self.address("act", row.pk)}

    def act_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Presses the button that the form names."""
        row = self.visible(request, pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_operate_permission(request):
            raise PermissionDenied
        wanted = request.POST.get("act", "")
        found = {button.name: button for button in self.buttons}
        if wanted not in found:
            raise Http404(f"there is no button {wanted!r}")
        if is_unconfirmed(request, found[wanted]):
            return self.ask(request, found[wanted], [row], back=self.address("change", row.pk))
        self.press(request, found[wanted], [row])
        if is_json(request):
            return JsonResponse({"told": told_as_json(request), **self.shown_after(request, row)})
        return HttpResponseRedirect(self.address("change", row.pk))

    def shown_after(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What a script is told of the row besides, after a button was pressed."""
        return {}

    def ask(self, request: HttpRequest, button: Button, rows: Sequence[Any], *, back: str) -> HttpResponse:
        """Asks whether the person means it; the answer is the same request once more, and says so."""
        request.current_app = self.admin_site.name
        given = [(name, value) for name, values in request.POST.lists() for value in values]
        shown = {
            "opts": self.opts,
            "title": button.label,
            "button": button,
            "rows": [str(row) for row in rows[:SHOWN_MESSAGES]],
            "left_out": max(0, len(rows) - SHOWN_MESSAGES),
            "given": [entry for entry in given if entry[0] not in (CONFIRMED, "csrfmiddlewaretoken")],
            "confirmed": CONFIRMED,
            "back": back,
        }
        more = {**self.admin_site.each_context(request), **shown}
        return TemplateResponse(request, "etl/operations/confirm.html", more)

    def press(self, request: HttpRequest, button: Button, rows: Sequence[Any]) -> None:
        """Does it to each of the rows on its own: one with which it cannot be done does not hold up the others."""
        done, refused = [], []
        for row in rows:
            try:
                done.append(_came_of(row, button, button.act(row, person(request))))
            except (IllegalTransition, StageError) as error:
                refused.append(f"{row} was not {button.done}: {error}")
        self.tell(request, done, messages.SUCCESS)
        self.tell(request, refused, messages.ERROR)

    def tell(self, request: HttpRequest, told: Sequence[str], level: int) -> None:
        for message in told[:SHOWN_MESSAGES]:
            self.message_user(request, message, level)
        if len(told) > SHOWN_MESSAGES:
            self.message_user(request, f"and {len(told) - SHOWN_MESSAGES} more", level)


def is_unconfirmed(request: HttpRequest, button: Button) -> bool:
    """Whether the person is to be asked first."""
    return bool(button.question) and CONFIRMED not in request.POST


def _list_action(button: Button) -> Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]:
    @admin.action(description=button.label)
    def action(page: ActingAdmin, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        if is_unconfirmed(request, button):
            return page.ask(request, button, list(rows), back=request.get_full_path())
        page.press(request, button, list(rows))
        return None

    return action


def _came_of(row: Any, button: Button, result: Model | None) -> str:
    if result is None or result == row:
        return f"{row} was {button.done}."
    return linked(f"{row} was {button.done}", result)
