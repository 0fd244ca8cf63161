"""From a verified delivery of a webhook to its raw row and to the units that fetch again what it is about."""

from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from etl.extraction.storage import Origin, store_answer
from etl.jobs import lifecycle
from etl.models import RawExtractionData, UnitState, WebhookDelivery
from etl.sql import fetch
from integrations.models import Integration
from integrations.provider import Answer, WebhookEvent


class Receipt(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


def receive(integration: Integration, event: WebhookEvent) -> Receipt:
    """Keeps a delivery and asks for its items, in one transaction; one that came before changes nothing.

    Unless the run that was to fetch its items failed: then people have it delivered again. Of a delivery that concerns
    nothing in scope nothing is kept. Raises Permanent where its body cannot be stored.
    """
    if event.answer is None:
        return Receipt.IGNORED
    with transaction.atomic():
        kept_id = _first_of_its_id(integration, event) or _failed(integration, event)
        if kept_id is None:
            return Receipt.DUPLICATE
        run = lifecycle.request_items(integration, event.items, trigger="webhook")
        raw_id = _store(integration, run.pk, event.answer)
        WebhookDelivery.objects.filter(pk=kept_id).update(raw_data_id=raw_id)
    return Receipt.ACCEPTED


def _first_of_its_id(integration: Integration, event: WebhookEvent) -> int | None:
    """The row of a delivery that was not seen before. Two at the same time wait for each other at the unique key."""
    rows = fetch(
        """INSERT INTO webhook_deliveries (tenant_id, integration_id, delivery_id, event) VALUES (%s, %s, %s, %s)
           ON CONFLICT (tenant_id, integration_id, delivery_id) DO NOTHING RETURNING id""",
        [integration.tenant_id, integration.pk, event.delivery_id, event.name],
    )
    return rows[0][0] if rows else None


def _failed(integration: Integration, event: WebhookEvent) -> int | None:
    """The row of a delivery whose items could not be fetched; locked, so that of two at once one asks for them."""
    rows = fetch(
        """SELECT d.id FROM webhook_deliveries d
           JOIN raw_extraction_data a ON a.id = d.raw_data_id JOIN etl_job_runs r ON r.id = a.run_id
           WHERE d.tenant_id = %s AND d.integration_id = %s AND d.delivery_id = %s AND r.status = 'FAILED'
           FOR NO KEY UPDATE OF d""",
        [integration.tenant_id, integration.pk, event.delivery_id],
    )
    return rows[0][0] if rows else None


def _store(integration: Integration, run_id: int, answer: Answer) -> int:
    """The raw row, at its end already: what the delivery says is never loaded, what is fetched because of it is."""
    origin = Origin(
        integration.tenant_id, integration.pk, run_id, integration.provider_code.items_step, UnitState.COMPLETED
    )
    raw_id = store_answer(origin, answer.entity_type, answer.external_id, answer.body, answer.metadata)
    RawExtractionData.objects.filter(pk=raw_id).update(processed_at=timezone.now())
    return raw_id
