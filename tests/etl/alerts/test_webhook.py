"""What a webhook gets, and that only its key could have signed it."""

import asyncio
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from etl.alerts import webhook
from etl.alerts.errors import NotDelivered
from etl.alerts.messages import Message, Told
from etl.models import AlertChannel
from pulse.hosts import AllowedHosts
from tests.support.receiver import Received, Receiver

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_message(*told: Told) -> Message:
    return Message(7, "Acme", "run_failed", "Pulse, Acme: failed runs", told)


def told(message: str = "Run 1 failed", **more: Any) -> Told:
    given: dict[str, Any] = {"state": "raised", "subject": "job 1", "occurrences": 1, "context": {"job_id": 1}, **more}
    return Told(message=message, first_at=NOW, last_at=NOW, resolved_at=None, **given)


def a_webhook(target: str, key: str = "") -> AlertChannel:
    secrets = {"key": key} if key else {}
    return AlertChannel(name="ops", kind=AlertChannel.Kind.WEBHOOK, target=target, secrets=secrets)


def posted(message: Message, key: str = "") -> Received:
    with Receiver() as receiver:
        asyncio.run(webhook.post(a_webhook(receiver.url, key), message, NOW))
    return receiver.received[0]


def test_the_signature_is_the_hmac_of_timestamp_and_body() -> None:
    received = posted(a_message(told()), "k3y")
    timestamp = received.headers["X-Pulse-Timestamp"]
    expected = hmac.new(b"k3y", timestamp.encode() + b"." + received.body, hashlib.sha256).hexdigest()
    assert timestamp == str(int(NOW.timestamp()))
    assert received.headers["X-Pulse-Signature"] == f"sha256={expected}"
    assert received.headers["Content-Type"] == "application/json"


def test_without_a_key_nothing_is_signed() -> None:
    assert "X-Pulse-Signature" not in posted(a_message(told())).headers


def test_a_program_finds_everything_in_the_body() -> None:
    body = posted(a_message(told())).json
    assert body["tenant"] == {"id": 7, "name": "Acme"}
    assert (body["cause"], body["total"]) == ("run_failed", 1)
    (alert,) = body["alerts"]
    assert (alert["state"], alert["subject"], alert["context"]) == ("raised", "job 1", {"job_id": 1})
    assert alert["first_at"] == "2026-03-01T12:00:00+00:00"


def test_a_chat_finds_lines_in_which_no_name_calls_anybody() -> None:
    text = posted(a_message(told("Run 1 of job <!channel> & Co\nfailed", occurrences=3))).json["text"]
    assert text.splitlines() == [
        "Pulse, Acme: failed runs",
        "- raised: Run 1 of job &lt;!channel&gt; &amp; Co failed (3 times)",
    ]


def test_of_very_many_alerts_people_see_some_and_programs_a_hundred() -> None:
    body = posted(a_message(*[told(f"Run {number} failed") for number in range(150)])).json
    assert len(body["text"].splitlines()) == 22
    assert body["text"].endswith("- and 130 more")
    assert (len(body["alerts"]), body["total"]) == (100, 150)


def test_no_redirect_is_followed() -> None:
    with Receiver() as elsewhere, Receiver() as receiver:
        receiver.status, receiver.headers = 307, {"Location": elsewhere.url}
        with pytest.raises(NotDelivered, match="answered 307"):
            asyncio.run(webhook.post(a_webhook(receiver.url), a_message(told()), NOW))
        assert elsewhere.received == []


def test_a_webhook_that_leads_inside_is_not_called(settings: Settings) -> None:
    with Receiver() as receiver:
        channel = a_webhook(receiver.url)
        channel.clean()
        settings.PULSE_ALLOW_PRIVATE_HOSTS = AllowedHosts()
        with pytest.raises(ValidationError, match="not public") as refused:
            channel.clean()
        with pytest.raises(NotDelivered, match=r"was not called: the host '127\.0\.0\.1' leads to") as error:
            asyncio.run(webhook.post(channel, a_message(told()), NOW))
        assert receiver.received == []
    assert "s3cret" not in str(error.value)
    assert list(refused.value.message_dict) == ["target"]


def test_errors_show_no_path_and_no_credentials() -> None:
    channel = a_webhook("http://ada:pass@127.0.0.1:9/hooks/s3cret?token=s3cret")
    with pytest.raises(NotDelivered) as error:
        asyncio.run(webhook.post(channel, a_message(told()), NOW))
    assert str(error.value) == "http://127.0.0.1:9/… could not be reached (ConnectError)"
