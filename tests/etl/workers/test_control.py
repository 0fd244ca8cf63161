"""How workers are, and telling them to begin anew."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from etl.models import WorkerRow
from etl.workers import control
from etl.workers.control import WorkerGone, WorkerState

pytestmark = pytest.mark.django_db


def a_worker(*, silent_for: float = 0.0, **fields: object) -> WorkerRow:
    at = timezone.now() - timedelta(seconds=silent_for)
    return WorkerRow.objects.create(**{"host": "machine", "pid": 7, "tier": "all", "heartbeat_at": at, **fields})


def test_a_worker_is_alive_silent_or_ended() -> None:
    silent_for = settings.WORKER_SILENT_SECONDS + 5
    made = [
        (a_worker(), WorkerState.ALIVE),
        (a_worker(silent_for=silent_for), WorkerState.SILENT),
        (a_worker(active=False, ended="stopped"), WorkerState.ENDED),
        (a_worker(silent_for=silent_for, ended="silent"), WorkerState.ENDED),
    ]

    found = {status.row.pk: status.state for status in control.workers()}

    assert found == {row.pk: state for row, state in made}


def test_only_the_rows_that_are_asked_for_are_told_in_their_order() -> None:
    rows = [a_worker(tier=tier) for tier in ("free", "basic", "free")]

    found = control.workers(WorkerRow.objects.filter(tier="free").order_by("pk"))

    assert [status.row for status in found] == [rows[0], rows[2]]


def test_a_worker_that_is_told_to_begin_anew_is_asked_so_and_no_other() -> None:
    told, other = a_worker(), a_worker()

    control.restart(told.pk)

    assert set(WorkerRow.objects.values_list("pk", "asked")) == {(told.pk, "restart"), (other.pk, "")}


def test_a_silent_worker_is_told_for_when_it_comes_back() -> None:
    told = a_worker(silent_for=100)

    control.restart(told.pk)

    assert WorkerRow.objects.get().asked == "restart"


def test_a_worker_that_has_ended_cannot_be_told_and_it_is_said_why() -> None:
    ended = a_worker(active=False, ended="memory")

    with pytest.raises(WorkerGone, match=rf"worker {ended.pk} \(machine:7\) has ended \(memory\)"):
        control.restart(ended.pk)

    assert WorkerRow.objects.get().asked == ""


def test_a_worker_that_there_never_was_is_named() -> None:
    with pytest.raises(WorkerGone, match="there is no worker 12"):
        control.restart(12)


def test_all_of_some_rows_are_told_but_those_that_have_ended() -> None:
    rows = [a_worker(), a_worker(), a_worker(ended="died", active=False), a_worker(tier="free")]

    assert control.restart_all(WorkerRow.objects.filter(tier="all")) == 2

    assert list(WorkerRow.objects.filter(asked="restart").order_by("pk")) == rows[:2]
