"""Channels that are web addresses: signed JSON, which chats take as well."""

import asyncio
import hashlib
import hmac
from datetime import datetime

import httpx
import orjson

from etl.alerts.errors import NotDelivered
from etl.alerts.messages import Message
from etl.models import AlertChannel
from integrations.errors import ForbiddenHost
from integrations.outgoing import guarded

# For the whole call, whatever the receiver does meanwhile.
CALL_SECONDS = 10
SIGNATURE_HEADER = "X-Pulse-Signature"
TIMESTAMP_HEADER = "X-Pulse-Timestamp"


def signature(key: str, timestamp: str, body: bytes) -> str:
    """What a receiver compares: the HMAC of the timestamp, a dot and the body, under the channel's key."""
    return "sha256=" + hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def headers(key: str, timestamp: str, body: bytes) -> dict[str, str]:
    """Without a key nothing is signed: chats have no use for it."""
    signed = {SIGNATURE_HEADER: signature(key, timestamp, body)} if key else {}
    return {"Content-Type": "application/json", "User-Agent": "Pulse", TIMESTAMP_HEADER: timestamp, **signed}


async def post(channel: AlertChannel, message: Message, sent_at: datetime) -> None:
    """Raises NotDelivered, which shows neither the address's path nor what was answered."""
    body = orjson.dumps(message.body(sent_at))
    sent = headers(channel.key, str(int(sent_at.timestamp())), body)
    try:
        status = await asyncio.wait_for(_posted(channel.target, body, sent), CALL_SECONDS)
    except TimeoutError as error:
        raise NotDelivered(f"{channel.shown_target} did not answer within {CALL_SECONDS} s") from error
    except ForbiddenHost as error:
        raise NotDelivered(f"{channel.shown_target} was not called: {error}") from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise NotDelivered(f"{channel.shown_target} could not be reached ({type(error).__name__})") from error
    if not 200 <= status < 300:
        raise NotDelivered(f"{channel.shown_target} answered {status}")


async def _posted(target: str, body: bytes, sent: dict[str, str]) -> int:
    """The answer's status. No redirect is followed: the address was chosen by a person, where it leads to was not."""
    # The bound is the caller's: httpx knows only some for each part of a call.
    async with (
        guarded(httpx.AsyncClient(timeout=None, follow_redirects=False)) as client,  # noqa: S113
        client.stream("POST", target, content=body, headers=sent) as answer,
    ):
        return answer.status_code
