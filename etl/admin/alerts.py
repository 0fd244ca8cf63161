"""Alerts, the channels that tell of them, and what each channel was told last."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.utils import timezone
from django.utils.html import format_html_join
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from etl.admin.acting import ActingAdmin, Button
from etl.admin.mapping.served import ServedAdmin, ServedForm
from etl.alerts import delivering
from etl.alerts.channels import KEY, delete_channel, save_channel
from etl.models import Alert, AlertChannel, AlertDelivery, Cause
from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.admin.shown import state_label
from pulse.tenancy.models import User


def _send_test(channel: AlertChannel, user: User) -> None:
    delivering.send_test(channel)


class ChannelForm(ServedForm):
    """A webhook's address is often its password, and a key always: what is stored of them is not shown."""

    target = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="A webhook's address, or addresses of e-mail, separated by commas. Empty: what is stored",
    )
    key = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget,
        help_text="What a webhook's messages are signed with. Empty: what is stored, if anything is",
    )
    forget_key = forms.BooleanField(required=False, label="Sign no more", widget=UnfoldBooleanWidget)
    causes = forms.MultipleChoiceField(
        required=False,
        choices=Cause.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None chosen: all",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["target"] = ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["target"] = cleaned.get("target") or self.instance.target
        # The model's own validation looks at the key beside the kind.
        if key := said_key(cleaned):
            self.instance.secrets = {KEY: key}
        elif key is not None:
            self.instance.secrets = {}
        return cleaned


def said_key(given: dict[str, Any]) -> str | None:
    """The key that the form asks for: "" for none, None for the one that is stored."""
    return given.get("key") or ("" if given.get("forget_key") else None)


@admin.register(AlertChannel)
class AlertChannelAdmin(ServedAdmin, ActingAdmin):
    form = ChannelForm
    hidden = ("secrets", "target")
    buttons = (Button("test", "Send a test message", "sent a test message", _send_test),)
    relations = ("tenant",)
    list_loads = ("target", "causes")
    list_display = ("name", "kind", "told_at", "told_of", "active", "tenant")
    list_filter = ("tenant", "kind", "active")
    search_fields = ("name",)
    readonly_fields = ("told_at", "signed", "told_last")
    fields = (
        "tenant",
        "name",
        "kind",
        "told_at",
        "target",
        "signed",
        "key",
        "forget_key",
        "causes",
        "active",
        "told_last",
        "seen",
    )
    only_shown = ("tenant", "name", "kind", "told_at", "signed", "told_of", "active", "told_last")

    def serve(self, row: Any, given: dict[str, Any], *, by: str, known: Any, seen: datetime | None) -> AlertChannel:
        said = {name: given[name] for name in ("name", "kind", "target", "causes", "active")}
        key = said_key(given)
        said = said if key is None else {**said, KEY: key}
        return save_channel(row.tenant, said, by=by, known=known, seen=seen)

    def remove(self, row: AlertChannel, *, by: str, force: bool) -> None:
        delete_channel(row, by=by)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What a channel was told goes with it, though nobody deletes it by itself."""
        listed, counts, needed, protected = super().get_deleted_objects(objs, request)
        return listed, counts, needed - {AlertDelivery._meta.verbose_name}, protected

    @admin.display(description="tells")
    def told_at(self, channel: AlertChannel) -> str:
        return channel.shown_target if channel.pk else "-"

    @admin.display(description="of")
    def told_of(self, channel: AlertChannel) -> str:
        return ", ".join(map(str, channel.causes)) or "everything"

    @admin.display(description="signed", boolean=True)
    def signed(self, channel: AlertChannel) -> bool:
        return bool(channel.key)

    @admin.display(description="told last")
    def told_last(self, channel: AlertChannel) -> str:
        """Of each cause, and what went wrong where it did not arrive."""
        rows = channel.deliveries.order_by("cause") if channel.pk else ()
        return format_html_join("", "<div>{}: {}</div>", ((row.cause, _told(row)) for row in rows)) or "nothing yet"


def _told(delivery: AlertDelivery) -> str:
    """When, in the person's time zone, and what has failed since."""
    sent = f"{timezone.localtime(delivery.sent_at):%Y-%m-%d %H:%M:%S}" if delivery.sent_at else "never"
    tries = f"{delivery.tries} tr{pluralize(delivery.tries, 'y,ies')}"
    return f"{sent}; {tries} failed since: {delivery.error}" if delivery.error else sent


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    relations = ("tenant",)
    list_loads = ("message",)
    ordering = ("-id",)
    list_display = ("id", "state", "cause", "subject", "message", "occurrences", "first_at", "last_at", "tenant")
    list_filter = ("tenant", "cause", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("subject__exact", "cause__exact")
    search_help_text = "What it is about, such as an exact job 12, or a cause"

    @state_label("state")
    def state(self, alert: Alert) -> str:
        return "resolved" if alert.resolved_at else "open"


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnlyAdmin):
    relations = ("tenant", "channel")
    list_loads = ("error",)
    list_display = ("id", "channel", "cause", "sent_at", "told_until", "tries", "not_before", "error", "tenant")
    list_filter = ("tenant", "cause")
    search_fields = ("channel__name",)
