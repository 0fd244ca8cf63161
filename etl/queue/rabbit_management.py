"""RabbitMQ's own counters, which its management API tells: what waits, what is in hand, how fast it moves.

https://www.rabbitmq.com/docs/3.13/management#http-api
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
import pika

from etl.queue.broker import QueueStatistics

PORT, TLS_PORT = 15672, 15671
ANSWER_SECONDS = 3.0
_RATES = {"publish": "publish_rate", "deliver_get": "deliver_rate", "ack": "ack_rate"}
_COLUMNS = (
    "name",
    "messages_ready",
    "messages_unacknowledged",
    "consumers",
    *(f"message_stats.{kind}_details.rate" for kind in _RATES),
)


class ManagementAway(Exception):
    """The management API cannot be reached, or does not answer as it should."""


class RabbitManagement:
    """The API of the server behind an AMQP url: where ``management_url`` says, else on its usual port.

    ``management_url`` is http://host:port, with user:password@ where they are not those of the AMQP url.
    """

    def __init__(self, url: str, management_url: str = "") -> None:
        amqp = pika.URLParameters(url)
        scheme, port = ("https", TLS_PORT) if amqp.ssl_options else ("http", PORT)
        parts = urlsplit(management_url or f"{scheme}://{amqp.host}:{port}")
        # Apart from the url: errors show that.
        self._auth = (amqp.credentials.username, amqp.credentials.password)
        if parts.username:
            self._auth = (unquote(parts.username), unquote(parts.password or ""))
        base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
        self.address = base
        self._url = f"{base}/api/queues/{quote(amqp.virtual_host, safe='')}"

    def queues(self) -> dict[str, QueueStatistics]:
        """By name, some seconds old. Raises ManagementAway, without the password."""
        try:
            answer = httpx.get(
                self._url,
                params={"columns": ",".join(_COLUMNS)},
                auth=self._auth,
                timeout=ANSWER_SECONDS,
                trust_env=False,
            )
            return {row["name"]: _statistics(row) for row in answer.raise_for_status().json()}
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ManagementAway(f"RabbitMQ's management API at {self._url}: {error!r}") from error


def _statistics(row: Mapping[str, Any]) -> QueueStatistics:
    """What was never published to, or was not looked at yet, has no figures: that is nothing at all."""
    told = row.get("message_stats") or {}
    rates = {ours: float((told.get(f"{kind}_details") or {}).get("rate", 0.0)) for kind, ours in _RATES.items()}
    return QueueStatistics(
        name=row["name"],
        message_count=int(row.get("messages_ready", 0)),
        consumer_count=int(row.get("consumers", 0)),
        unacknowledged=int(row.get("messages_unacknowledged", 0)),
        **rates,
    )
