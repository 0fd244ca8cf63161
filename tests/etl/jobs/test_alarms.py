"""Alarms wake what waits for a moment only, at that moment."""

from datetime import timedelta

import pytest
from django.utils import timezone

from etl.jobs import alarms
from etl.models import ExtractionCheckpoint
from tests.services.waiting import wait_until
from tests.support.brokers import RecordingBroker
from tests.support.making import a_run, an_integration, checkpoint

pytestmark = pytest.mark.django_db(transaction=True)


def parked(seconds: float, name: str = "Jira") -> ExtractionCheckpoint:
    return checkpoint(a_run(an_integration(name)), not_before=timezone.now() + timedelta(seconds=seconds))


def test_an_alarm_wakes_what_was_parked_when_its_time_has_come(recording: RecordingBroker) -> None:
    unit = parked(0.2)

    alarms.set_alarm(unit.integration_id, 0.2)

    assert wait_until(lambda: bool(recording.published))
    unit.refresh_from_db()
    assert unit.published_at is not None
    assert unit.not_before is not None
    assert unit.published_at >= unit.not_before


def test_of_several_alarms_the_earliest_is_first(recording: RecordingBroker) -> None:
    late, early = parked(0.4, "Late"), parked(0.1, "Early")

    alarms.set_alarm(late.integration_id, 0.4)
    alarms.set_alarm(early.integration_id, 0.1)

    assert wait_until(lambda: len(recording.published) == 2)
    assert [body["unit_id"] for body in recording.bodies()] == [early.pk, late.pk]


def test_an_alarm_that_fails_leaves_the_others_working(
    recording: RecordingBroker, caplog: pytest.LogCaptureFixture
) -> None:
    refused, unit = parked(0, "Refused"), parked(0.3, "Other")
    recording.refuses = True
    alarms.set_alarm(refused.integration_id, 0)
    assert wait_until(lambda: "nothing was woken" in caplog.text)
    recording.refuses = False

    alarms.set_alarm(unit.integration_id, 0.3)

    assert wait_until(lambda: bool(recording.published))


@pytest.mark.parametrize(("delivers", "seconds"), [(False, 0.0), (True, 60.0)])
def test_what_is_far_away_or_nobody_here_wakes_is_left_to_the_sweep(
    recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch, delivers: bool, seconds: float
) -> None:
    recording.delivers = delivers
    set_alarms: list[int] = []
    monkeypatch.setattr(alarms._alarms, "set", lambda integration_id, seconds: set_alarms.append(integration_id))

    alarms.set_alarm(1, seconds)

    assert not set_alarms
