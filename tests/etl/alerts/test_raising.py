"""Alerts are raised once, counted anew, and resolved, however many schedulers look."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from etl import alerts
from etl.alerts import raising
from etl.alerts.findings import Finding, Findings, Look
from etl.alerts.raising import Looked, look_at_all
from etl.models import Alert, Cause
from tests.etl.alerts.making import a_channel, a_tenant, changed, delivery_of, seeing
from tests.services.waiting import wait_until
from tests.support.receiver import Receiver
from tests.support.threads import at_once, meeting

pytestmark = pytest.mark.django_db


def a_finding(subject: str = "job 1", mark: str = "run 1") -> Finding:
    return Finding(a_tenant().pk, subject, f"{subject} failed", mark, {"job_id": 1})


def look_at(look: Look, cause: Cause = Cause.RUN_FAILED) -> Looked:
    return look_at_all({cause: look})


def test_what_is_wrong_becomes_one_alert_for_as_long_as_it_lasts() -> None:
    look = seeing(a_finding())
    assert look_at(look) == Looked(raised=1)
    assert look_at(look) == Looked()
    alert = Alert.objects.get()
    assert (alert.cause, alert.subject, alert.message) == ("run_failed", "job 1", "job 1 failed")
    assert (alert.occurrences, alert.resolved_at) == (1, None)
    assert alert.context == {"job_id": 1}


def test_what_happens_anew_is_counted() -> None:
    look_at(seeing(a_finding()))
    before = Alert.objects.get()
    assert look_at(seeing(replace(a_finding(mark="run 2"), message="again"))) == Looked(again=1)
    alert = Alert.objects.get()
    assert (alert.occurrences, alert.message, alert.first_at) == (2, "again", before.first_at)
    assert alert.last_at > before.last_at


def test_what_is_well_again_is_resolved_and_the_next_time_is_another_alert() -> None:
    look_at(seeing(a_finding()))
    assert look_at(seeing()) == Looked(resolved=1)
    assert look_at(seeing(a_finding())) == Looked(raised=1)
    assert [bool(alert.resolved_at) for alert in Alert.objects.order_by("id")] == [True, False]


def test_an_outage_is_written_down_in_as_few_statements_as_one_failure() -> None:
    many = [a_finding(f"job {number}") for number in range(300)]
    with CaptureQueriesContext(connection) as asked:
        assert look_at(seeing(*many)) == Looked(raised=300)
        assert look_at(seeing()) == Looked(resolved=300)
    assert len(asked) < 20


def test_what_cannot_be_told_stays_as_it_is() -> None:
    finding = a_finding()
    look_at(seeing(finding))
    assert look_at(seeing(unknown=frozenset([finding.key]))) == Looked()


def test_causes_do_not_settle_each_others_alerts() -> None:
    look_at(seeing(a_finding()))
    assert look_at(seeing(), Cause.JOB_OVERDUE) == Looked()


def test_a_cause_that_cannot_be_looked_at_does_not_hold_up_the_others() -> None:
    def broken() -> Findings:
        raise ZeroDivisionError

    assert look_at_all({Cause.JOB_OVERDUE: broken, Cause.RUN_FAILED: seeing(a_finding())}) == Looked(raised=1)


@pytest.mark.django_db(transaction=True)
def test_of_schedulers_that_look_at_the_same_time_one_raises() -> None:
    finding = a_finding()
    look: Callable[[], Looked] = lambda: look_at(seeing(finding))  # noqa: E731
    done = at_once(*[look] * 4)
    assert sum(one.raised for one in done) == 1
    assert Alert.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_while_one_looks_another_leaves_that_cause_to_it() -> None:
    finding, met = a_finding(), meeting(2)

    def slow() -> Findings:
        met()
        met()
        return seeing(finding)()

    def beside() -> Looked:
        met()
        done = look_at(seeing(finding))
        met()
        return done

    assert at_once(lambda: look_at(slow), beside) == [Looked(raised=1), Looked()]


@pytest.mark.django_db(transaction=True)
def test_a_look_raises_and_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(raising.LOOKS, Cause.RUN_FAILED, seeing(a_finding()))
    with Receiver() as receiver:
        channel = a_channel(receiver.url)
        assert alerts.look().raised == 1
        changed(Alert.objects.get(), "last_at", ago=60)
        assert alerts.look().raised == 0
        assert wait_until(lambda: len(receiver.received) == 1)
        assert wait_until(lambda: delivery_of(channel).sent_at is not None)
    assert "job 1 failed" in receiver.received[0].json["text"]
