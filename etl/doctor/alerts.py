"""Whether those that are to be told can be told."""

from django.conf import settings

from etl.doctor.database import bounded
from etl.doctor.results import Found, ok, warning
from etl.models import AlertChannel, AlertDelivery


def channels() -> Found:
    with bounded():
        active = AlertChannel.objects.filter(active=True, tenant__active=True)
        count, mails = active.count(), active.filter(kind=AlertChannel.Kind.EMAIL).count()
        failing = list(
            AlertDelivery.objects.filter(channel__in=active).exclude(error="").select_related("channel__tenant")
        )
    if mails and not settings.EMAIL_URL:
        return warning(f"{mails} channels are addresses of e-mail", "set EMAIL_URL to a mail server", channels=count)
    if failing:
        first = failing[0]
        said = f"{len(failing)} messages wait; {first.channel.tenant}, channel {first.channel}: {first.error}"
        return warning(said, "correct the channel in the admin, and send a test", channels=count, failing=len(failing))
    return ok(f"{count} channels", channels=count)
