"""The levels that types stand on: a tenant's own, each with a name and a number."""

import logging
from datetime import datetime

from django.db import transaction

from custommapping.errors import Refused
from custommapping.models import WitHierarchy, WitMapping
from custommapping.names import name_problem
from etl.mapping.changing import as_seen, changing, lock_tenant
from integrations.models import Integration
from pulse.tenancy import audit
from pulse.tenancy.models import Tenant

logger = logging.getLogger(__name__)

LONGEST_NAME = 100
HIGHEST = 1000
_SAID = ("name", "level")


def save_hierarchy(
    tenant: Tenant,
    name: str,
    level: int,
    *,
    by: str,
    known: WitHierarchy | None = None,
    seen: datetime | None = None,
) -> WitHierarchy:
    """Makes a level, or gives the ``known`` one that name and number; higher ones contain lower ones.

    ``seen`` is when that one was last updated as who saves saw it. Raises Refused and Outdated.
    """
    with transaction.atomic():
        lock_tenant(tenant.pk)
        row = as_seen(tenant.pk, known, seen) if known else WitHierarchy(tenant=tenant)
        if errors := _refusals(tenant, name, level, row.pk):
            raise Refused(errors)
        if (row.name, row.level, row.active) != (name, level, True):
            before = audit.values(row, _SAID) if row.pk else {}
            row.name, row.level, row.active = name, level, True
            row.save()
            audit.note("level.saved", row, audit.differences(before, audit.values(row, _SAID)))
            logger.info("level %s of tenant %s saved by %s", row.pk, tenant.pk, by)
    return row


def _refusals(tenant: Tenant, name: str, level: int, pk: int | None) -> dict[str, str]:
    others = list(WitHierarchy.objects.filter(tenant=tenant).exclude(pk=pk or 0))
    errors = {}
    if problem := name_problem(name, LONGEST_NAME):
        errors["name"] = problem
    elif other := next((row for row in others if row.name.casefold() == name.casefold()), None):
        errors["name"] = f"level {other.level} is called {other.name!r} already"
    if isinstance(level, bool) or not isinstance(level, int) or abs(level) > HIGHEST:
        errors["level"] = f"{level!r} must be a number from -{HIGHEST} to {HIGHEST}"
    elif other := next((row for row in others if row.level == level), None):
        errors["level"] = f"{level} is the level of {other.name!r} already"
    return errors


def delete_hierarchy(known: WitHierarchy, *, by: str, seen: datetime | None = None, force: bool = False) -> None:
    """Deletes a level. Raises Refused where types stand on it, unless by ``force``: they stand on none then."""
    with transaction.atomic():
        lock_tenant(known.tenant_id)
        row = as_seen(known.tenant_id, known, seen)
        used = list(WitMapping.objects.filter(hierarchy=row, active=True).order_by("wit_from"))
        if used and not force:
            names = ", ".join(dict.fromkeys(mapping.wit_from for mapping in used))
            raise Refused(
                {"force": f"types stand on {row.name!r}: {names}. Give them another level first, or force it"}
            )
        # One after the other in one order, as everybody who locks several.
        owners = {mapping.integration_id for mapping in used}
        for integration in Integration.objects.filter(pk__in=owners).order_by("pk"):
            with changing(integration):
                WitMapping.objects.filter(integration=integration, hierarchy=row).update(hierarchy=None)
        audit.note("level.deleted", row, audit.differences(audit.values(row, _SAID), {}))
        row.delete()
    logger.info("level %s of tenant %s deleted by %s", known.pk, known.tenant_id, by)
