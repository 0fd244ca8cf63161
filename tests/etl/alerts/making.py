"""Tenants, channels and alerts of the tests."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from pytest_django import Settings

from etl.alerts.findings import Finding, Findings, Look, findings
from etl.models import Alert, AlertChannel, AlertDelivery, Cause
from etl.sql import execute
from pulse.tenancy.models import Tenant

NOWHERE = "http://127.0.0.1:9/hooks/s3cret"


def a_tenant(name: str = "Acme", **fields: Any) -> Tenant:
    return Tenant.objects.get_or_create(name=name, defaults=fields)[0]


def a_channel(target: str = NOWHERE, name: str = "ops", tenant: str = "Acme", **fields: Any) -> AlertChannel:
    given = {"kind": AlertChannel.Kind.WEBHOOK, "target": target, **fields}
    return AlertChannel.objects.create(tenant=a_tenant(tenant), name=name, **given)


def mails_through(settings: Settings, port: int) -> None:
    """E-mail goes to a server on this machine, as EMAIL_URL=smtp://… has it."""
    settings.EMAIL_URL = f"smtp://127.0.0.1:{port}"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "pulse@acme.test"


def an_alert(
    message: str = "Run 1 failed", *, tenant: str = "Acme", cause: str = Cause.RUN_FAILED, ago: float = 60
) -> Alert:
    """An alert that was raised so many seconds ago."""
    since = Now() - timedelta(seconds=ago)
    made = Alert.objects.create(
        tenant=a_tenant(tenant), cause=cause, subject=message, message=message, first_at=since, last_at=since
    )
    made.refresh_from_db()
    return made


def changed(alert: Alert, column: str, *, ago: float = 30) -> None:
    """It happened again, or was over, so many seconds ago."""
    execute(f"UPDATE etl_alerts SET {column} = now() - make_interval(secs => %s) WHERE id = %s", [ago, alert.pk])


def an_hour_later() -> None:
    """As if what channels were told, and what alerts say, was an hour and a half older."""
    execute(
        """UPDATE etl_alert_deliveries SET sent_at = sent_at - interval '90 min',
             told_until = told_until - interval '90 min', not_before = not_before - interval '90 min'""",
        [],
    )
    execute(
        """UPDATE etl_alerts SET first_at = first_at - interval '90 min', last_at = last_at - interval '90 min',
             resolved_at = resolved_at - interval '90 min'""",
        [],
    )


def delivery_of(channel: AlertChannel, cause: str = Cause.RUN_FAILED) -> AlertDelivery:
    return AlertDelivery.objects.get(channel=channel, cause=cause)


def seeing(*found: Finding, unknown: frozenset[tuple[int, str]] = frozenset()) -> Look:
    """A look that finds that."""

    def look() -> Findings:
        return findings(list(found), unknown)

    return look
