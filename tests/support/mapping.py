"""Custom fields of an integration without a site, and stored pages of issues that fill them."""

from typing import Any

from custommapping.models import CustomField
from etl import pipeline
from etl.mapping import fingerprints
from etl.models import EtlJobRun, RawExtractionData, WorkItem
from etl.queue.topology import Stage
from integrations.models import Integration
from tests.integrations.providers.jira.samples import page
from tests.support.making import an_integration, raw_row


def a_field(integration: Integration, number: int = 1, kind: str = "string", **fields: Any) -> CustomField:
    """Custom field "customfield_<number>" of that type."""
    known = {"external_id": f"customfield_{number}", "name": f"Field {number}", "schema": {"type": kind}}
    return CustomField.objects.create(
        tenant=integration.tenant, integration=integration, field_type=kind, **{**known, **fields}
    )


def with_fields(*kinds: str) -> Integration:
    """An integration with custom fields 1, 2, … of those types, of which nothing is loaded."""
    integration = an_integration()
    for number, kind in enumerate(kinds, start=1):
        a_field(integration, number, kind)
    return integration


def stored(run: EtlJobRun, *issues: dict[str, Any], **fields: Any) -> RawExtractionData:
    """A page of issues, as extraction stores it."""
    answer = page(*issues)
    digests = run.integration.provider_code.digests(answer)
    return raw_row(run, **{"raw_data": answer.content, "digests": digests, **fields})


def transformed(run: EtlJobRun, *issues: dict[str, Any]) -> RawExtractionData:
    """A page of issues that is loaded."""
    row = stored(run, *issues)
    pipeline.handle(Stage.TRANSFORM, [row.pk])
    row.refresh_from_db()
    assert row.status == "completed"
    return row


def is_current(row: RawExtractionData) -> bool:
    row.refresh_from_db()
    return row.fingerprint == fingerprints.current(row.integration)


def column(integration: Integration, name: str) -> dict[str, Any]:
    """What all work items have in a column, by key."""
    return dict(WorkItem.objects.filter(integration=integration).values_list("key", name))
