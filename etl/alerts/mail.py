"""Channels that are addresses of e-mail."""

import smtplib
import time

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from etl.alerts import smtp
from etl.alerts.errors import NotDelivered
from etl.alerts.messages import Message
from etl.models import AlertChannel

# EMAIL_URL may name others, such as one that prints.
_BOUNDED = {"django.core.mail.backends.smtp.EmailBackend": f"{smtp.__name__}.EmailBackend"}


def send(channel: AlertChannel, message: Message) -> None:
    """Raises NotDelivered, `smtp.SEND_SECONDS` after the server took the connection at the latest."""
    if not settings.EMAIL_URL:
        raise NotDelivered("EMAIL_URL is not set: this installation sends no e-mail")
    # Names may hold what no header takes.
    subject = " ".join(message.title.split())
    way = get_connection(_BOUNDED.get(settings.EMAIL_BACKEND))
    mail = EmailMessage(subject, message.text, settings.DEFAULT_FROM_EMAIL, channel.addresses, connection=way)
    began = time.monotonic()
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        raise NotDelivered(f"the mail server refused {', '.join(error.recipients)}") from error
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        if time.monotonic() - began >= smtp.SEND_SECONDS:
            raise NotDelivered(f"the mail server did not take the message within {smtp.SEND_SECONDS} s") from error
        raise NotDelivered(f"the mail server took no message ({type(error).__name__})") from error
