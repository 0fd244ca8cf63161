"""Changing what statuses and types mean: alone in the tenant, and alone with the integration's loads."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import transaction

from custommapping.errors import Outdated, Refused
from etl.mapping import fingerprints
from etl.sql import execute
from etl.transform import categories
from integrations.models import Integration
from pulse.tenancy import audit
from pulse.tenancy.models import TenantOwned

M = TypeVar("M", bound=TenantOwned)

Seen = Mapping[str, datetime | None]
"""When mappings were last updated as who saves saw them, by what they map; None where there was none. What does not
stand there is not compared.
"""

Said = Mapping[str, Mapping[str, object] | None]


@dataclass(frozen=True)
class Applied:
    """So many ``mappings`` were written or removed; ``rows`` is how many loaded rows have other values by that.

    Of statuses these are work items, whose metrics are others; of types the types of those names.
    """

    mappings: int
    rows: int


def lock_tenant(tenant_id: int) -> None:
    """Until the transaction's end: levels, workflows and the mappings that name them are changed by one at a time."""
    execute("SELECT pg_advisory_xact_lock(hashtext('pulse meanings'), %s)", [tenant_id])


@contextmanager
def changing(integration: Integration) -> Iterator[None]:
    """A transaction that changes mappings, and applies them to what is loaded: what was current remains current.

    No load of the integration is under way in it, and none begins before it has ended.
    """
    with transaction.atomic():
        lock_tenant(integration.tenant_id)
        categories.lock(integration.pk, exclusive=True)
        before = fingerprints.current(integration)
        yield
        if fingerprints.current(integration) != before:
            fingerprints.carry_over(integration, before)


def note(action: str, integration: Integration, stood: Said, said: Said) -> None:
    """Notes which mappings are said now, by what they map, beside what stood there; None where one is removed."""
    if said:
        audit.note(action, integration, audit.differences({name: stood.get(name) for name in said}, said))


def refuse(errors: Mapping[tuple[int, str], str]) -> None:
    """Raises Refused where there are errors, each of a field of one of the mappings that are to be saved."""
    if errors:
        raise Refused({f"mappings.{number}.{field}": message for (number, field), message in errors.items()})


def mappings_of(model: type[M], integration: Integration, key: str) -> dict[str, M]:
    """The integration's active mappings of a kind, by what they map, which the column ``key`` says."""
    rows = model._default_manager.filter(tenant_id=integration.tenant_id, integration=integration, active=True)
    return {getattr(row, key): row for row in rows}


def refuse_outdated(names: Sequence[str], known: Mapping[str, M], changed: Sequence[str], seen: Seen) -> None:
    """Raises Outdated where what is to be changed is not any more as who saves saw it."""
    stands = {name: row.last_updated_at for name, row in known.items()}
    outdated = {name for name in changed if name in seen and seen[name] != stands.get(name)}
    if outdated:
        errors = {number: name for number, name in enumerate(names) if name in outdated}
        raise Outdated(
            {f"mappings.{number}": f"somebody else changed {name!r} meanwhile" for number, name in errors.items()}
        )


def doubles(names: Sequence[str], field: str) -> dict[tuple[int, str], str]:
    """Errors of those that name what another one before them has named."""
    first = {name: number for number, name in reversed(list(enumerate(names)))}
    return {
        (number, field): f"{name!r} stands there twice" for number, name in enumerate(names) if first[name] != number
    }


def as_seen(tenant_id: int, row: M, seen: datetime | None) -> M:
    """The tenant's row as it stands, under its lock.

    Raises Outdated where it is gone, or was not last updated when ``seen`` says, if that does.
    """
    found = type(row)._default_manager.filter(pk=row.pk, tenant_id=tenant_id).first()
    if found is None:
        raise Outdated({"id": f"somebody else deleted {row} meanwhile"})
    if seen is not None and found.last_updated_at != seen:
        raise Outdated({"last_updated_at": f"somebody else changed {found} meanwhile"})
    return found
