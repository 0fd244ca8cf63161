"""Who works, who does not any more, and who cannot be told of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from etl.doctor import alerts, processes
from etl.doctor.results import State
from etl.models import AlertChannel, AlertDelivery, Cause, WorkerRow
from tests.etl.alerts.making import a_channel

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _distributed(settings: Settings) -> None:
    settings.RABBITMQ_URL = "amqp://127.0.0.1:9/"


def a_worker(*stages: str, seconds_ago: float = 0, **fields: Any) -> WorkerRow:
    heartbeat = timezone.now() - timedelta(seconds=seconds_ago)
    given = {"host": "one", "pid": 7, "tier": "all", "stages": list(stages or ("extraction",)), **fields}
    return WorkerRow.objects.create(heartbeat_at=heartbeat, **given)


def test_workers_that_live_are_counted() -> None:
    a_worker()
    a_worker("scheduler")
    assert (processes.workers().said, processes.scheduler().said) == ("1 alive", "1 alive")


def test_without_any_both_commands_are_named() -> None:
    assert "run_worker" in processes.workers().advice
    assert "run_scheduler" in processes.scheduler().advice
    assert {processes.workers().state, processes.scheduler().state} == {State.FAILED}


def test_a_worker_does_not_stand_for_a_scheduler_nor_the_other_way_round() -> None:
    a_worker()
    assert processes.scheduler().state is State.FAILED
    WorkerRow.objects.update(stages=["scheduler"])
    assert processes.workers().state is State.FAILED


def test_a_silent_worker_is_named() -> None:
    a_worker()
    a_worker(host="two", pid=8, seconds_ago=3600)
    found = processes.workers()
    assert (found.state, found.said) == (State.FAILED, "1 alive; silent: two:8")


def test_workers_that_died_within_the_hour_are_named() -> None:
    a_worker(ended="silent", active=False, seconds_ago=60)
    assert processes.workers().said == "none is alive; within an hour died or went silent: one:7 (silent)"
    a_worker()
    a_worker(ended="died", active=False, pid=8)
    a_worker(ended="stopped", active=False)
    a_worker(ended="died", active=False, seconds_ago=7200)
    found = processes.workers()
    assert found.state is State.WARNING
    assert found.said == "1 alive; within an hour died or went silent: one:8 (died), one:7 (silent)"


def test_in_the_embedded_profile_the_one_process_does_both(settings: Settings) -> None:
    settings.RABBITMQ_URL = ""
    killed = a_worker(seconds_ago=3600)
    assert processes.workers().state is State.WARNING
    killed.delete()
    assert "manage.py serve" in processes.workers().advice
    assert processes.scheduler().state is State.WARNING
    a_worker()
    assert (processes.workers().state, processes.scheduler().state) == (State.OK, State.OK)


def test_channels_by_e_mail_need_a_mail_server(settings: Settings) -> None:
    a_channel("ada@acme.test", kind=AlertChannel.Kind.EMAIL)
    settings.EMAIL_URL = ""
    assert "EMAIL_URL" in alerts.channels().advice
    settings.EMAIL_URL = "smtp://mail.example"
    assert alerts.channels().said == "1 channels"


def test_a_channel_that_takes_no_messages_is_named() -> None:
    channel = a_channel()
    AlertDelivery.objects.create(
        tenant=channel.tenant, channel=channel, cause=Cause.RUN_FAILED, tries=3, error="answered 404"
    )
    assert alerts.channels().said == "1 messages wait; Acme, channel ops: answered 404"
