"""Processes that one command keeps alive: real ones, with a real broker and database."""

import gc
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import psutil
import pytest
from django.db.models import QuerySet
from pytest_django import DjangoDbBlocker

from etl.models import EtlJobRun, WorkerRow
from etl.queue.broker import Outgoing
from etl.queue.messages import JobMessage
from etl.queue.rabbit import RabbitBroker
from etl.queue.topology import JOBS_QUEUE
from etl.workers import control
from etl.workers.heartbeat import BEAT_SECONDS
from etl.workers.supervisor import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, QUICK_SECONDS, Supervisor, _Place
from tests.services import rabbitmq_management
from tests.services.rabbitmq import management_url, own_vhost
from tests.services.waiting import wait_until
from tests.support.installations import Installation, installation
from tests.support.making import an_integration, job_of
from tests.support.processes import Running

pytestmark = pytest.mark.slow

BOUND_SECONDS = 60
Ended = WorkerRow.Ended


@pytest.fixture(scope="module")
def shared(django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    with own_vhost() as url, installation(django_db_blocker, RABBITMQ_URL=url) as made:
        yield made


@pytest.fixture
def here(shared: Installation, django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    with shared.entered(django_db_blocker):
        yield shared


@pytest.fixture(scope="module")
def two(shared: Installation) -> Iterator[Running]:
    """A command with two processes that outlive each of the tests that use it."""
    with shared.start("run_worker", "jobs", "--processes", 2) as running:
        yield running


@pytest.fixture
def pair(here: Installation, two: Running) -> Running:
    assert wait_until(lambda: living(two).count() == 2, BOUND_SECONDS)
    return two


@pytest.fixture
def one(here: Installation) -> Iterator[Running]:
    """A command of the test's own, with one process."""
    with here.start("run_worker", "jobs") as running:
        running.wait_for("taking messages")
        yield running


def rows(running: Running) -> QuerySet[WorkerRow]:
    return WorkerRow.objects.filter(supervisor_pid=running.pid).order_by("id")


def living(running: Running) -> QuerySet[WorkerRow]:
    return control.not_ended(rows(running))


def ends_as(row: WorkerRow, why: Ended) -> bool:
    def has_ended() -> bool:
        row.refresh_from_db()
        return bool(row.ended)

    return wait_until(has_ended, BOUND_SECONDS) and (row.ended, row.active, row.asked) == (why, False, "")


def is_replaced(running: Running, row: WorkerRow) -> bool:
    return wait_until(lambda: living(running).filter(pk__gt=row.pk).exists(), BOUND_SECONDS)


def gone(pid: int) -> bool:
    return wait_until(lambda: not psutil.pid_exists(pid), BOUND_SECONDS)


def test_one_that_is_killed_is_said_to_have_died_and_another_takes_its_place(pair: Running) -> None:
    killed, other = living(pair)

    os.kill(killed.pid, signal.SIGKILL)

    assert ends_as(killed, Ended.DIED)
    assert is_replaced(pair, other)
    other.refresh_from_db()
    assert other.ended == Ended.NOT
    assert f"process {killed.pid} died (SIGKILL)" in pair.errors


def test_the_supervisor_has_one_thread_and_no_connection_that_a_child_could_inherit(pair: Running) -> None:
    supervisor = psutil.Process(pair.pid)

    assert supervisor.num_threads() == 1
    assert supervisor.net_connections("inet") == []
    assert {child.pid for child in supervisor.children()} == {row.pid for row in living(pair)}


def test_one_that_is_told_to_begin_anew_ends_gently_and_another_takes_its_place(pair: Running) -> None:
    told, other = living(pair)

    control.restart(told.pk)

    assert ends_as(told, Ended.RESTARTED)
    assert is_replaced(pair, other)
    other.refresh_from_db()
    assert other.ended == Ended.NOT


def test_all_that_are_told_to_begin_anew_do(pair: Running) -> None:
    before = list(living(pair))

    assert control.restart_all(rows(pair)) == 2

    assert all(ends_as(row, Ended.RESTARTED) for row in before)
    assert wait_until(lambda: living(pair).filter(pk__gt=before[-1].pk).count() == 2, BOUND_SECONDS)


def test_a_process_tells_what_it_has_and_had(pair: Running) -> None:
    row = living(pair)[0]

    assert (row.stages, row.tier, row.threads, row.units_done, row.holding) == (["jobs"], "all", 1, 0, [])
    assert row.memory_mib is not None
    assert row.peak_mib is not None
    assert 20 < row.memory_mib <= row.peak_mib + 1


def test_without_a_database_they_live_on_and_go_on_by_themselves(here: Installation, pair: Running) -> None:
    before = list(living(pair))
    here.shut()
    assert wait_until(lambda: pair.errors.count("no heartbeat") >= 2, BOUND_SECONDS)

    here.reopen()
    WorkerRow.objects.update(heartbeat_at="2020-01-01T00:00Z", ended=Ended.SILENT, active=False)

    assert wait_until(lambda: living(pair).filter(heartbeat_at__year__gt=2020).count() == 2, BOUND_SECONDS)
    assert list(living(pair)) == before


def test_one_that_begins_without_a_database_waits_for_it(here: Installation) -> None:
    here.shut()
    with here.start("run_worker", "jobs") as running:
        running.wait_for("the database is away, it is tried again")
        here.reopen()

        assert wait_until(lambda: living(running).count() == 1, BOUND_SECONDS)


def test_when_the_supervisor_is_killed_none_of_them_lives_on(one: Running) -> None:
    (child,) = psutil.Process(one.pid).children()

    one.kill()

    assert gone(child.pid)


def test_told_to_stop_it_ends_gently_with_0(one: Running) -> None:
    row = living(one).get()

    ended = one.stop()

    assert ended.code == 0, ended.errors
    assert "the work in hand is finished first" in ended.out
    assert ends_as(row, Ended.STOPPED)
    assert rows(one).count() == 1


def test_a_second_signal_kills_what_does_not_end(one: Running) -> None:
    row = living(one).get()
    os.kill(row.pid, signal.SIGSTOP)
    one.send(signal.SIGTERM)
    one.wait_for("the work in hand is finished first")

    ended = one.stop(signal.SIGINT)

    assert ended.code == 1
    assert gone(row.pid)
    assert ends_as(row, Ended.DIED)


def test_one_that_has_more_memory_than_it_may_is_replaced(here: Installation) -> None:
    with here.start("run_worker", "jobs", "--max-memory", 1) as running:
        assert wait_until(lambda: rows(running).count() >= 2, BOUND_SECONDS)
        assert ends_as(rows(running)[0], Ended.MEMORY)
        assert "more than 1: it ends, to be replaced" in running.errors


def test_after_the_broker_lost_everything_they_take_messages_again(here: Installation, pair: Running) -> None:
    before, url = list(living(pair)), here.variables["RABBITMQ_URL"]
    lose_everything(url)
    job = job_of(an_integration(secrets.token_hex(4)))
    message = JobMessage(
        job_id=job.pk, tenant_id=job.tenant_id, integration_id=job.integration_id, job_type="jira_sync"
    )
    broker = RabbitBroker(url)
    broker.publish([Outgoing(JOBS_QUEUE, message.encode())])
    broker.close()

    assert wait_until(EtlJobRun.objects.filter(job=job).exists, BOUND_SECONDS)
    assert list(living(pair)) == before


def lose_everything(url: str) -> None:
    """The broker's virtual host is deleted with all its queues, and made again, empty."""
    management, vhost = management_url(), unquote(urlsplit(url).path[1:])
    rabbitmq_management.delete_vhost(management, vhost)
    rabbitmq_management.create_vhost(management, vhost)


def test_a_scheduler_is_a_process_of_that_kind_which_its_loop_keeps_in_the_table(here: Installation) -> None:
    with here.start("run_scheduler") as running:
        running.wait_for("scheduling")
        before = living(running).get()
        assert before.stages == ["scheduler"]

        control.restart(before.pk)

        assert ends_as(before, Ended.RESTARTED)
        assert is_replaced(running, before)
        ended = running.stop()
        assert ended.code == 0, ended.errors
        assert "will be tried again" not in ended.errors


def test_a_process_that_has_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="a process that has threads cannot be forked"):
            Supervisor(lambda _signals, _pid: 0, 1, print).run()
    finally:
        release.set()
        thread.join()


def test_who_hardly_lived_is_followed_after_a_pause_that_grows_to_a_limit() -> None:
    place, pauses, now = _Place(), [], 0.0
    for _ in range(8):
        now = place.born_at = place.due_at
        place.left(now + QUICK_SECONDS / 2, died=True)
        pauses.append(place.due_at - now - QUICK_SECONDS / 2)

    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_who_has_lived_is_followed_at_once() -> None:
    place = _Place(pid=1, born_at=0.0, pause_seconds=8.0)

    place.left(QUICK_SECONDS + 1, died=True)

    assert (place.pid, place.due_at, place.pause_seconds) == (0, QUICK_SECONDS + 1, 0.0)


@pytest.mark.parametrize(("lived", "pause"), [(BEAT_SECONDS + 0.1, 0.0), (BEAT_SECONDS - 0.1, FIRST_PAUSE_SECONDS)])
def test_who_ended_gently_after_its_number_of_units_is_followed_at_once(lived: float, pause: float) -> None:
    place = _Place(pid=1, born_at=0.0)

    place.left(lived, died=False)

    assert place.pause_seconds == pause
