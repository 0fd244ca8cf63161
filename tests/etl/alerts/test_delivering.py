"""Channels are told of what is new, once, in one message an hour and cause, whatever other channels do."""

import pytest
from django.core import mail
from django.db import connection
from pytest_django import Settings

from etl.alerts import delivering, smtp, webhook
from etl.alerts.delivering import backoff_seconds, deliver_due, send_test
from etl.alerts.errors import NotDelivered
from etl.models import AlertChannel, Cause
from tests.etl.alerts.making import (
    NOWHERE,
    a_channel,
    a_tenant,
    an_alert,
    an_hour_later,
    changed,
    delivery_of,
    mails_through,
)
from tests.etl.alerts.trickling import Trickling
from tests.services.waiting import wait_until
from tests.support.mail_server import MailServer
from tests.support.receiver import Receiver
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


def _subjects(receiver: Receiver, number: int = -1) -> list[tuple[str, str]]:
    return [(told["state"], told["subject"]) for told in receiver.received[number].json["alerts"]]


def test_all_that_is_new_of_a_cause_goes_into_one_message() -> None:
    with Receiver() as receiver:
        a_channel(receiver.url)
        an_alert("one")
        an_alert("two")
        assert deliver_due() == 1
    assert _subjects(receiver) == [("raised", "one"), ("raised", "two")]


def test_what_was_told_is_not_told_again() -> None:
    with Receiver() as receiver:
        channel = a_channel(receiver.url)
        alert = an_alert()
        deliver_due()
        an_hour_later()
        assert deliver_due() == 0
    assert len(receiver.received) == 1
    assert delivery_of(channel).sent_at is not None
    alert.refresh_from_db()
    assert delivery_of(channel).told_until == alert.last_at


def test_what_comes_within_the_hour_waits_and_comes_together() -> None:
    with Receiver() as receiver:
        a_channel(receiver.url)
        an_alert("one")
        deliver_due()
        for name in ("two", "three"):
            an_alert(name, ago=30)
        assert deliver_due() == 0
        an_hour_later()
        assert deliver_due() == 1
    assert _subjects(receiver) == [("raised", "two"), ("raised", "three")]


def test_another_cause_does_not_wait_for_the_hour_of_the_first() -> None:
    with Receiver() as receiver:
        a_channel(receiver.url)
        an_alert()
        deliver_due()
        an_alert("late", cause=Cause.JOB_OVERDUE)
        assert deliver_due() == 1
    assert [received.json["cause"] for received in receiver.received] == ["run_failed", "job_overdue"]


def test_what_has_just_been_raised_waits_for_others() -> None:
    with Receiver() as receiver:
        a_channel(receiver.url)
        an_alert(ago=1)
        assert deliver_due() == 0


def test_what_happened_again_and_what_is_over_is_told() -> None:
    with Receiver() as receiver:
        a_channel(receiver.url)
        again, over = an_alert("again"), an_alert("over")
        deliver_due()
        an_hour_later()
        changed(again, "last_at")
        changed(over, "resolved_at")
        assert deliver_due() == 1
    assert _subjects(receiver) == [("again", "again"), ("resolved", "over")]


def test_what_came_and_went_between_two_messages_is_not_told() -> None:
    with Receiver() as receiver:
        a_channel(receiver.url)
        changed(an_alert("before the first"), "resolved_at")
        assert deliver_due() == 0
        an_alert("one")
        deliver_due()
        an_hour_later()
        changed(an_alert("between"), "resolved_at")
        assert deliver_due() == 0


def test_a_channel_is_told_only_of_its_causes_and_its_tenant() -> None:
    with Receiver() as receiver:
        a_channel(receiver.url, causes=[Cause.DEAD_LETTERS])
        an_alert("another cause")
        an_alert("another tenant", tenant="Globex", cause=Cause.DEAD_LETTERS)
        assert deliver_due() == 0
        an_alert("mine", cause=Cause.DEAD_LETTERS)
        assert deliver_due() == 1
    assert _subjects(receiver) == [("raised", "mine")]


@pytest.mark.parametrize("switched_off", ["channel", "tenant"])
def test_nobody_is_told_where_channel_or_tenant_is_inactive(switched_off: str) -> None:
    with Receiver() as receiver:
        channel = a_channel(receiver.url)
        an_alert()
        owner = channel if switched_off == "channel" else a_tenant()
        owner.active = False
        owner.save()
        assert deliver_due() == 0
        assert receiver.received == []


def test_a_failure_is_kept_and_tried_again_later_with_what_came_meanwhile() -> None:
    with Receiver() as receiver:
        channel = a_channel(receiver.url)
        an_alert("one")
        receiver.status = 503
        assert deliver_due() == 0
        failed = delivery_of(channel)
        assert (failed.tries, failed.sent_at, failed.told_until) == (1, None, None)
        assert failed.error == f"http://127.0.0.1:{receiver.url.split(':')[2].split('/')[0]}/… answered 503"
        assert deliver_due() == 0
        assert len(receiver.received) == 1

        an_alert("two")
        an_hour_later()
        receiver.status = 200
        assert deliver_due() == 1
        arrived = delivery_of(channel)
    assert _subjects(receiver) == [("raised", "one"), ("raised", "two")]
    assert (arrived.tries, arrived.error, arrived.not_before) == (0, "", None)


def test_failures_in_a_row_are_tried_again_later_and_later_but_hourly_at_least() -> None:
    assert [backoff_seconds(tries) for tries in range(1, 7)] == [60, 300, 900, 3600, 3600, 3600]


def test_a_channel_that_is_slow_or_broken_holds_up_no_other() -> None:
    an_alert()
    with Receiver() as slow, Receiver() as good:
        slow.before_answer = lambda: wait_until(lambda: bool(good.received), 30)
        a_channel(slow.url, "slow")
        broken = a_channel(NOWHERE, "broken")
        a_channel(good.url, "good")
        assert deliver_due() == 2
    assert "could not be reached" in delivery_of(broken).error


@pytest.mark.django_db(transaction=True)
def test_of_schedulers_that_deliver_at_the_same_time_one_sends() -> None:
    with Receiver() as receiver:
        a_channel(receiver.url)
        an_alert()
        assert sorted(at_once(*[deliver_due] * 4)) == [0, 0, 0, 1]
        assert len(receiver.received) == 1


def test_a_claim_of_a_process_that_died_runs_out() -> None:
    with Receiver() as receiver:
        channel = a_channel(receiver.url)
        an_alert()
        assert len(delivering._due([AlertChannel.Kind.WEBHOOK])) == 1
        assert delivering._claimed(delivery_of(channel).pk) is not None
        assert deliver_due() == 0
        an_hour_later()
        assert deliver_due() == 1


def test_kinds_of_channels_are_served_apart(settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.example:25"
    with Receiver() as receiver:
        a_channel(receiver.url)
        a_channel("ada@acme.test", "mail", kind=AlertChannel.Kind.EMAIL)
        an_alert()
        assert deliver_due([AlertChannel.Kind.EMAIL]) == 1
        assert (len(mail.outbox), len(receiver.received)) == (1, 0)
        assert deliver_due([AlertChannel.Kind.WEBHOOK]) == 1


def test_a_receiver_that_answers_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "CALL_SECONDS", 0.2)
    with Trickling(b"HTTP/1.1 200 OK\r\nX-Slow: ") as slow:
        channel = a_channel(f"http://127.0.0.1:{slow.port}/hooks/s3cret")
        an_alert()
        assert deliver_due() == 0
    assert delivery_of(channel).error == f"http://127.0.0.1:{slow.port}/… did not answer within 0.2 s"


def test_a_mail_server_that_answers_byte_by_byte_is_given_up_and_tried_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "SEND_SECONDS", 0.2)
    tenants = ("Acme", "Zebra")
    channels = [a_channel("ada@acme.test", tenant=tenant, kind=AlertChannel.Kind.EMAIL) for tenant in tenants]
    for tenant in tenants:
        an_alert(tenant=tenant)
    with Trickling(b"220-") as slow:
        mails_through(settings, slow.port)
        assert deliver_due() == 0
        assert (slow.calls, slow.heard_out) == (2, 0)
    assert {delivery_of(one).error for one in channels} == {"the mail server did not take the message within 0.2 s"}
    an_hour_later()
    with MailServer() as server:
        mails_through(settings, server.port)
        assert deliver_due() == 2


@pytest.mark.django_db(transaction=True)
def test_the_scheduler_does_not_wait_for_a_channel() -> None:
    answered = False
    with Receiver() as receiver:
        receiver.before_answer = lambda: wait_until(lambda: answered, 5)
        channel = a_channel(receiver.url)
        an_alert()
        delivering.begin()
        assert wait_until(lambda: len(receiver.received) == 1)
        assert delivery_of(channel).sent_at is None
        answered = True
        assert wait_until(lambda: delivery_of(channel).sent_at is not None)
    connection.close()


def test_a_channel_by_e_mail_writes_to_all_of_its_addresses(settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.example:25"
    a_channel("ada@acme.test, bob@acme.test", kind=AlertChannel.Kind.EMAIL)
    an_alert("Run 7 of job Sync failed: 503")
    assert deliver_due() == 1
    (sent,) = mail.outbox
    assert sent.to == ["ada@acme.test", "bob@acme.test"]
    assert sent.subject == "Pulse, Acme: failed runs"
    assert sent.body == "Pulse, Acme: failed runs\n- raised: Run 7 of job Sync failed: 503"


def test_a_test_message_says_that_the_channel_works() -> None:
    with Receiver() as receiver:
        send_test(a_channel(receiver.url, "on call"))
        (received,) = receiver.received
    assert received.json["cause"] == ""
    assert "channel on call works" in received.json["text"]


def test_a_test_that_does_not_arrive_says_why() -> None:
    with Receiver() as receiver:
        receiver.status = 404
        with pytest.raises(NotDelivered, match="answered 404"):
            send_test(a_channel(receiver.url))


def test_a_test_that_arrives_has_what_failed_sent_at_once() -> None:
    with Receiver() as receiver:
        channel = a_channel(receiver.url)
        an_alert()
        receiver.status = 500
        deliver_due()
        assert deliver_due() == 0
        receiver.status = 200
        send_test(channel)
        assert deliver_due() == 1
