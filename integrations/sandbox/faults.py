"""Deliberate bad answers. A test gives Faults to the server and may change them while it runs."""

import threading
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

from integrations.sandbox.damage import DAMAGES, Damage
from integrations.sandbox.http import ApiError, Cut, Request, Response
from integrations.sandbox.quota import Quota, minute

LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form method='post'></form></body></html>"
GATEWAY_RESET_SECONDS = 60


class Throttle(StrEnum):
    """What a 429 says of when to come again.

    RETRY_AFTER: `Retry-After` in seconds, as Jira itself answers. RESET: only `X-RateLimit-Reset`, an ISO 8601 time
    without seconds, as its gateway does. BARE: nothing at all.
    """

    RETRY_AFTER = "retry-after"
    RESET = "reset"
    BARE = "bare"


class Createmeta(StrEnum):
    """In which calls a Jira tells what an issue may be created with: pages, as sites do today, all at once, as they did
    once, or in none.
    """

    PAGED = "paged"
    WHOLE = "whole"
    NONE = "none"


@dataclass(slots=True)
class Faults:
    """All off by default. Paths are prefixes ("" is every path).

    Whole numbers `..._first` go down by one with each bad answer given; `..._every` = n means each nth call; shares are
    probabilities from 0 to 1, drawn from `seed`, the call and how often it came before: the order in which several
    clients call changes nothing. All of them and the delays concern the paths under `only_under`.
    """

    html_under: str | None = None
    cut_under: str | None = None
    repeat_token: bool = False
    issues: dict[str, Damage] = field(default_factory=dict)
    fail_first: int = 0
    fail_status: int = 500
    throttle_first: int = 0
    throttle_every: int = 0
    throttle: Throttle = Throttle.RETRY_AFTER
    retry_after: int = 1
    reset_seconds: int = GATEWAY_RESET_SECONDS
    # A 503 that says when to come again.
    unavailable_every: int = 0
    unavailable_seconds: int = 1
    error_share: float = 0
    # Half of the cut connections end before the head, half within the body.
    lost_share: float = 0
    # Calls in a window of the clock: every answer says how many are left, what exceeds them is a 429.
    quota: int = 0
    quota_seconds: int = 60
    delay_seconds: float = 0
    # Added at random, from nothing to this.
    jitter_seconds: float = 0
    short_share: float = 0
    # How many pages of one query the page tokens are good for; 0: all.
    token_pages: int = 0
    # A change is found by search only after so many searches and seconds of the site's clock.
    late_calls: int = 0
    late_seconds: float = 0
    forbidden_projects: Collection[str] = ()
    # Permissions that the account does not have, such as CREATE_ISSUES.
    lacking: Collection[str] = ()
    # Prefixes of paths that this site does not have: 404.
    missing: Collection[str] = ()
    createmeta: Createmeta = Createmeta.PAGED
    only_under: str = ""
    seed: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _calls: int = field(default=0, repr=False)
    _seen: Counter[str] = field(default_factory=Counter, repr=False)
    _quota: Quota = field(default_factory=Quota, repr=False)

    def delay(self, request: Request) -> float:
        if not request.path.startswith(self.only_under):
            return 0
        jitter = self._random(f"{_named(request)}/delay").random() if self.jitter_seconds else 0
        return self.delay_seconds + jitter * self.jitter_seconds

    def instead(self, request: Request, now: float, *, is_data_center: bool = False) -> Response | None:
        """The bad answer to give in place of the real one, if any; `now` in epoch seconds."""
        if self.html_under is not None and request.path.startswith(self.html_under):
            return Response(200, LOGIN_PAGE, "text/html;charset=UTF-8")
        if any(request.path.startswith(prefix) for prefix in self.missing):
            return self._error(404, f"No such path: {request.path}")
        if not request.path.startswith(self.only_under):
            return None
        refusal = self._refusal(request, now)
        return refusal and self._limited(refusal, is_data_center)

    def _refusal(self, request: Request, now: float) -> Response | None:
        with self._lock:
            self._calls += 1
            calls = self._calls
            if self.fail_first > 0:
                self.fail_first -= 1
                return self._error(self.fail_status, "Internal server error")
            if self.throttle_first > 0:
                self.throttle_first -= 1
                return self._throttled(now)
            if self.quota and not self._quota.count(self.quota, self.quota_seconds, now):
                return self._exhausted(now)
        if self.throttle_every and calls % self.throttle_every == 0:
            return self._throttled(now)
        if self.unavailable_every and calls % self.unavailable_every == 0:
            return self._unavailable()
        if self.error_share and self._random(f"{_named(request)}/error").random() < self.error_share:
            return self._error(500, "Internal server error")
        return None

    def _error(self, status: int, message: str) -> Response:
        """An error in the words of the site: another kind of site has others."""
        return ApiError(status, message).response()

    def _throttled(self, now: float) -> Response:
        headers: dict[str, str] = {}
        if self.throttle is Throttle.RETRY_AFTER:
            headers = {"Retry-After": str(self.retry_after), "RateLimit-Reason": "jira-burst-based"}
            headers |= {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0"}
        elif self.throttle is Throttle.RESET:
            headers = {"X-RateLimit-Reset": minute(now + self.reset_seconds)}
        return Response(429, ApiError(429, "Rate limit exceeded.").response().body, headers=headers)

    def _exhausted(self, now: float) -> Response:
        wait = self._quota.wait(self.quota_seconds, now)
        headers = {"Retry-After": str(wait), "RateLimit-Reason": "jira-quota-tenant-based"}
        return Response(429, ApiError(429, "Rate limit exceeded.").response().body, headers=headers)

    def _unavailable(self) -> Response:
        headers = {"Retry-After": str(self.unavailable_seconds)}
        return Response(503, ApiError(503, "Service unavailable").response().body, headers=headers)

    def after(self, request: Request, response: Response, *, is_data_center: bool = False) -> Response:
        """The real answer with what is done to it."""
        if self.cut_under is not None and request.path.startswith(self.cut_under):
            half = response.body[: len(response.body) // 2]
            response = Response(response.status, half, response.content_type, response.headers)
        if not request.path.startswith(self.only_under):
            return response
        return self._limited(self._lost(request, response), is_data_center)

    def _lost(self, request: Request, response: Response) -> Response:
        if not self.lost_share:
            return response
        roll = self._random(f"{_named(request)}/lost").random()
        if roll >= self.lost_share:
            return response
        return replace(response, cut=Cut.BEFORE_HEAD if roll < self.lost_share / 2 else Cut.WITHIN_BODY)

    def _limited(self, response: Response, is_data_center: bool) -> Response:
        """What a site with a limit says of it in every answer."""
        if not self.quota:
            return response
        with self._lock:
            headers = self._quota.headers(self.quota, self.quota_seconds, is_data_center=is_data_center)
        return replace(response, headers=headers | response.headers)

    def page_size(self, most: int, page: str) -> int:
        """How many of at most `most` a page holds: fewer, with the probability `short_share`."""
        if not self.short_share or most < 2:
            return most
        # By page alone: the same page asked for again is as short.
        random = Random(f"{self.seed}/{page}")
        return random.randint(1, most - 1) if random.random() < self.short_share else most

    def forbidden(self) -> frozenset[str]:
        """Keys of the projects that the account may not browse."""
        return frozenset(self.forbidden_projects)

    def forbids(self, project: str) -> bool:
        return project in self.forbidden_projects

    def damaged(self, key: str, issue: bytes) -> bytes:
        """The issue's JSON with what `issues` says about its key."""
        return DAMAGES[self.issues[key]](issue) if key in self.issues else issue

    def _random(self, call: str) -> Random:
        """Another draw each time a call comes again, or a client that asks again would fail for ever."""
        with self._lock:
            self._seen[call] += 1
            return Random(f"{self.seed}/{call}/{self._seen[call]}")


def _named(request: Request) -> str:
    return f"{request.method} {request.path} {sorted(request.query.items())} {request.body!r}"
