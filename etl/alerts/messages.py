"""What a channel is told: everything new of one cause, in one message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from etl.models import Alert, Cause

# People read them at one glance; whoever wants all of them looks at Pulse.
SHOWN_ALERTS = 20
SENT_ALERTS = 100
LINE_CHARACTERS = 500
RAISED, AGAIN, RESOLVED, TEST = "raised", "again", "resolved", "test"
_TITLES: Mapping[str, str] = {
    Cause.RUN_FAILED: "failed runs",
    Cause.JOB_OVERDUE: "overdue jobs",
    Cause.DEAD_LETTERS: "growing dead letters",
    Cause.NO_CONSUMER: "work without workers",
}


@dataclass(frozen=True)
class Told:
    """One alert as a message tells of it. ``state`` says whether it is new, happened again or is over."""

    state: str
    subject: str
    message: str
    occurrences: int
    first_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    context: Mapping[str, Any]

    @property
    def line(self) -> str:
        """In one line, for people."""
        times = f" ({self.occurrences} times)" if self.occurrences > 1 else ""
        return f"{self.state}: {' '.join(self.message.split())[:LINE_CHARACTERS]}{times}"


@dataclass(frozen=True)
class Message:
    """All that is new of one cause. ``cause`` is empty in a test message."""

    tenant_id: int
    tenant: str
    cause: str
    title: str
    told: Sequence[Told]

    @property
    def text(self) -> str:
        """Title and lines, for people."""
        lines = [self.title, *(f"- {one.line}" for one in self.told[:SHOWN_ALERTS])]
        if len(self.told) > SHOWN_ALERTS:
            lines.append(f"- and {len(self.told) - SHOWN_ALERTS} more")
        return "\n".join(lines)

    def body(self, sent_at: datetime) -> dict[str, Any]:
        """What a webhook gets as JSON: ``text`` for chats (Slack's form, which others take too), the rest for programs.

        Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
        """
        return {
            "text": slack_text(self.text),
            "tenant": {"id": self.tenant_id, "name": self.tenant},
            "cause": self.cause,
            "sent_at": sent_at,
            "total": len(self.told),
            "alerts": list(self.told[:SENT_ALERTS]),
        }


def slack_text(text: str) -> str:
    """A text in which nothing is markup: a name such as <!channel> would call everybody.

    Source: https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def told_of(alert: Alert, told_until: datetime | None) -> Told:
    """An alert to a channel that knows what happened until then."""
    state = RESOLVED
    if alert.resolved_at is None:
        state = RAISED if told_until is None or alert.first_at > told_until else AGAIN
    return Told(
        state,
        alert.subject,
        alert.message,
        alert.occurrences,
        alert.first_at,
        alert.last_at,
        alert.resolved_at,
        alert.context,
    )


def message_of(tenant_id: int, tenant: str, cause: str, told: Sequence[Told]) -> Message:
    return Message(tenant_id, tenant, cause, f"Pulse, {tenant}: {_TITLES[cause]}", told)


def trial_message(tenant_id: int, tenant: str, channel: str) -> Message:
    """What shows somebody that a channel works."""
    now = timezone.now()
    told = Told(TEST, f"channel {channel}", f"channel {channel} works", 1, now, now, None, {})
    return Message(tenant_id, tenant, "", f"Pulse, {tenant}: test", [told])
