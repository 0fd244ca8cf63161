"""Deliberate bad answers. A test gives Faults to the server and may change them while it runs."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import orjson

from integrations.sandbox.http import ApiError, Request, Response

LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form method='post'></form></body></html>"
HUGE_TEXT_BYTES = 6_000_000
GATEWAY_RESET_SECONDS = 60
# The first field of every issue, so the first match is the issue's own summary and not its parent's.
_SUMMARY = b'"fields":{"summary":"'


class Damage(StrEnum):
    """What can be wrong with one issue among good ones. The last three are valid JSON that databases refuse."""

    NO_FIELDS = "no_fields"
    FIELDS_LIST = "fields_list"
    BAD_CREATED = "bad_created"
    NOT_AN_OBJECT = "not_an_object"
    HUGE = "huge"
    NUL = "nul"
    LONE_SURROGATE = "lone_surrogate"
    ESCAPED_BACKSLASH = "escaped_backslash"


@dataclass(slots=True)
class Faults:
    """All off by default. Paths are prefixes ("" is every path); counts go down by one with each bad answer given.

    `fail_first`, `throttle_first` and `delay_seconds` concern the paths under `only_under`. `issues`: damage by key.
    """

    html_under: str | None = None
    cut_under: str | None = None
    repeat_token: bool = False
    issues: dict[str, Damage] = field(default_factory=dict)
    fail_first: int = 0
    fail_status: int = 500
    throttle_first: int = 0
    retry_after: int | None = None
    forbidden_project: str | None = None
    delay_seconds: float = 0
    only_under: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def delay(self, request: Request) -> float:
        return self.delay_seconds if request.path.startswith(self.only_under) else 0

    def instead(self, request: Request, now: float) -> Response | None:
        """The bad answer to give in place of the real one, if any; `now` in epoch seconds."""
        if self.html_under is not None and request.path.startswith(self.html_under):
            return Response(200, LOGIN_PAGE, "text/html;charset=UTF-8")
        if not request.path.startswith(self.only_under):
            return None
        with self._lock:
            if self.fail_first > 0:
                self.fail_first -= 1
                return ApiError(self.fail_status, "Internal server error").response()
            if self.throttle_first > 0:
                self.throttle_first -= 1
                return self._throttled(now)
        return None

    def _throttled(self, now: float) -> Response:
        """With Retry-After as Jira itself answers, without as its gateway does."""
        if self.retry_after is None:
            reset = datetime.fromtimestamp(now + GATEWAY_RESET_SECONDS, UTC)
            # No seconds in it, as the field was seen.
            headers = {"X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%MZ}"}
        else:
            headers = {"Retry-After": str(self.retry_after), "RateLimit-Reason": "jira-burst-based"}
            headers |= {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0"}
        return Response(429, ApiError(429, "Rate limit exceeded.").response().body, headers=headers)

    def after(self, request: Request, response: Response) -> Response:
        if self.cut_under is None or not request.path.startswith(self.cut_under):
            return response
        return Response(
            response.status, response.body[: len(response.body) // 2], response.content_type, response.headers
        )

    def damaged(self, key: str, issue: bytes) -> bytes:
        """The issue's JSON with what `issues` says about its key."""
        return DAMAGES[self.issues[key]](issue) if key in self.issues else issue


def _without_fields(issue: bytes) -> bytes:
    return orjson.dumps({name: value for name, value in orjson.loads(issue).items() if name != "fields"})


def _fields_as_list(issue: bytes) -> bytes:
    return orjson.dumps(orjson.loads(issue) | {"fields": ["summary", "created"]})


def _created_yesterday(issue: bytes) -> bytes:
    whole = orjson.loads(issue)
    return orjson.dumps(whole | {"fields": whole["fields"] | {"created": "yesterday"}})


def _huge(issue: bytes) -> bytes:
    whole = orjson.loads(issue)
    node = {"type": "paragraph", "content": [{"type": "text", "text": "log line " * (HUGE_TEXT_BYTES // 9 + 1)}]}
    body = {"version": 1, "type": "doc", "content": [node]}
    return orjson.dumps(whole | {"fields": whole["fields"] | {"description": body}})


def _summary_with(escaped: bytes) -> Callable[[bytes], bytes]:
    """Works on the bytes: no JSON writer would write these."""
    return lambda issue: issue.replace(_SUMMARY, _SUMMARY + escaped, 1)


DAMAGES: dict[Damage, Callable[[bytes], bytes]] = {
    Damage.NO_FIELDS: _without_fields,
    Damage.FIELDS_LIST: _fields_as_list,
    Damage.BAD_CREATED: _created_yesterday,
    Damage.NOT_AN_OBJECT: lambda issue: b'"gone"',
    Damage.HUGE: _huge,
    Damage.NUL: _summary_with(rb"be\u0000fore "),
    Damage.LONE_SURROGATE: _summary_with(rb"be\ud83dfore "),
    Damage.ESCAPED_BACKSLASH: _summary_with(rb"C:\\u0000 "),
}
