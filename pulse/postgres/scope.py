"""For whom the database is asked: one tenant, all of them, or nobody. Held by PostgreSQL, whatever a query forgets.

Every thread and task begins as nobody, and then no tenant's row is there: neither to be read nor to be written. Code
that works for a tenant says so (`tenant_scope`), the scheduler and the installation's own commands work for all
(`platform_scope`), and only what changes tables is their owner (`owner_scope`). Each scope is a role of PostgreSQL
(see `pulse.postgres.roles`); a connection takes it on before its next statement (see `pulse.postgres.base`).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from pulse.postgres.roles import OWNER, PLATFORM, RUNTIME

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Scope:
    """A role, and what `pulse.tenant` is set to meanwhile: a tenant's id, or nothing."""

    role: str
    tenant: str = ""


_NOBODY = Scope(RUNTIME)
_current: ContextVar[Scope] = ContextVar("scope", default=_NOBODY)


def current() -> Scope:
    return _current.get()


@contextmanager
def _entered(scope: Scope) -> Iterator[None]:
    token = _current.set(scope)
    try:
        yield
    finally:
        _current.reset(token)


def tenant_scope(tenant_id: int) -> AbstractContextManager[None]:
    """Only that tenant's rows are there."""
    return _entered(Scope(RUNTIME, str(int(tenant_id))))


def nobody_scope() -> AbstractContextManager[None]:
    """No tenant's rows are there: where what comes in from outside begins."""
    return _entered(_NOBODY)


def platform_scope() -> AbstractContextManager[None]:
    """All tenants' rows are there: for what the installation does, and for who has yet to be known."""
    return _entered(Scope(PLATFORM))


def owner_scope() -> AbstractContextManager[None]:
    """As the login itself, which the tables belong to: for what makes or changes tables."""
    return _entered(Scope(OWNER))


def in_same_scope(function: Callable[P, T]) -> Callable[P, T]:
    """The function as a thread can call it that is to work for whom this one works now: threads begin as nobody."""
    scope = current()

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with _entered(scope):
            return function(*args, **kwargs)

    return call
