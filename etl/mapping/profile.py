"""How much custom fields are used, from the stored answers: how many items fill one, and with what."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from custommapping.models import CustomField
from custommapping.texts import to_text
from etl.mapping.owned import owned_items
from etl.models import EtlJobRun
from etl.sql import execute
from integrations.models import Integration

logger = logging.getLogger(__name__)

# The newest: how fields are used changes over the years.
MOST_ITEMS = 20_000
EXAMPLES = 5
LONGEST_EXAMPLE = 100
# So many texts of a field are kept, of which the most frequent become examples.
_KEPT = 50

# Of several workers that see a run end, one has it. After a sync a look is good for a day, unless there was nothing to
# look at, or it was broken off; each discovery may have found other fields.
_CLAIM = """
    UPDATE etl_jobs j SET fields_profiled_at = clock_timestamp()
    FROM etl_job_runs r
    WHERE r.id = %(run)s AND j.id = r.job_id AND r.kind IN ('sync', 'discovery') AND r.finished_at IS NOT NULL
      AND EXISTS (SELECT 1 FROM custom_fields f WHERE f.integration_id = j.integration_id AND f.tenant_id = j.tenant_id)
      AND (coalesce(j.fields_profiled_at, '-infinity') < greatest(clock_timestamp() - interval '1 day',
               (SELECT max(d.finished_at) FROM etl_job_runs d WHERE d.job_id = j.id AND d.kind = 'discovery'))
           OR j.fields_profiled_at < clock_timestamp() - interval '10 minutes'
              AND EXISTS (SELECT 1 FROM custom_fields f WHERE f.integration_id = j.integration_id
                            AND f.tenant_id = j.tenant_id AND f.profiled_at IS NULL)
           OR r.kind = 'sync' AND r.finished_at > j.fields_profiled_at
              AND NOT EXISTS (SELECT 1 FROM custom_fields f WHERE f.integration_id = j.integration_id
                                AND f.tenant_id = j.tenant_id AND f.items_seen > 0))"""


@dataclass(slots=True)
class _Use:
    """What has been seen of a field. Texts may be long: of most only the hash is kept."""

    filled: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    texts: dict[int, str] = field(default_factory=dict)

    def add(self, text: str) -> None:
        self.filled += 1
        key = hash(text)
        self.counts[key] += 1
        if len(self.texts) < _KEPT:
            self.texts.setdefault(key, _cut(text))

    def examples(self) -> list[str]:
        """The most frequent texts; of those that are as frequent, the first ones by the alphabet."""
        found = sorted((-self.counts[key], text) for key, text in self.texts.items())
        return list(dict.fromkeys(text for _, text in found))[:EXAMPLES]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_EXAMPLE else f"{text[: LONGEST_EXAMPLE - 1]}…"


def profile(integration: Integration) -> int:
    """Looks at the newest work items and brings the profiles of the integration's fields up to date; how many changed.

    ``items_filled`` are those of ``items_seen`` in which the field has a text. Reads what is stored; makes no call.
    """
    fields = list(CustomField.objects.filter(tenant_id=integration.tenant_id, integration=integration).order_by("id"))
    integration.jobs.update(fields_profiled_at=Now())
    items_seen, uses = _looked_at(integration, [field.external_id for field in fields])
    return sum(_written(field, items_seen, uses[field.external_id]) for field in fields)


def after(run_id: int) -> None:
    """Profiles the fields of a run's integration where the run is a sync or a discovery that is over, if that is due.

    For whoever ended the run, holding no lock. What fails here fails nothing else.
    """
    try:
        if execute(_CLAIM, {"run": run_id}):
            profile(EtlJobRun.objects.select_related("integration").get(pk=run_id).integration)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("after run %s its fields could not be profiled", run_id)


def _looked_at(integration: Integration, fields: list[str]) -> tuple[int, Mapping[str, _Use]]:
    """(how many items were seen, what was seen of each field)."""
    items_seen, uses = 0, {field_id: _Use() for field_id in fields}
    for item in islice(owned_items(integration, fields), MOST_ITEMS):
        items_seen += 1
        for field_id, value in item.custom.items():
            text = to_text(item.texts.get(field_id, value))
            if text is not None:
                uses[field_id].add(text)
    return items_seen, uses


def _written(known: CustomField, items_seen: int, use: _Use) -> bool:
    """Whether the field's profile was another one."""
    found: dict[str, Any] = {
        "items_seen": items_seen,
        "items_filled": use.filled,
        "distinct_values": len(use.counts),
        "examples": use.examples(),
    }
    if known.profiled_at and all(getattr(known, name) == value for name, value in found.items()):
        return False
    # Row by row: whoever loads fields locks many of them.
    CustomField.objects.filter(pk=known.pk).update(**found, profiled_at=timezone.now())
    return True
