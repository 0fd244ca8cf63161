"""What types mean: saving the tenant's own names and levels of them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from custommapping.models import Wit, WitHierarchy, WitMapping
from custommapping.names import name_problem
from etl.load.wit_mappings import follow_mappings
from etl.mapping.changing import Applied, Seen, changing, doubles, mappings_of, note, refuse, refuse_outdated
from integrations.models import Integration

logger = logging.getLogger(__name__)

LONGEST_NAME = 255


@dataclass(frozen=True)
class WitMeaning:
    """What types of a name are to mean: the tenant's own name, and a level. Without a ``wit_to`` it has no mapping."""

    wit_from: str
    wit_to: str | None
    hierarchy_id: int | None = None


def save_wit_mappings(
    integration: Integration, meanings: Sequence[WitMeaning], *, by: str, seen: Seen | None = None
) -> Applied:
    """Makes the mappings of types of those names what is said, all or none of them; others stay as they are.

    ``by`` says who saves, ``seen`` what that one saw, by the types' names. Raises Refused with all that is wrong, by
    "mappings.<number>.<field>", and Outdated.
    """
    with changing(integration):
        known = mappings_of(WitMapping, integration, "wit_from")
        names = [meaning.wit_from for meaning in meanings]
        changed = [meaning for meaning in meanings if _differs(meaning, known.get(meaning.wit_from))]
        refuse_outdated(names, known, [meaning.wit_from for meaning in changed], seen or {})
        refuse(doubles(names, "wit_from") | _refusals(integration, meanings, known))
        _note(integration, changed, known)
        types = _write(integration, changed)
    logger.info("%s type mappings of integration %s changed by %s", len(changed), integration.pk, by)
    return Applied(len(changed), types)


def _note(integration: Integration, changed: Sequence[WitMeaning], known: Mapping[str, WitMapping]) -> None:
    was = {name: {"wit_to": row.wit_to, "hierarchy_id": row.hierarchy_id} for name, row in known.items()}
    said = {
        one.wit_from: {"wit_to": one.wit_to, "hierarchy_id": one.hierarchy_id} if one.wit_to else None
        for one in changed
    }
    note("type_mappings.saved", integration, was, said)


def _differs(meaning: WitMeaning, known: WitMapping | None) -> bool:
    stands = (known.wit_to, known.hierarchy_id) if known else ("", None)
    return (meaning.wit_to or "", meaning.hierarchy_id) != stands


def _refusals(
    integration: Integration, meanings: Sequence[WitMeaning], known: Mapping[str, WitMapping]
) -> dict[tuple[int, str], str]:
    owner = {"tenant_id": integration.tenant_id, "integration": integration}
    names = {*Wit.objects.filter(**owner).values_list("name", flat=True), *known}
    levels = set(WitHierarchy.objects.filter(tenant_id=integration.tenant_id, active=True).values_list("pk", flat=True))
    errors = {}
    for number, meaning in enumerate(meanings):
        if meaning.wit_from not in names:
            errors[number, "wit_from"] = f"integration {integration.name} has no type {meaning.wit_from!r}"
        if meaning.hierarchy_id is not None and meaning.hierarchy_id not in levels:
            errors[number, "hierarchy_id"] = f"there is no level {meaning.hierarchy_id!r}"
        if problem := _no_name(meaning):
            errors[number, "wit_to"] = problem
    return errors


def _no_name(meaning: WitMeaning) -> str | None:
    if not meaning.wit_to:
        return "must be given where there is a level" if meaning.hierarchy_id is not None else None
    return name_problem(meaning.wit_to, LONGEST_NAME)


def _write(integration: Integration, changed: Sequence[WitMeaning]) -> int:
    """How many types have another mapping, or one that says something else, now."""
    owner = {"tenant_id": integration.tenant_id, "integration_id": integration.pk}
    mappings = WitMapping.objects.filter(**owner)
    removed = mappings.filter(wit_from__in=[meaning.wit_from for meaning in changed if not meaning.wit_to])
    removed.update(active=False)
    rows = [
        WitMapping(**owner, wit_from=meaning.wit_from, wit_to=meaning.wit_to, hierarchy_id=meaning.hierarchy_id)
        for meaning in changed
        if meaning.wit_to
    ]
    WitMapping.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "integration", "wit_from"],
        update_fields=["wit_to", "hierarchy", "active", "last_updated_at"],
    )
    follow_mappings(integration.tenant_id, integration.pk)
    removed.delete()
    return Wit.objects.filter(**owner, name__in=[meaning.wit_from for meaning in changed]).count()
