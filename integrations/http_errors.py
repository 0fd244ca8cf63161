"""Which error an HTTP answer means: one to wait for, one to try again, one to tell a person."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import orjson

from integrations.errors import Permanent, RateLimited, StageError, Transient

DEFAULT_WAIT_SECONDS = 60
# A header that says more is taken for nonsense: a unit must not be parked for years.
LONGEST_WAIT_SECONDS = 24 * 3600
# Timeout and "too early": the only ones below 500 that pass by themselves, besides 429.
_PASSING = frozenset((408, 425))
_HINTS = {
    401: "the site refused the credentials: check the account and its token",
    403: "the account lacks the permission, or its token is limited",
    404: "there is no such thing, the account may not see it, or base_url is wrong",
}
_number = re.compile(r"\d{1,15}(\.\d*)?")


def error_for(call: str, answer: httpx.Response, body: bytes) -> StageError:
    """The error that a status of 400 and above means. Reads the waiting time from the headers."""
    status = answer.status_code
    # A 503 that says when to come back is a limit as well; without that it is a failure.
    message = f"{call} answered {status}{_said(body)}"
    if status == 429 or (status == 503 and "retry-after" in answer.headers):
        seconds = wait_seconds(answer.headers)
        return RateLimited(f"{message}: wait {seconds:.0f} s", datetime.now(UTC) + timedelta(seconds=seconds))
    if status >= 500 or status in _PASSING:
        return Transient(message)
    hint = _HINTS.get(status)
    return Permanent(f"{message} ({hint})" if hint else message)


def wrong_content(call: str, answer: httpx.Response, body: bytes) -> StageError | None:
    """The error where an answer is a page for people: behind a login or a proxy these come with status 200."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if ("json" in kind or not kind) and not body[:64].lstrip().startswith(b"<"):
        return None
    return Permanent(
        f"{call} answered {answer.status_code} with {kind or 'HTML'} instead of JSON ({len(body)} bytes): "
        "a login page or a proxy answered, or base_url is wrong"
    )


def source_time(headers: httpx.Headers) -> datetime | None:
    """The site's own clock, from the Date header."""
    return _http_date(headers.get("date", ""))


def wait_seconds(headers: httpx.Headers) -> float:
    """How long the site asks to wait.

    Reads ``Retry-After`` (seconds or an HTTP date), else ``X-RateLimit-Reset`` (epoch seconds, or ISO 8601 that
    Jira writes without seconds). Dates are compared with the site's own clock. A minute where nothing is said.
    """
    retry_after = headers.get("retry-after", "").strip()
    if _number.fullmatch(retry_after):
        return min(float(retry_after), LONGEST_WAIT_SECONDS)
    until = _http_date(retry_after) or _reset_time(headers.get("x-ratelimit-reset", "").strip())
    if until is None:
        return DEFAULT_WAIT_SECONDS
    seconds = (until - (source_time(headers) or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


def _reset_time(text: str) -> datetime | None:
    try:
        found = datetime.fromtimestamp(float(text), UTC) if _number.fullmatch(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


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
