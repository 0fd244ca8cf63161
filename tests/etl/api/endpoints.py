"""What an endpoint's good request is, so that anybody can be made to send it."""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from tests.etl.admin.rows import Rows
from tests.etl.api import cases

READING = ("GET",)


def nothing(rows: Rows) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Case:
    """One method of one endpoint under /app/etl/, as the owner of the rows would ask.

    ``make`` makes rows of a tenant and names values; "{name}" in the path, and as a whole text anywhere in query and
    body, stands for one. ``stranger`` is the status that the same request has for an administrator of another tenant:
    200 where it names no row. ``viewer`` says whether viewers may; None: where it reads. ``administrator``: nobody less
    may. ``shared`` is what all tenants have in common: superusers name none there, and they alone change it; with
    ``superusers`` they alone read it too. ``sent`` is a body that is no JSON, with its type; ``answers`` is the type of
    the answer.
    """

    method: str
    path: str
    make: Callable[[Rows], Mapping[str, Any]] = nothing
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    stranger: int = 404
    viewer: bool | None = None
    shared: bool = False
    administrator: bool = False
    superusers: bool = False
    sent: tuple[bytes, str] | None = None
    answers: str = "application/json"

    def __str__(self) -> str:
        return f"{self.method} {self.path}{'?' if self.query else ''}{'&'.join(self.query)}"

    @property
    def for_viewers(self) -> bool:
        if self.administrator:
            return False
        return self.method in READING if self.viewer is None else self.viewer

    @property
    def for_superusers(self) -> bool:
        return self.superusers or (self.shared and self.method not in READING)

    def request(self, rows: Rows) -> "Asked":
        values = self.make(rows)
        path, query, body = self.path.format(**values), filled(self.query, values), filled(self.body, values)
        return Asked(self.method, path, query, body, self.sent)


@dataclass(frozen=True)
class Asked:
    """A request, with all values in it."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    sent: tuple[bytes, str] | None = None

    def with_unknown(self) -> "Asked":
        """The same with a name that no endpoint knows, in the address or the body."""
        more = {"no_such_name": "1"}
        if self.method in (*READING, "DELETE") or self.sent:
            return replace(self, query={**self.query, **more})
        return replace(self, body={**self.body, **more})

    def within(self, tenant_id: int) -> "Asked":
        """The same with the tenant named."""
        return replace(self, query={**self.query, "tenant_id": tenant_id})


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """The value with what stands for another replaced, at any depth."""
    if isinstance(value, str) and value[:1] + value[-1:] == "{}":
        return values[value[1:-1]]
    if isinstance(value, Mapping):
        return {filled(key, values): filled(inner, values) for key, inner in value.items()}
    return [filled(inner, values) for inner in value] if isinstance(value, list) else value


def all_cases() -> list[Case]:
    names = sorted(module.name for module in pkgutil.iter_modules(cases.__path__))
    return [case for name in names for case in import_module(f"{cases.__name__}.{name}").CASES]
