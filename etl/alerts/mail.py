"""Channels that are addresses of e-mail."""

import smtplib

from django.conf import settings
from django.core.mail import EmailMessage

from etl.alerts.errors import NotDelivered
from etl.alerts.messages import Message
from etl.models import AlertChannel


def send(channel: AlertChannel, message: Message) -> None:
    """Raises NotDelivered. Each call to the server is bounded by settings.EMAIL_TIMEOUT."""
    if not settings.EMAIL_URL:
        raise NotDelivered("EMAIL_URL is not set: this installation sends no e-mail")
    # Names may hold what no header takes.
    subject = " ".join(message.title.split())
    mail = EmailMessage(subject, message.text, settings.DEFAULT_FROM_EMAIL, channel.addresses)
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        raise NotDelivered(f"the mail server refused {', '.join(error.recipients)}") from error
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise NotDelivered(f"the mail server took no message ({type(error).__name__})") from error
