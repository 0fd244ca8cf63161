"""What an endpoint's good request is, so that anybody can be made to send it."""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    200 where it names no row. ``viewer`` says whether viewers may; None: where it reads. ``shared`` is what all tenants
    have in common: superusers name none there, and they alone change it.
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

    def __str__(self) -> str:
        return f"{self.method} {self.path}{'?' if self.query else ''}{'&'.join(self.query)}"

    @property
    def for_viewers(self) -> bool:
        return self.method in READING if self.viewer is None else self.viewer

    @property
    def for_superusers(self) -> bool:
        return self.shared and self.method not in READING

    def request(self, rows: Rows) -> "Asked":
        values = self.make(rows)
        return Asked(self.method, self.path.format(**values), filled(self.query, values), filled(self.body, values))


@dataclass(frozen=True)
class Asked:
    """A request, with all values in it."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Mapping[str, Any]

    def with_unknown(self) -> "Asked":
        """The same with a name that no endpoint knows, in the address or the body."""
        more = {"no_such_name": "1"}
        if self.method in (*READING, "DELETE"):
            return Asked(self.method, self.path, {**self.query, **more}, self.body)
        return Asked(self.method, self.path, self.query, {**self.body, **more})

    def within(self, tenant_id: int) -> "Asked":
        """The same with the tenant named."""
        return Asked(self.method, self.path, {**self.query, "tenant_id": tenant_id}, self.body)


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
