"""Alerts: what went wrong that somebody should hear of, and where they are told."""

from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.db.models.functions import Now

from integrations.addresses import checked_address
from integrations.encryption import EncryptedJSONField
from integrations.errors import Permanent
from pulse.postgres.comments import commented
from pulse.tenancy.models import TenantOwned


class Cause(models.TextChoices):
    """What an alert is about."""

    RUN_FAILED = "run_failed"
    JOB_OVERDUE = "job_overdue"
    DEAD_LETTERS = "dead_letters"
    NO_CONSUMER = "no_consumer"


@commented(
    "Where a tenant is told of alerts",
    name="What people call the channel, unique in the tenant",
    kind="webhook or email",
    target="Address of the webhook, or addresses of e-mail separated by commas",
    causes="JSON list of etl_alerts.cause that it tells of; empty: all of them",
    secrets="Key that the webhook's messages are signed with, encrypted",
)
class AlertChannel(TenantOwned):
    """Where a tenant is told: a webhook's address, or addresses of e-mail, separated by commas.

    ``secrets`` holds the webhook's signing key under "key".
    """

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"
        EMAIL = "email"

    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind)
    target = models.TextField()
    causes = models.JSONField(default=list, blank=True)
    secrets = EncryptedJSONField(default=dict, blank=True, editable=False)

    class Meta:
        db_table = "etl_alert_channels"
        verbose_name = "alert channel"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="etl_alert_channels_name")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError by field, naming the value that cannot be."""
        self.target = self.target.strip()
        if self.kind == self.Kind.EMAIL:
            _check_addresses(self.addresses)
        else:
            _check_webhook(self.target)
        _check_causes(self.causes)
        _check_secrets(self.secrets, self.kind)

    @property
    def addresses(self) -> list[str]:
        """Whom a channel by e-mail writes to."""
        return [address.strip() for address in self.target.split(",") if address.strip()]

    @property
    def key(self) -> str:
        """What a webhook's messages are signed with; empty where they are not."""
        return self.secrets.get("key", "")

    @property
    def shown_target(self) -> str:
        """The target as it may be shown and logged: a webhook's path is often its password."""
        if self.kind == self.Kind.EMAIL:
            return ", ".join(self.addresses)
        parts = urlsplit(self.target)
        hidden = "/…" if parts.path.strip("/") or parts.query else ""
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{hidden}"


def _check_webhook(target: str) -> None:
    try:
        # What follows a question mark is the receiver's business; of the rest the message shows only what is no secret.
        checked_address("target", target.partition("?")[0], "https://hooks.example.com/…", "the channel's key")
    except Permanent as error:
        raise ValidationError({"target": str(error).removeprefix("setting ")}) from error


def _check_addresses(addresses: list[str]) -> None:
    if not addresses:
        raise ValidationError({"target": "target is empty: expected addresses of e-mail, separated by commas"})
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError as error:
            raise ValidationError({"target": f"target names {address!r}: not an address of e-mail"}) from error


def _check_causes(causes: object) -> None:
    if not isinstance(causes, list):
        raise ValidationError({"causes": f"causes is {causes!r}: expected a list"})
    for cause in causes:
        if cause not in Cause.values:
            raise ValidationError({"causes": f"causes names {cause!r}: known are {', '.join(Cause.values)}"})


def _check_secrets(secrets: dict[str, str], kind: str) -> None:
    unknown = sorted(set(secrets) - {"key"})
    if unknown:
        raise ValidationError(f"secret {unknown[0]!r} is unknown: a channel has only a key")
    if secrets.get("key") and kind == AlertChannel.Kind.EMAIL:
        raise ValidationError("a key signs the messages of a webhook: a channel by e-mail takes none")


@commented(
    "What is, or was, wrong; one row for as long as it lasts",
    cause="run_failed, job_overdue, dead_letters or no_consumer",
    subject="What it is about, such as job 12 or tier premium",
    message="What is wrong, in words",
    context="JSON object of the details",
    mark="What it was seen by last: where that is another one, it was seen anew",
    occurrences="How often it was seen anew",
    first_at="When it was seen first, UTC",
    last_at="When it was seen anew last, UTC",
    resolved_at="When it was over, UTC; NULL: it lasts",
)
class Alert(TenantOwned):
    """Something that is wrong, once for as long as it lasts.

    A job that fails each hour is one alert until a run of it ends well.
    """

    cause = models.CharField(max_length=30, choices=Cause)
    subject = models.CharField(max_length=200)
    message = models.TextField()
    context = models.JSONField(default=dict)
    mark = models.CharField(max_length=200, default="", editable=False)
    occurrences = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "etl_alerts"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "cause", "subject"],
                condition=models.Q(resolved_at=None),
                name="etl_alerts_one_open",
            )
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="etl_alerts_recent")]

    def __str__(self) -> str:
        return self.message


@commented(
    "What each channel was last told of each cause",
    channel="etl_alert_channels.id of the channel that is told",
    cause="etl_alerts.cause that it is told of",
    told_until="Up to when the channel knows what happened, UTC; NULL: it was told nothing",
    sent_at="When it was told last, UTC; NULL: never",
    not_before="When it may be tried again, UTC; NULL: at once",
    tries="How often in a row it could not be told",
    error="Why it could not be told; empty: it could",
)
class AlertDelivery(TenantOwned):
    """What a channel was last told of a cause, and when it may be told again. One row for each channel and cause."""

    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    cause = models.CharField(max_length=30, choices=Cause)
    told_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0, db_default=0)
    error = models.TextField(default="", blank=True)

    class Meta:
        db_table = "etl_alert_deliveries"
        verbose_name_plural = "alert deliveries"
        constraints = [models.UniqueConstraint(fields=["channel", "cause"], name="etl_alert_deliveries_one")]

    def __str__(self) -> str:
        return f"{self.cause} to {self.channel}"
