"""`alerts`: what is wrong that somebody should hear of; `alert-channels`: where the tenant is told."""

from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from etl.alerts import delivering
from etl.alerts.channels import LONGEST_NAME, delete_channel, save_channel
from etl.alerts.errors import NotDelivered
from etl.api.base import ApiView
from etl.api.describing import Answer, Page
from etl.api.forms import Form, OneOfField, PageForm
from etl.models import Alert, AlertChannel, AlertDelivery, Cause

LONGEST_TARGET = 2000
LONGEST_KEY = 500


class AlertsForm(PageForm):
    cause = OneOfField(Cause.values, required=False)
    resolved = serializers.BooleanField(required=False)


class AlertAnswer(serializers.ModelSerializer[Alert]):
    """An alert; ``resolved_at`` is None for as long as it lasts."""

    class Meta:
        model = Alert
        fields = (
            "id", "cause", "subject", "message", "context", "occurrences", "first_at", "last_at", "resolved_at",
        )  # fmt: skip


class AlertsView(ApiView):
    """GET: the tenant's alerts, the newest first."""

    forms = {"GET": AlertsForm}
    answers = {"GET": Page(AlertAnswer)}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(Alert), "cause")
        if "resolved" in self.given:
            rows = rows.filter(resolved_at__isnull=not self.given["resolved"])
        return Response(self.page(rows, ["-id"], AlertAnswer))


class AlertView(ApiView):
    """GET: one alert."""

    answers = {"GET": AlertAnswer}

    def get(self, request: Request, pk: int) -> Response:
        return Response(AlertAnswer(self.row(Alert, pk)).data)


class DeliveryAnswer(serializers.ModelSerializer[AlertDelivery]):
    """What a channel was told of a cause; ``error`` is why the last message did not arrive, empty where it did."""

    class Meta:
        model = AlertDelivery
        fields = ("cause", "told_until", "sent_at", "not_before", "tries", "error")


class ChannelAnswer(serializers.ModelSerializer[AlertChannel]):
    """A channel. A webhook's path is not shown, since it may be a secret, and a key never is."""

    target = serializers.CharField(source="shown_target")
    has_key = serializers.SerializerMethodField()
    deliveries = DeliveryAnswer(many=True)

    class Meta:
        model = AlertChannel
        fields = (
            "id", "name", "kind", "target", "causes", "active", "has_key", "deliveries", "created_at",
            "last_updated_at",
        )  # fmt: skip

    def get_has_key(self, channel: AlertChannel) -> bool:
        return bool(channel.key)


class ChannelForm(Form):
    """What is left out stays as it is. ``causes`` empty means all; ``key`` null or empty signs nothing."""

    name = serializers.CharField(required=False, max_length=LONGEST_NAME, trim_whitespace=False)
    kind = OneOfField(AlertChannel.Kind.values, required=False)
    # Its value is not shown where it is wrong: the address of a chat's webhook is a password.
    target = serializers.CharField(required=False, max_length=LONGEST_TARGET, write_only=True)
    causes = serializers.ListField(child=OneOfField(Cause.values), required=False, max_length=len(Cause))
    active = serializers.BooleanField(required=False)
    key = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=LONGEST_KEY,
        trim_whitespace=False,
        write_only=True,
    )


class NewChannelForm(ChannelForm):
    name = serializers.CharField(max_length=LONGEST_NAME, trim_whitespace=False)
    kind = OneOfField(AlertChannel.Kind.values)
    target = serializers.CharField(max_length=LONGEST_TARGET, write_only=True)


class ChangedChannelForm(ChannelForm):
    """``last_updated_at`` is that of the channel which the caller saw."""

    last_updated_at = serializers.DateTimeField(required=False)


class ChannelsView(ApiView):
    """GET: the tenant's channels. POST: makes one."""

    forms = {"GET": PageForm, "POST": NewChannelForm}
    answers = {"GET": Page(ChannelAnswer), "POST": Answer(ChannelAnswer, 201)}

    def get(self, request: Request) -> Response:
        rows = self.rows(AlertChannel).prefetch_related("deliveries")
        return Response(self.page(rows, ["name", "id"], ChannelAnswer))

    def post(self, request: Request) -> Response:
        channel = save_channel(self.tenant, self.given, by=self.user.username)
        return Response(ChannelAnswer(channel).data, status.HTTP_201_CREATED)


class ChannelView(ApiView):
    """GET, PATCH and DELETE one channel."""

    forms = {"PATCH": ChangedChannelForm}
    answers = {"GET": ChannelAnswer, "PATCH": ChannelAnswer, "DELETE": {"deleted": int}}

    def get(self, request: Request, pk: int) -> Response:
        return Response(ChannelAnswer(self.row(AlertChannel, pk)).data)

    def patch(self, request: Request, pk: int) -> Response:
        said, known = {**self.given}, self.row(AlertChannel, pk)
        seen = said.pop("last_updated_at", None)
        channel = save_channel(self.tenant, said, by=self.user.username, known=known, seen=seen)
        return Response(ChannelAnswer(channel).data)

    def delete(self, request: Request, pk: int) -> Response:
        delete_channel(self.row(AlertChannel, pk), by=self.user.username)
        return Response({"deleted": pk})


class ChannelTestView(ApiView):
    """POST: sends a test message now, and tells whether it arrived."""

    answers = {"POST": {"delivered": bool, "error": str}}

    def post(self, request: Request, pk: int) -> Response:
        return Response(_tried(self.row(AlertChannel, pk)))


def _tried(channel: AlertChannel) -> dict[str, Any]:
    try:
        delivering.send_test(channel)
    except NotDelivered as error:
        return {"delivered": False, "error": str(error)}
    return {"delivered": True, "error": ""}
