"""Telling the tenants: what is new of a cause goes to each of its channels in one message, at most once an hour.

A channel's row for a cause (`AlertDelivery`) says until when it was told. Claiming it is one guarded UPDATE, so of
several schedulers one sends. A process that dies while it sends leaves a claim that runs out: told twice at worst.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from etl.alerts import mail, webhook
from etl.alerts.errors import NotDelivered
from etl.alerts.messages import Message, message_of, told_of, trial_message
from etl.models import Alert, AlertChannel, AlertDelivery
from etl.sql import execute, fetch
from pulse.postgres.scope import platform_scope

logger = logging.getLogger(__name__)

# An outage has many jobs fail within moments: waiting that long puts them into one message.
GATHER_SECONDS = 20
# Longer than all that is claimed at once can take.
CLAIM_SECONDS = 300
AT_ONCE = 30
BACKOFF_SECONDS = (60, 300, 900, 3600)


@dataclass(frozen=True)
class _Claimed:
    """A message that this process is to send. ``told_until`` is what the channel knows once it has it."""

    delivery: AlertDelivery
    message: Message
    told_until: datetime


@dataclass(frozen=True)
class _Tried:
    claimed: _Claimed
    error: str = ""


def send_test(channel: AlertChannel) -> None:
    """Sends a test message now. Raises NotDelivered, which says why it did not get there.

    Where it did, what could not be delivered before is tried again at once.
    """
    message = trial_message(channel.tenant_id, channel.tenant.name, channel.name)
    asyncio.run(_send(channel, message))
    AlertDelivery.objects.filter(channel=channel).exclude(error="").update(not_before=None)


def deliver_due(kinds: Sequence[str] = tuple(AlertChannel.Kind)) -> int:
    """Sends what is due to channels of those kinds, all at the same time; how many messages arrived."""
    claimed = [one for one in map(_claimed, _due(kinds)) if one is not None]
    if not claimed:
        return 0
    tried = asyncio.run(_send_all(claimed))
    for one in tried:
        _note(one)
    return sum(not one.error for one in tried)


def backoff_seconds(tries: int) -> int:
    """How long to wait after so many failures in a row."""
    return BACKOFF_SECONDS[min(max(tries, 1), len(BACKOFF_SECONDS)) - 1]


def _due(kinds: Sequence[str]) -> list[int]:
    """The ids of deliveries that have something to tell and may do so now; a channel's first ones are made here."""
    rows = fetch(
        """SELECT c.tenant_id, c.id, a.cause FROM etl_alert_channels c
           JOIN tenants t ON t.id = c.tenant_id AND t.active
           JOIN etl_alerts a ON a.tenant_id = c.tenant_id
             AND (jsonb_array_length(c.causes) = 0 OR jsonb_exists(c.causes, a.cause))
           LEFT JOIN etl_alert_deliveries d ON d.channel_id = c.id AND d.cause = a.cause
           WHERE c.active AND c.kind = ANY(%s)
             AND CASE WHEN a.resolved_at IS NULL THEN d.told_until IS NULL OR a.last_at > d.told_until
                      ELSE a.resolved_at > d.told_until AND a.first_at <= d.told_until END
             AND (d.sent_at IS NULL OR d.sent_at <= now() - make_interval(mins => %s))
             AND (d.not_before IS NULL OR d.not_before <= now())
           GROUP BY c.tenant_id, c.id, a.cause, d.not_before
           HAVING min(greatest(a.last_at, a.resolved_at)) <= now() - make_interval(secs => %s)
           ORDER BY d.not_before NULLS FIRST, c.id, a.cause LIMIT %s""",
        [list(kinds), settings.ALERT_INTERVAL_MINUTES, GATHER_SECONDS, AT_ONCE],
    )
    if not rows:
        return []
    tenants, channels, causes = (list(column) for column in zip(*rows, strict=True))
    execute(
        """INSERT INTO etl_alert_deliveries (tenant_id, channel_id, cause, error)
           SELECT *, '' FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) ON CONFLICT DO NOTHING""",
        [tenants, channels, causes],
    )
    found = fetch(
        """SELECT d.id FROM etl_alert_deliveries d
           JOIN unnest(%s::bigint[], %s::text[]) AS due(channel, cause) ON due = (d.channel_id, d.cause::text)
           ORDER BY d.id""",
        [channels, causes],
    )
    return [row[0] for row in found]


def _claimed(delivery_id: int) -> _Claimed | None:
    """The message of a delivery, if it is ours to send: of several that saw it due one gets it."""
    won = fetch(
        """UPDATE etl_alert_deliveries SET not_before = now() + make_interval(secs => %s) WHERE id = %s
             AND (sent_at IS NULL OR sent_at <= now() - make_interval(mins => %s))
             AND (not_before IS NULL OR not_before <= now()) RETURNING id""",
        [CLAIM_SECONDS, delivery_id, settings.ALERT_INTERVAL_MINUTES],
    )
    if not won:
        return None
    delivery = AlertDelivery.objects.select_related("channel__tenant").get(pk=delivery_id)
    # Read first: what comes in between is told, and is later.
    latest = _latest_change(delivery)
    news = _news(delivery)
    if not news:
        return None
    told = [told_of(alert, delivery.told_until) for alert in news]
    tenant = delivery.channel.tenant
    until = max([latest, *(alert.resolved_at or alert.last_at for alert in news)])
    return _Claimed(delivery, message_of(tenant.pk, tenant.name, delivery.cause, told), until)


def _latest_change(delivery: AlertDelivery) -> datetime:
    """When anything happened last of the delivery's cause."""
    rows = fetch(
        "SELECT max(greatest(last_at, resolved_at)) FROM etl_alerts WHERE tenant_id = %s AND cause = %s",
        [delivery.tenant_id, delivery.cause],
    )
    latest: datetime = rows[0][0]
    return latest


def _news(delivery: AlertDelivery) -> list[Alert]:
    """What is wrong that the channel does not know yet, and what it was told of that is over.

    What came and went since it was last told is no news (and stands in the list of alerts).
    """
    alerts, told_until = Alert.objects.filter(tenant=delivery.tenant_id, cause=delivery.cause), delivery.told_until
    if told_until is None:
        return list(alerts.filter(resolved_at=None).order_by("id"))
    open_ones = Q(resolved_at=None, last_at__gt=told_until)
    return list(alerts.filter(open_ones | Q(resolved_at__gt=told_until, first_at__lte=told_until)).order_by("id"))


async def _send_all(claimed: Sequence[_Claimed]) -> list[_Tried]:
    return list(await asyncio.gather(*map(_try, claimed)))


async def _try(claimed: _Claimed) -> _Tried:
    """One channel's trouble is its own."""
    try:
        await _send(claimed.delivery.channel, claimed.message)
    except NotDelivered as error:
        return _Tried(claimed, str(error))
    except Exception as error:
        logger.exception("channel %s: its message could not be sent", claimed.delivery.channel_id)
        return _Tried(claimed, f"the message could not be sent ({type(error).__name__})")
    return _Tried(claimed)


async def _send(channel: AlertChannel, message: Message) -> None:
    if channel.kind == AlertChannel.Kind.EMAIL:
        await asyncio.to_thread(mail.send, channel, message)
    else:
        await webhook.post(channel, message, timezone.now())


def _note(tried: _Tried) -> None:
    """Keeps how it went, where nobody else has claimed the row meanwhile."""
    delivery, tries = tried.claimed.delivery, tried.claimed.delivery.tries + 1
    mine = AlertDelivery.objects.filter(pk=delivery.pk, not_before=delivery.not_before)
    if not tried.error:
        told_until = tried.claimed.told_until
        mine.update(told_until=told_until, sent_at=Now(), not_before=None, tries=0, error="", last_updated_at=Now())
        return
    logger.warning("alerts for channel %s: %s", delivery.channel_id, tried.error)
    wait = timedelta(seconds=backoff_seconds(tries))
    mine.update(not_before=Now() + wait, tries=tries, error=tried.error, last_updated_at=Now())


class _Sender:
    """One thread that sends what is due to one kind of channel: the scheduler never waits for any."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Starts it, unless it is still at work."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=f"alerts-{self._kind}", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            with platform_scope():
                deliver_due([self._kind])
        except Exception as error:
            logger.warning("alerts could not be delivered, they will be: %s", error)
        finally:
            connection.close()


# A mail server that hangs holds up e-mail alone.
_senders = [_Sender(kind) for kind in AlertChannel.Kind]


def begin() -> None:
    """Sends what is due, beside the caller."""
    for sender in _senders:
        sender.begin()
