"""The row of a process: that it lives, what it has in hand, what it is told."""

import os
import socket

import pytest
from django.db import OperationalError, connection

from etl.jobs import identity, leases, units
from etl.models import ExtractionCheckpoint, WorkerRow
from etl.workers import heartbeat
from etl.workers.heartbeat import Heartbeat, bury, children_of
from tests.support.making import ISSUES, a_run, checkpoint

pytestmark = pytest.mark.django_db
Ended = WorkerRow.Ended


@pytest.fixture
def beating() -> Heartbeat:
    made = Heartbeat(["extraction"], tier="free", threads=4, supervisor_pid=11)
    made.begin()
    return made


def the_row() -> WorkerRow:
    return WorkerRow.objects.get()


def test_a_process_is_entered_with_what_it_is_and_its_leases_name_it(beating: Heartbeat) -> None:
    row = the_row()

    assert (row.host, row.pid, row.supervisor_pid) == (socket.gethostname(), os.getpid(), 11)
    assert (row.stages, row.tier, row.threads, row.active, row.ended) == (["extraction"], "free", 4, True, "")
    assert identity.current() == row.pk


def test_what_it_has_in_hand_is_told_with_each_beat_and_what_it_has_done(beating: Heartbeat) -> None:
    run = a_run()
    unit = checkpoint(run)
    lease = units.take(ExtractionCheckpoint, [unit.pk])
    assert lease is not None

    with leases.held(lease):
        assert not beating.beat()
        (held,) = the_row().holding

    assert held.pop("since") > run.created_at.isoformat()
    assert held == {"stage": "extraction", "ids": [unit.pk], "run_id": run.pk, "step": ISSUES}
    beating.beat()
    assert (the_row().holding, the_row().units_done) == ([], 1)


def test_what_was_done_before_it_began_is_not_its_own(beating: Heartbeat) -> None:
    lease = units.take(ExtractionCheckpoint, [checkpoint(a_run()).pk])
    assert lease is not None
    with leases.held(lease):
        pass

    later = Heartbeat(["transform"])
    later.begin()

    assert (beating.units_done, later.units_done) == (1, 0)


def test_it_hears_that_it_is_to_begin_anew(beating: Heartbeat) -> None:
    WorkerRow.objects.update(asked=WorkerRow.Asked.RESTART)

    assert beating.beat()


def test_one_that_was_taken_for_dead_lives_again_with_its_next_beat(beating: Heartbeat) -> None:
    WorkerRow.objects.update(heartbeat_at="2020-01-01T00:00Z", active=False, ended=Ended.SILENT)

    beating.beat()

    assert (the_row().active, the_row().ended, the_row().stopped_at) == (True, "", None)
    assert the_row().heartbeat_at.year > 2020


def test_one_whose_row_is_gone_is_entered_anew(beating: Heartbeat) -> None:
    before = the_row().pk
    WorkerRow.objects.all().delete()

    assert not beating.beat()

    assert the_row().pk != before
    assert identity.current() == the_row().pk


def test_without_a_database_it_goes_on(
    beating: Heartbeat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the server is gone")

    with monkeypatch.context() as broken:
        broken.setattr(heartbeat, "fetch", away)
        broken.setattr(connection, "close", lambda: None)
        assert not beating.beat()

    assert "no heartbeat: the server is gone" in caplog.text
    assert not beating.beat()


def test_its_end_is_written_with_the_reason_and_nothing_names_it_any_more(beating: Heartbeat) -> None:
    WorkerRow.objects.update(asked=WorkerRow.Asked.RESTART)

    beating.end(Ended.RESTARTED)

    row = the_row()
    assert (row.active, row.ended, row.asked, row.holding) == (False, "restarted", "", [])
    assert row.stopped_at is not None
    assert identity.current() is None


def test_a_process_that_has_ended_beats_no_more(beating: Heartbeat) -> None:
    beating.end(Ended.STOPPED)

    assert not beating.beat()

    assert not the_row().active


def test_only_those_that_have_not_ended_are_buried_and_only_those_of_that_supervisor(beating: Heartbeat) -> None:
    ended = WorkerRow.objects.create(
        host=socket.gethostname(), pid=2, supervisor_pid=11, tier="all", active=False, ended=Ended.MEMORY
    )
    others = [
        WorkerRow.objects.create(host=host, pid=3, supervisor_pid=supervisor, tier="all")
        for host, supervisor in (("elsewhere", 11), (socket.gethostname(), 12))
    ]

    assert bury(children_of(11)) == 1

    buried = WorkerRow.objects.exclude(pk__in=[ended.pk, *(one.pk for one in others)]).get()
    assert (buried.ended, buried.active) == ("died", False)
    assert WorkerRow.objects.filter(ended="").count() == 2
    ended.refresh_from_db()
    assert ended.ended == Ended.MEMORY
