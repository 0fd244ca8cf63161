"""With which mappings, and which reader, an answer was last transformed.

Each transform writes the fingerprint beside its answer, in the transaction that loads it. Loads hold the lock of
`etl.transform.categories` shared, and whoever changes a mapping holds it alone: what was loaded before the change
carries the old fingerprint, what is loaded after it the new one.
"""

from custommapping.mapping import reference
from custommapping.models import MAPPED_COLUMNS
from etl.sql import execute, fetch
from integrations.models import Integration

_FIELDS = ", ".join(f"m.{reference(column)}_id" for column in MAPPED_COLUMNS)
_OF_INTEGRATION = "m.tenant_id = %(tenant)s AND m.integration_id = %(integration)s AND m.active"
_CURRENT = f"""
    SELECT md5(ROW(%(provider)s, %(reader)s,
        (SELECT ROW({_FIELDS})::text FROM custom_fields_mapping m WHERE {_OF_INTEGRATION}),
        (SELECT string_agg(ROW(m.status_external_id, m.category)::text, '' ORDER BY m.status_external_id)
         FROM statuses_mappings m WHERE {_OF_INTEGRATION}),
        (SELECT string_agg(ROW(m.wit_from, m.wit_to, m.hierarchy_id)::text, '' ORDER BY m.wit_from)
         FROM wits_mappings m WHERE {_OF_INTEGRATION}))::text)"""


def current(integration: Integration) -> str:
    """The fingerprint of a transform that begins now."""
    parameters = {
        "tenant": integration.tenant_id,
        "integration": integration.pk,
        "provider": integration.provider,
        "reader": integration.provider_code.reader_version,
    }
    return str(fetch(_CURRENT, parameters)[0][0])


def carry_over(integration: Integration, before: str) -> int:
    """Moves the answers that were current on to what is current now; how many.

    For who holds the lock alone, and has applied a change of a mapping to all loaded rows. ``before`` is what was
    current before that change. An answer in hand waits for the lock, and will write its fingerprint itself.
    """
    return execute(
        """UPDATE raw_extraction_data SET fingerprint = %(now)s
           WHERE id IN (SELECT id FROM raw_extraction_data
                        WHERE integration_id = %(integration)s AND fingerprint = %(before)s
                          AND processing_status <> 'processing' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)""",
        {"now": current(integration), "integration": integration.pk, "before": before},
    )
