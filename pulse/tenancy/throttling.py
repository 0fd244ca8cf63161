"""How often: requests of a tenant and of a key, and tries to log in.

Each web process counts for itself, in memory: a request costs no write, and who tries passwords cannot fill a table. So
with n processes up to n times as much gets through, and a process that begins anew begins to count anew.
"""

import ipaddress
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from pulse.tenancy.addresses import client_address
from pulse.tenancy.models import ApiKey
from pulse.tenancy.scoping import person

MINUTE = 60
MOST_KEPT = 100_000
# An address may be many people's, and a name may be tried from many addresses: so many times the tries of one at one.
TOGETHER = 10
# As much of an IPv6 address as one customer of a provider has for themselves at least.
IPV6_NETWORK = 64


class Allowances:
    """What many spend, each from an allowance that fills again evenly: ``most`` at once, all of it in ``seconds``.

    Of each, by name, one number is kept: when its allowance will be full (the generic cell rate algorithm).
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._full_at: dict[str, float] = {}

    def spend(self, name: str, most: int, seconds: float) -> float:
        """Spends one: 0. Where nothing is left: in how many seconds there will be one."""
        each = seconds / most
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at.get(name, now), now)
            wait = full_at + each - now - seconds
            # One that is due within a microsecond is there: sums of fractions are never exact.
            if wait > 1e-6:
                return wait
            self._full_at[name] = full_at + each
            if len(self._full_at) > MOST_KEPT:
                self._forget(now)
        return 0

    def give_back(self, name: str, most: int, seconds: float) -> None:
        """What was spent last was none."""
        with self._lock:
            if name in self._full_at:
                self._full_at[name] -= seconds / most

    def _forget(self, now: float) -> None:
        """Those that are full, and where that is too few the half that will be so first."""
        kept = sorted((full_at, name) for name, full_at in self._full_at.items() if full_at > now)
        self._full_at = {name: full_at for full_at, name in kept[-MOST_KEPT // 2 :]}


requests = Allowances()
logins = Allowances()


# Requests


class _PerMinute(BaseThrottle):
    """``setting`` names how many requests a minute there may be; 0: any number."""

    setting: ClassVar[str]
    _wait: float = 0

    def whose(self, request: Request) -> str:
        """Who shares the allowance; "" for nobody."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        name, most = self.whose(request), getattr(settings, self.setting)
        if name and most:
            self._wait = requests.spend(name, most, MINUTE)
        return not self._wait

    def wait(self) -> float:
        return self._wait


class TenantThrottle(_PerMinute):
    """All that a tenant's people and programs ask for. Superusers have an allowance each."""

    setting = "API_REQUESTS_PER_MINUTE"

    def whose(self, request: Request) -> str:
        user = person(request)
        return f"user {user.pk}" if user.is_superuser else f"tenant {user.tenant_id}"


class KeyThrottle(_PerMinute):
    """What is asked for with one API key: a program that runs wild leaves something for the others."""

    setting = "API_REQUESTS_PER_KEY_PER_MINUTE"

    def whose(self, request: Request) -> str:
        return f"key {request.auth.pk}" if isinstance(request.auth, ApiKey) else ""


# Logins


class TooManyTries(ValidationError):
    """Who tries to log in has failed too often. ``wait`` is in how many seconds there is another try."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        super().__init__(f"there were too many tries to log in: try again in {max(1, round(wait / MINUTE))} minutes")


class Try:
    """A try to log in. One that succeeds costs nothing."""

    def __init__(self, request: Any, username: str) -> None:
        name, most = username.casefold(), settings.LOGIN_TRIES
        where = _network(client_address(request) if request is not None else None)
        self._limits = {
            f"name {name} at {where}": most,
            f"at {where}": most * TOGETHER,
            f"name {name}": most * TOGETHER,
        }

    def begin(self) -> None:
        """Raises TooManyTries. It is paid for before the password is looked at: many may be tried side by side."""
        for name, most in self._limits.items():
            wait = logins.spend(name, most, settings.LOGIN_MINUTES * MINUTE) if most else 0
            if wait:
                raise TooManyTries(wait)

    def succeeded(self) -> None:
        for name, most in self._limits.items():
            if most:
                logins.give_back(name, most, settings.LOGIN_MINUTES * MINUTE)


def _network(address: str | None) -> str:
    if address is None or ipaddress.ip_address(address).version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))
