"""How many messages a second our loop deals with, beside bare pika on the same queue. Prints a JSON object."""

import json
import statistics
import sys
import threading
import time
from collections.abc import Callable

import django
import pika

django.setup()

from etl.queue.broker import Delivery, Done, Outcome, Outgoing  # noqa: E402
from etl.queue.messages import ExtractionMessage  # noqa: E402
from etl.queue.rabbit import RabbitBroker  # noqa: E402
from etl.queue.topology import Stage, Tier, queue_for  # noqa: E402
from pulse.postgres.scope import platform_scope  # noqa: E402

QUEUE = queue_for(Stage.EXTRACTION, Tier.FREE)
ROUNDS = 5
STOP_SECONDS = 30
# Like the workers' own: threads, and messages in hand.
SHAPES = {"one": (1, 1), "extraction": (4, 4), "transform": (2, 4)}


def _body(number: int) -> bytes:
    """What a worker gets."""
    return ExtractionMessage(
        tenant_id=1,
        integration_id=1,
        job_id=1,
        type="jira_issues_with_changelogs",
        provider="jira",
        run_id=1,
        unit_id=number,
    ).encode()


def _fill(broker: RabbitBroker, count: int) -> None:
    broker.publish([Outgoing(QUEUE, _body(number)) for number in range(count)])


def bare(url: str, count: int, prefetch: int) -> float:
    """Seconds, from the first message on, in which pika takes and acknowledges them and does nothing with them."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=prefetch)
    left, began = count, 0.0

    def on_message(channel: object, method: pika.spec.Basic.Deliver, _properties: object, _body: bytes) -> None:
        nonlocal left, began
        began = began or time.perf_counter()
        channel.basic_ack(method.delivery_tag)  # type: ignore[attr-defined]
        left -= 1
        if not left:
            channel.stop_consuming()  # type: ignore[attr-defined]

    channel.basic_consume(QUEUE, on_message)
    channel.start_consuming()
    seconds = time.perf_counter() - began
    connection.close()
    return seconds


def ours(broker: RabbitBroker, count: int, threads: int, prefetch: int) -> float:
    """The same by a subscription, whose handler does nothing either."""
    over, left, lock, began = threading.Event(), count, threading.Lock(), 0.0

    def handle(_delivery: Delivery) -> Outcome:
        nonlocal left, began
        with lock:
            began = began or time.perf_counter()
            left -= 1
            if not left:
                over.set()
        return Done()

    subscription = broker.consume([QUEUE], handle, threads=threads, prefetch=prefetch)
    over.wait()
    seconds = time.perf_counter() - began
    subscription.stop(STOP_SECONDS)
    return seconds


def _rate(measure: Callable[[], float], broker: RabbitBroker, count: int) -> float:
    _fill(broker, count)
    return count / measure()


def main(url: str, count: int) -> None:
    broker = RabbitBroker(url)
    broker.declare()
    broker.purge(QUEUE)
    figures: dict[str, object] = {"messages": count, "bytes": len(_body(count))}
    for name, (threads, prefetch) in SHAPES.items():
        rates: list[tuple[float, float]] = [
            (
                _rate(lambda t=threads, p=prefetch: ours(broker, count, t, p), broker, count),  # type: ignore[misc]
                _rate(lambda p=prefetch: bare(url, count, p), broker, count),  # type: ignore[misc]
            )
            for _ in range(ROUNDS)
        ]
        mine, floor = (statistics.median(part) for part in zip(*rates, strict=True))
        figures[name] = {
            "threads": threads,
            "prefetch": prefetch,
            "a_second": round(mine),
            "bare_a_second": round(floor),
            "rate_to_bare": round(statistics.median(one / other for one, other in rates), 2),
        }
    broker.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    with platform_scope():
        main(asked["url"], asked["messages"])
