"""Messages by e-mail, to a server that speaks SMTP."""

import threading

import pytest
from pytest_django import Settings

from etl.alerts import mail, smtp
from etl.alerts.errors import NotDelivered
from etl.alerts.messages import Message
from etl.models import AlertChannel
from tests.etl.alerts.making import mails_through
from tests.etl.alerts.trickling import Trickling
from tests.services.waiting import wait_until
from tests.support.mail_server import MailServer

MESSAGE = Message(1, "Acme", "run_failed", "Pulse, Acme\nBcc: eve@evil.test: failed runs", [])


def a_channel(*addresses: str) -> AlertChannel:
    return AlertChannel(name="ops", kind=AlertChannel.Kind.EMAIL, target=",".join(addresses))


def test_a_message_arrives_and_no_name_becomes_a_header(settings: Settings) -> None:
    with MailServer() as server:
        mails_through(settings, server.port)
        mail.send(a_channel("ada@acme.test"), MESSAGE)
        (received,) = server.received
    assert server.recipients == ["ada@acme.test"]
    assert received["Subject"] == "Pulse, Acme Bcc: eve@evil.test: failed runs"
    assert received["From"] == "pulse@acme.test"
    assert received["Bcc"] is None


def test_a_refused_address_is_named(settings: Settings) -> None:
    with MailServer(refused=["eve@acme.test"]) as server:
        mails_through(settings, server.port)
        with pytest.raises(NotDelivered, match=r"refused eve@acme\.test"):
            mail.send(a_channel("eve@acme.test"), MESSAGE)


def test_a_server_that_is_away_is_an_error(settings: Settings) -> None:
    mails_through(settings, 9)
    with pytest.raises(NotDelivered, match=r"took no message \(ConnectionRefusedError\)"):
        mail.send(a_channel("ada@acme.test"), MESSAGE)


def test_without_a_server_the_setting_is_named(settings: Settings) -> None:
    settings.EMAIL_URL = ""
    with pytest.raises(NotDelivered, match="EMAIL_URL is not set"):
        mail.send(a_channel("ada@acme.test"), MESSAGE)


@pytest.mark.parametrize(
    ("encrypted", "begins"), [(False, b"220-"), (True, b"\x16\x03\x03\x40\x00")], ids=["greeting", "handshake"]
)
def test_a_server_that_answers_byte_by_byte_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, encrypted: bool, begins: bytes
) -> None:
    monkeypatch.setattr(smtp, "SEND_SECONDS", 0.2)
    with Trickling(begins) as server:
        mails_through(settings, server.port)
        settings.EMAIL_USE_SSL, settings.EMAIL_TIMEOUT = encrypted, 60
        with pytest.raises(NotDelivered, match=r"did not take the message within 0\.2 s"):
            mail.send(a_channel("ada@acme.test"), MESSAGE)
        assert server.heard_out == 0


def test_a_message_that_is_sent_leaves_nothing_behind(settings: Settings) -> None:
    before = threading.active_count()
    with MailServer() as server:
        mails_through(settings, server.port)
        mail.send(a_channel("ada@acme.test"), MESSAGE)
    assert wait_until(lambda: threading.active_count() <= before, 5)
