"""Between our messages and AMQP's properties and headers."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pika

from etl.queue.broker import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY, Delivery
from etl.queue.outcomes import clean_reason
from etl.queue.topology import FAILED_QUEUE, HIGHEST_AMQP_PRIORITY

ATTEMPT = "x-pulse-attempt"
REASON = "x-pulse-reason"
ORIGIN = "x-pulse-origin"
_DEATHS = "x-death"  # RabbitMQ's own list of what happened to a message, the newest first

Headers = Mapping[str, Any]


def properties_of(
    priority: int = DEFAULT_PRIORITY, attempt: int = 1, message_id: str = "", reason: str = "", origin: str = ""
) -> pika.BasicProperties:
    """Persistent JSON with our headers. RabbitMQ's own x-death is never copied: it would detect cycles in it."""
    headers: dict[str, object] = {ATTEMPT: attempt}
    if reason:
        headers[REASON] = clean_reason(reason)
    if origin:
        headers[ORIGIN] = origin
    return pika.BasicProperties(
        content_type="application/json",
        delivery_mode=pika.DeliveryMode.Persistent.value,
        priority=HIGHEST_AMQP_PRIORITY - priority,
        message_id=message_id or uuid4().hex,
        headers=headers,
    )


def delivery_of(queue: str, redelivered: bool, properties: pika.BasicProperties, body: bytes) -> Delivery:
    """What a handler gets; tolerant, because other tools publish too."""
    headers: Headers = properties.headers or {}
    reason, origin = _death(queue, headers)
    priority = HIGHEST_AMQP_PRIORITY - (properties.priority or 0)
    return Delivery(
        queue=queue,
        body=body,
        priority=max(HIGHEST_PRIORITY, min(priority, LOWEST_PRIORITY)),
        attempt=_attempt(headers),
        redelivered=redelivered,
        message_id=properties.message_id or "",
        error=reason,
        origin=origin,
    )


def _attempt(headers: Headers) -> int:
    attempt = headers.get(ATTEMPT)
    return attempt if isinstance(attempt, int) and attempt > 0 else 1


def _death(queue: str, headers: Headers) -> tuple[str, str]:
    """Why and where a dead letter died: our own headers, else what the server wrote when it expired."""
    if queue != FAILED_QUEUE:
        return "", ""
    if REASON in headers:
        return str(headers[REASON]), str(headers.get(ORIGIN, ""))
    deaths = headers.get(_DEATHS) or [{}]
    return str(deaths[0].get("reason", "")), str(deaths[0].get("queue", ""))
