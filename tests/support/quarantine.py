"""Which items a run had to leave out."""

from collections.abc import Iterable, Mapping
from typing import Any

from etl.models import EtlJobRun, Pr, QuarantinedRecord, WorkItem


def assert_partly_loaded(
    run: EtlJobRun, model: type[WorkItem] | type[Pr], whole: Iterable[Mapping[str, Any]], reason: str
) -> None:
    """Some of the rows are loaded, and exactly the others are quarantined, each with that in its reason."""
    loaded = set(model.objects.filter(integration=run.integration).values_list("external_id", flat=True))
    refused = QuarantinedRecord.objects.filter(run=run, resolved_at=None)
    missing = set(refused.values_list("external_id", flat=True))
    assert loaded
    assert missing
    assert {row["external_id"] for row in whole} == loaded ^ missing
    assert all(reason in told for told in refused.values_list("reason", flat=True))
