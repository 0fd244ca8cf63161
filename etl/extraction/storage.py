"""Storing answers: one API call, one row, as it came."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import DataError, OperationalError, transaction
from django.utils import timezone

from etl.extraction.cleaning import clean
from etl.sql import fetch
from integrations.errors import Permanent
from integrations.json_text import DEEPEST, shallow
from pulse.redaction import redacted_json

# SQLSTATE of what exceeds PostgreSQL's limits.
_TOO_LARGE, _TOO_DEEP = "54000", "54001"
CHECKPOINT = "checkpoint_id"
"""In the metadata of an answer that was fetched: whose call brought it. Its run may be another one by now."""


@dataclass(frozen=True)
class Origin:
    """Where an answer belongs. ``status`` is 'cancelled' where its run was stopped meanwhile.

    What no provider can read belongs to no run and no step.
    """

    tenant_id: int
    integration_id: int
    run_id: int | None
    step: str
    status: str = "pending"


def store_answer(
    origin: Origin,
    entity_type: str,
    external_id: str,
    body: bytes,
    metadata: Mapping[str, Any],
    *,
    digests: Mapping[str, str] | None = None,
    is_complete: bool = True,
    parent_id: int | None = None,
) -> int:
    """Inserts a raw row; its id. Raises Permanent where the body is not JSON that PostgreSQL can hold.

    What is nested too deeply for it is stored without its depths (see `json_text.shallow`). Within the caller's
    transaction, which is lost where this raises. ``digests`` are None where none were made yet.
    """
    cleaned = clean(body)
    # The answer is kept as it came; what is said of the request may be a stranger's, with a header in it.
    kept = {"extracted_at": timezone.now().isoformat(), **redacted_json(metadata), "payload_size": len(body)}
    if cleaned.replaced:
        kept["replaced_characters"] = list(cleaned.replaced)

    def insert(text: str) -> int:
        rows = fetch(
            """INSERT INTO raw_extraction_data (tenant_id, integration_id, run_id, step, entity_type, external_id,
                   raw_data, extraction_metadata, processing_status, is_complete, parent_id,
                   digests)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id""",
            [
                origin.tenant_id,
                origin.integration_id,
                origin.run_id,
                origin.step,
                entity_type,
                external_id,
                text,
                orjson.dumps(kept, default=str).decode(),
                origin.status,
                is_complete,
                parent_id,
                None if digests is None else orjson.dumps(digests).decode(),
            ],
        )
        return int(rows[0][0])

    try:
        with transaction.atomic():
            return insert(cleaned.text)
    except DataError as error:
        raise Permanent(f"the answer is not JSON that can be stored: {_first_line(error)}") from error
    except OperationalError as error:
        # Deeper nested, or larger, than PostgreSQL holds. Anything else is the server's trouble.
        code = getattr(error.__cause__, "pgcode", None)
        if code == _TOO_DEEP:
            kept["nothing_below_levels"] = DEEPEST
            return insert(shallow(cleaned.text))
        if code == _TOO_LARGE:
            raise Permanent(f"the answer cannot be stored: {_first_line(error)}") from error
        raise


def _first_line(error: Exception) -> str:
    # Not the part of our statement that PostgreSQL shows: who delivered the answer may read this.
    lines = [line for line in str(error).splitlines() if not line.startswith("LINE ")]
    return "; ".join(line.strip() for line in lines[:2])
