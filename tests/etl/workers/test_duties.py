"""What a scheduler does again and again: each duty in its time, and none because of another."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from etl.models import EtlJob, EtlJobRun, RunKind, Verification
from etl.queue.broker import Outgoing, QueueCounts
from etl.workers import duties
from etl.workers.duties import DUTIES, Duty, Round
from tests.support.brokers import RecordingBroker
from tests.support.making import a_run, an_integration, change, checkpoint, job_of


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(duties, "time", made)
    return made


def failing(error: Exception) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


def test_each_duty_is_done_at_once_and_then_in_its_time(clock: Clock) -> None:
    done: list[str] = []
    turns = Round([Duty("often", lambda: done.append("often")), Duty("rarely", lambda: done.append("rarely"), 60)])

    for now in (1000.0, 1000.5, 1001.0, 1059.9, 1060.0):
        clock.now = now
        turns.go()

    assert done == ["often", "rarely", "often", "often", "rarely"]


@pytest.mark.django_db
def test_one_that_fails_keeps_neither_the_others_nor_itself_from_being_done(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    errors = [OperationalError("gone"), OperationalError("gone"), ValueError("of ours")]

    def first() -> None:
        done.append("first")
        if errors:
            raise errors.pop(0)

    turns = Round([Duty("the first", first), Duty("the second", lambda: done.append("second"))])
    for _ in range(4):
        turns.go()
        clock.now += 1

    assert done == ["first", "second"] * 4
    # Each error once, with a traceback only where it is one of ours.
    assert caplog.text.count("the first: will be tried again: gone") == 1
    assert caplog.text.count("the first: will be tried again: of ours") == 1
    assert caplog.text.count("Traceback") == 1


@pytest.mark.django_db
def test_an_error_that_comes_back_is_said_again(caplog: pytest.LogCaptureFixture) -> None:
    turns = Round([])

    told = [
        turns.attempt("it", act)
        for act in (failing(ValueError("bad")), failing(ValueError("bad")), int, failing(ValueError("bad")))
    ]

    assert told == [False, False, True, False]
    assert caplog.text.count("it: will be tried again: bad") == 2


def test_what_recovers_is_done_also_where_nothing_is_to_be_begun() -> None:
    always = {duty.name for duty in DUTIES if duty.always}

    assert {"the sweep", "queueing discoveries"} <= always
    assert not {"queueing due jobs", "beginning due repairs", "alerts"} & always


class Witness(RecordingBroker):
    """Notes how often it was asked, and how often while a transaction was open."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = {"publish": [0, 0], "counts": [0, 0]}

    def _note(self, what: str) -> None:
        self.asked[what][connection.in_atomic_block] += 1

    def publish(self, messages: Sequence[Outgoing]) -> None:
        self._note("publish")
        super().publish(messages)

    def counts(self, queue: str) -> QueueCounts:
        self._note("counts")
        return super().counts(queue)


def _work_for_every_duty() -> None:
    """A unit that waits, one whose message is lost, a job that is due, a discovery, a verification."""
    run = a_run()
    checkpoint(run)
    change(checkpoint(run), "published_at = now() - interval '1 hour'")
    due = job_of(an_integration("Due"))
    EtlJob.objects.filter(pk=due.pk).update(
        status={"overall": "READY"}, next_run=timezone.now() - timedelta(hours=1), queued_at=None
    )
    discovered = a_run(an_integration("Discovered"), RunKind.DISCOVERY)
    EtlJobRun.objects.filter(pk=discovered.pk).update(status="READY")
    verified = an_integration("Verified")
    Verification.objects.create(tenant=verified.tenant, integration=verified, trigger="test")


@pytest.mark.django_db(transaction=True)
def test_no_duty_asks_the_queue_inside_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Witness()
    monkeypatch.setattr("etl.queue._broker", broker)
    _work_for_every_duty()

    Round().go()

    # A unit's two, a job's, a discovery's and a verification's; twelve queues of stages, and the lost one's.
    assert broker.asked == {"publish": [4, 0], "counts": [13, 0]}
