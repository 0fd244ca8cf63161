"""Which error an HTTP answer means: one to wait for, one to try again, one to tell a person."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from integrations.errors import Passing, Permanent, RateLimited, StageError
from integrations.http_limits import is_limit, wait_seconds

if TYPE_CHECKING:
    from integrations.http import Response

# Timeout and "too early": the only ones below 500 that pass by themselves, besides 429.
_PASSING = frozenset((408, 425))
_HINTS = {
    401: "the site refused the credentials: check the account and its token",
    403: "the account lacks the permission, or its token is limited",
    404: "there is no such thing, the account may not see it, or base_url is wrong",
}
_CAPTCHA = "the site wants a CAPTCHA after failed logins: log in as this account in a browser, once"


def judged(response: "Response") -> "Response":
    """An answer that is one: JSON, with a status below 400. Raises the StageError that it means instead."""
    if response.status >= 400:
        raise error_for(response)
    return of_json(response)


def error_for(response: "Response") -> StageError:
    """The error that a status of 400 and above means, with that status."""
    error = _error_for(response)
    error.status = response.status
    return error


def _error_for(response: "Response") -> StageError:
    status, headers = response.status, response.headers
    message = f"{response.call} answered {status}{_said(response.body)}"
    # A 503 that says when to come back is a limit as well, and a 403 of a spent budget; without that they are failures.
    if status == 429 or (status == 503 and "retry-after" in headers) or (status == 403 and is_limit(headers)):
        reason = headers.get("ratelimit-reason", "")
        return limited(f"{message} ({reason[:100]})" if reason else message, headers)
    if status >= 500 or status in _PASSING:
        return Passing(message)
    # Data Center's word for it: after some failed logins even the right password is refused.
    denied = "CAPTCHA" in headers.get("x-authentication-denied-reason", "").upper()
    hint = _CAPTCHA if denied else _HINTS.get(status)
    return Permanent(f"{message} ({hint})" if hint else message)


def limited(message: str, headers: Mapping[str, str], least_seconds: float | None = None) -> RateLimited:
    """A limit that lasts as long as the headers say; ``least_seconds`` at least, where they say nothing."""
    seconds = wait_seconds(headers)
    if seconds is None:
        return RateLimited(f"{message}: wait, it does not say how long", None, least_seconds)
    return RateLimited(f"{message}: wait {seconds:.0f} s", datetime.now(UTC) + timedelta(seconds=seconds))


def of_json(response: "Response") -> "Response":
    """Raises Permanent where an answer is a page for people: behind a login or a proxy these come with status 200."""
    kind, size = response.headers.get("content-type", "").partition(";")[0].strip().lower(), len(response.body)
    if ("json" in kind or not kind) and not response.body[:64].lstrip().startswith(b"<"):
        return response
    raise Permanent(
        f"{response.call} answered {response.status} with {kind or 'HTML'} instead of JSON ({size} bytes): "
        "a login page or a proxy answered, or base_url is wrong"
    )


def _said(body: bytes) -> str:
    """What the site itself says: ``errorMessages``, ``errors`` by field or each with a message, or a ``message``."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(content, dict):
        return ""
    messages, errors = content.get("errorMessages"), content.get("errors")
    parts = [str(message) for message in messages] if isinstance(messages, list) else []
    parts += [f"{name}: {reason}" for name, reason in errors.items()] if isinstance(errors, dict) else []
    listed = [content, *(errors if isinstance(errors, list) else ())]
    parts += [one["message"] for one in listed if isinstance(one, dict) and isinstance(one.get("message"), str)]
    # The text ends up in a database column, which takes no NUL.
    return f": {'; '.join(parts)[:500]}".replace("\0", "") if parts else ""
