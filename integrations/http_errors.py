"""Which error an HTTP answer means: one to wait for, one to try again, one to tell a person."""

from datetime import UTC, datetime, timedelta

import httpx
import orjson

from integrations.errors import Passing, Permanent, RateLimited, StageError
from integrations.http_limits import wait_seconds

# Timeout and "too early": the only ones below 500 that pass by themselves, besides 429.
_PASSING = frozenset((408, 425))
_HINTS = {
    401: "the site refused the credentials: check the account and its token",
    403: "the account lacks the permission, or its token is limited",
    404: "there is no such thing, the account may not see it, or base_url is wrong",
}
_CAPTCHA = "the site wants a CAPTCHA after failed logins: log in as this account in a browser, once"


def error_for(call: str, answer: httpx.Response, body: bytes) -> StageError:
    """The error that a status of 400 and above means, with that status."""
    error = _error_for(call, answer, body)
    error.status = answer.status_code
    return error


def _error_for(call: str, answer: httpx.Response, body: bytes) -> StageError:
    status = answer.status_code
    message = f"{call} answered {status}{_said(body)}"
    # A 503 that says when to come back is a limit as well; without that it is a failure.
    if status == 429 or (status == 503 and "retry-after" in answer.headers):
        reason = answer.headers.get("ratelimit-reason", "")
        return _limit(f"{message} ({reason[:100]})" if reason else message, wait_seconds(answer.headers))
    if status >= 500 or status in _PASSING:
        return Passing(message)
    # Data Center's word for it: after some failed logins even the right password is refused.
    denied = "CAPTCHA" in answer.headers.get("x-authentication-denied-reason", "").upper()
    hint = _CAPTCHA if denied else _HINTS.get(status)
    return Permanent(f"{message} ({hint})" if hint else message)


def _limit(message: str, seconds: float | None) -> RateLimited:
    if seconds is None:
        return RateLimited(f"{message}: wait, it does not say how long", None)
    return RateLimited(f"{message}: wait {seconds:.0f} s", datetime.now(UTC) + timedelta(seconds=seconds))


def wrong_content(call: str, answer: httpx.Response, body: bytes) -> StageError | None:
    """The error where an answer is a page for people: behind a login or a proxy these come with status 200."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if ("json" in kind or not kind) and not body[:64].lstrip().startswith(b"<"):
        return None
    return Permanent(
        f"{call} answered {answer.status_code} with {kind or 'HTML'} instead of JSON ({len(body)} bytes): "
        "a login page or a proxy answered, or base_url is wrong"
    )


def _said(body: bytes) -> str:
    """What the site itself says: Jira's ``errorMessages`` and ``errors``, or a ``message``."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(content, dict):
        return ""
    messages, errors = content.get("errorMessages"), content.get("errors")
    parts = [str(message) for message in messages] if isinstance(messages, list) else []
    parts += [f"{name}: {reason}" for name, reason in errors.items()] if isinstance(errors, dict) else []
    if isinstance(content.get("message"), str):
        parts.append(content["message"])
    # The text ends up in a database column, which takes no NUL.
    return f": {'; '.join(parts)[:500]}".replace("\0", "") if parts else ""
