"""Work that waits while no worker of its tier and stage is there."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from etl.alerts.consumers import MISSED_SECONDS, ConsumerWatch
from etl.alerts.raising import Looked, look_at_all
from etl.models import Alert, Cause, EtlJobRun, Overall
from etl.queue.broker import BrokerUnavailable, Delivery, Done, Outcome, QueueCounts
from etl.queue.memory import MemoryBroker
from tests.support.making import a_run, an_integration, checkpoint

pytestmark = pytest.mark.django_db


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Watched:
    """A scheduler that looks, and its clock."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.watch = ConsumerWatch(self.clock)

    def look(self, after: float = 0) -> Looked:
        self.clock.now += after
        with suppress(BrokerUnavailable):
            self.watch.ask()
        return look_at_all({Cause.NO_CONSUMER: self.watch})


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryBroker]:
    broker = MemoryBroker()
    monkeypatch.setattr("etl.queue._broker", broker)
    yield broker
    broker.close()


@pytest.fixture
def watched(broker: MemoryBroker) -> Watched:
    return Watched()


def taken(delivery: Delivery) -> Outcome:
    return Done()


def waiting_work(name: str = "Jira", tenant: str = "Acme", tier: str = "premium") -> EtlJobRun:
    run = a_run(an_integration(name, tenant=tenant, tier=tier))
    checkpoint(run)
    return run


def test_work_that_nobody_takes_for_a_minute_is_told_to_its_tenants(watched: Watched) -> None:
    waiting_work()
    waiting_work("Another", "Globex")
    waiting_work("Third", "Free", tier="free")
    assert watched.look() == Looked()
    assert watched.look(MISSED_SECONDS - 1) == Looked()
    assert watched.look(1) == Looked(raised=3)
    told = {(alert.tenant.name, alert.subject) for alert in Alert.objects.select_related("tenant")}
    assert told == {
        ("Acme", "tier premium, extraction"),
        ("Globex", "tier premium, extraction"),
        ("Free", "tier free, extraction"),
    }
    assert watched.look(10) == Looked()


def test_a_worker_that_comes_resolves_it(watched: Watched, broker: MemoryBroker) -> None:
    waiting_work()
    watched.look()
    watched.look(MISSED_SECONDS - 1)
    watched.look(1)
    subscription = broker.consume(["extraction_queue_premium"], taken, threads=1, prefetch=1)
    assert watched.look(15) == Looked(resolved=1)
    subscription.stop(5)
    assert watched.look(15) == Looked()
    assert watched.look(MISSED_SECONDS - 1) == Looked()


def test_nobody_is_missed_where_nothing_waits(watched: Watched) -> None:
    run = waiting_work()
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.PAUSED)
    watched.look()
    watched.look(MISSED_SECONDS - 1)
    assert watched.look(1) == Looked()


def test_a_scheduler_that_has_just_begun_resolves_nothing_that_it_cannot_know(watched: Watched) -> None:
    waiting_work()
    watched.look()
    watched.look(MISSED_SECONDS - 1)
    watched.look(1)
    assert Watched().look() == Looked()


def test_a_scheduler_that_did_not_look_for_long_counts_anew(watched: Watched) -> None:
    waiting_work()
    watched.look()
    assert watched.look(MISSED_SECONDS * 10) == Looked()


def test_while_the_queue_is_away_alerts_stay_as_they_are(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting_work()
    watched.look()
    watched.look(MISSED_SECONDS - 1)
    watched.look(1)

    def away(self: MemoryBroker, queue: str) -> QueueCounts:
        raise BrokerUnavailable("gone")

    monkeypatch.setattr(MemoryBroker, "counts", away)
    assert watched.look(15) == Looked()
