"""What statuses mean: saving the tenant's mappings of them, and recomputing the metrics that depend on these."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from custommapping.models import Status, StatusMapping
from custommapping.workflows import steps_of, workflows_of
from etl.mapping.changing import Applied, Seen, changing, doubles, mappings_of, note, refuse, refuse_outdated
from etl.transform import categories
from integrations.models import Integration
from integrations.records import Category

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StatusMeaning:
    """What a status is to mean. Without a ``category`` it has no mapping, and the source's category counts."""

    status_external_id: str
    category: str | None
    flow_step: str = ""


def save_status_mappings(
    integration: Integration, meanings: Sequence[StatusMeaning], *, by: str, seen: Seen | None = None
) -> Applied:
    """Makes the mappings of those statuses what is said, all or none of them; others stay as they are.

    ``by`` says who saves, ``seen`` what that one saw, by the statuses' source ids. Raises Refused with all that is
    wrong, by "mappings.<number>.<field>", and Outdated.
    """
    with changing(integration):
        known = mappings_of(StatusMapping, integration, "status_external_id")
        names = [meaning.status_external_id for meaning in meanings]
        changed = [meaning for meaning in meanings if _differs(meaning, known.get(meaning.status_external_id))]
        refuse_outdated(names, known, [meaning.status_external_id for meaning in changed], seen or {})
        refuse(doubles(names, "status_external_id") | _refusals(integration, meanings, known))
        before = categories.read_categories(integration.tenant_id, integration.pk)
        _note(integration, changed, known)
        _write(integration, changed)
        after = categories.read_categories(integration.tenant_id, integration.pk)
        moved = categories.changed(before, after)
        items = categories.recompute(integration.tenant_id, integration.pk, moved, after) if moved else 0
    logger.info("%s status mappings of integration %s changed by %s", len(changed), integration.pk, by)
    return Applied(len(changed), items)


def _note(integration: Integration, changed: Sequence[StatusMeaning], known: Mapping[str, StatusMapping]) -> None:
    was = {name: {"category": row.category, "flow_step": row.flow_step} for name, row in known.items()}
    said = {
        one.status_external_id: {"category": one.category, "flow_step": one.flow_step} if one.category else None
        for one in changed
    }
    note("status_mappings.saved", integration, was, said)


def _differs(meaning: StatusMeaning, known: StatusMapping | None) -> bool:
    stands = (known.category, known.flow_step) if known else ("", "")
    return (meaning.category or "", meaning.flow_step) != stands


def _refusals(
    integration: Integration, meanings: Sequence[StatusMeaning], known: Mapping[str, StatusMapping]
) -> dict[tuple[int, str], str]:
    """What is wrong with each. A step that stands there already is not looked at again."""
    # All of them: what was asked for may be no text that PostgreSQL would compare.
    rows = Status.objects.filter(tenant_id=integration.tenant_id, integration=integration)
    statuses = {row.external_id: row for row in rows}
    stepping = {meaning.status_external_id for meaning in meanings if meaning.flow_step} & statuses.keys()
    steps = steps_of([statuses[name] for name in stepping], workflows_of(integration.tenant_id))
    errors = {}
    for number, meaning in enumerate(meanings):
        name = meaning.status_external_id
        stands = known[name].flow_step if name in known else ""
        if name not in statuses and name not in known:
            errors[number, "status_external_id"] = f"integration {integration.name} has no status {name!r}"
        elif meaning.category and meaning.category not in list(Category):
            errors[number, "category"] = f"{meaning.category!r} is none of: {', '.join(Category)}"
        elif meaning.flow_step and not meaning.category:
            errors[number, "category"] = f"must be given where there is a flow step ({meaning.flow_step!r})"
        elif problem := _step_problem(meaning.flow_step, stands, steps.get((integration.pk, name), ())):
            errors[number, "flow_step"] = problem
    return errors


def _step_problem(flow_step: str, stands: str, steps: Sequence[str]) -> str | None:
    if flow_step in ("", stands, *steps):
        return None
    if not steps:
        return f"{flow_step!r} is no step: no workflow applies to this status"
    return f"{flow_step!r} is no step of a workflow that applies to this status; steps are: {', '.join(steps)}"


def _write(integration: Integration, changed: Sequence[StatusMeaning]) -> None:
    removed = [meaning.status_external_id for meaning in changed if not meaning.category]
    owner = {"tenant_id": integration.tenant_id, "integration_id": integration.pk}
    StatusMapping.objects.filter(**owner, status_external_id__in=removed).delete()
    rows = [
        StatusMapping(
            **owner,
            status_external_id=meaning.status_external_id,
            category=meaning.category,
            flow_step=meaning.flow_step,
        )
        for meaning in changed
        if meaning.category
    ]
    StatusMapping.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "integration", "status_external_id"],
        update_fields=["category", "flow_step", "active", "last_updated_at"],
    )
