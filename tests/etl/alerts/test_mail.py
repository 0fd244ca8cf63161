"""Messages by e-mail, to a server that speaks SMTP."""

import pytest
from pytest_django import Settings

from etl.alerts import mail
from etl.alerts.errors import NotDelivered
from etl.alerts.messages import Message
from etl.models import AlertChannel
from tests.support.mail_server import MailServer

MESSAGE = Message(1, "Acme", "run_failed", "Pulse, Acme\nBcc: eve@evil.test: failed runs", [])


def a_channel(*addresses: str) -> AlertChannel:
    return AlertChannel(name="ops", kind=AlertChannel.Kind.EMAIL, target=",".join(addresses))


def use(settings: Settings, port: int) -> None:
    settings.EMAIL_URL = f"smtp://127.0.0.1:{port}"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "pulse@acme.test"


def test_a_message_arrives_and_no_name_becomes_a_header(settings: Settings) -> None:
    with MailServer() as server:
        use(settings, server.port)
        mail.send(a_channel("ada@acme.test"), MESSAGE)
        (received,) = server.received
    assert server.recipients == ["ada@acme.test"]
    assert received["Subject"] == "Pulse, Acme Bcc: eve@evil.test: failed runs"
    assert received["From"] == "pulse@acme.test"
    assert received["Bcc"] is None


def test_a_refused_address_is_named(settings: Settings) -> None:
    with MailServer(refused=["eve@acme.test"]) as server:
        use(settings, server.port)
        with pytest.raises(NotDelivered, match=r"refused eve@acme\.test"):
            mail.send(a_channel("eve@acme.test"), MESSAGE)


def test_a_server_that_is_away_is_an_error(settings: Settings) -> None:
    use(settings, 9)
    with pytest.raises(NotDelivered, match=r"took no message \(ConnectionRefusedError\)"):
        mail.send(a_channel("ada@acme.test"), MESSAGE)


def test_without_a_server_the_setting_is_named(settings: Settings) -> None:
    settings.EMAIL_URL = ""
    with pytest.raises(NotDelivered, match="EMAIL_URL is not set"):
        mail.send(a_channel("ada@acme.test"), MESSAGE)
