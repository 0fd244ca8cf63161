"""The broker: whether it answers, has our queues as we declare them, and somebody takes what they hold."""

import time
from collections import defaultdict
from collections.abc import Iterable

from django.conf import settings

from etl.doctor.database import bounded
from etl.doctor.results import Found, failed, ok, skipped
from etl.queue.broker import BrokerUnavailable
from etl.queue.inspection import Inspected, inspect, reach
from etl.queue.topology import CUSTOM_FIELDS_QUEUE, FAILED_QUEUE, JOBS_QUEUE, Stage, Tier, queue_for
from pulse.tenancy.models import Tenant

IN_PROCESS = "in the process that works (RABBITMQ_URL is not set)"
# Queue → the worker that takes from it, whatever the tier.
_CONTROL = {JOBS_QUEUE: "jobs", CUSTOM_FIELDS_QUEUE: "custom_fields", FAILED_QUEUE: "dead_letters"}


def broker() -> Found:
    if not settings.RABBITMQ_URL:
        return ok(IN_PROCESS)
    started = time.perf_counter()
    try:
        reach(settings.RABBITMQ_URL)
    except BrokerUnavailable as error:
        return failed(str(error), "start RabbitMQ, or correct RABBITMQ_URL (host, port, user, password, vhost)")
    except (ValueError, LookupError):  # pika's; what it says may be a part of the password
        return failed("RABBITMQ_URL is no address", "make it amqp://USER:PASSWORD@HOST:PORT/VHOST, percent-encoded")
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    return ok(f"RabbitMQ answers; connecting took {milliseconds:g} ms", milliseconds=milliseconds)


def topology() -> Found:
    """Whether the queues are there, with our arguments."""
    if not settings.RABBITMQ_URL:
        return ok(IN_PROCESS)
    found = inspect(settings.RABBITMQ_URL)
    if found.differing:
        names = list(found.differing)
        said = f"{', '.join(names)}: declared with other arguments ({found.differing[names[0]]})"
        advice = (
            "stop workers and schedulers, delete these queues (`rabbitmqctl delete_queue NAME`) and start again:"
            " they hold only wake-ups, which are sent again"
        )
        return failed(said, advice, differing=names)
    if found.missing:
        advice = "start a worker or a scheduler: each declares what is missing when it connects"
        return failed(f"not there: {', '.join(found.missing)}", advice, missing=list(found.missing))
    waiting = sum(counts.message_count for counts in found.counts.values())
    return ok(f"{len(found.counts)} queues, {waiting} messages wait", messages=waiting)


def consumers() -> Found:
    """Whether each queue that is needed has one: those of tiers without an active tenant are not."""
    if not settings.RABBITMQ_URL:
        return skipped(IN_PROCESS)
    inspected = inspect(settings.RABBITMQ_URL)
    wanted = {queue: (name, "") for queue, name in _CONTROL.items()}
    for tier in _tiers():
        wanted |= {queue_for(stage, tier): (stage, f" --tier {tier}") for stage in Stage}
    lonely = [queue for queue in wanted if not _taken(inspected, queue)]
    if lonely:
        advice = "start " + ", ".join(_commands(wanted[queue] for queue in lonely))
        return failed(f"nobody takes from {', '.join(lonely)}", advice, queues=lonely)
    return ok(f"{len(wanted)} queues have consumers")


def _commands(missing: Iterable[tuple[str, str]]) -> list[str]:
    """For workers and their tiers: a command for each tier."""
    by_tier: dict[str, list[str]] = defaultdict(list)
    for worker, tier in missing:
        by_tier[tier].append(worker)
    return [f"`manage.py run_worker {' '.join(workers)}{tier}`" for tier, workers in by_tier.items()]


def _taken(inspected: Inspected, queue: str) -> bool:
    return queue in inspected.counts and inspected.counts[queue].consumer_count > 0


def _tiers() -> list[Tier]:
    """Those that somebody pays for."""
    with bounded():
        return sorted({Tier(tier) for tier in Tenant.objects.filter(active=True).values_list("tier", flat=True)})
