"""Loading batches without a site: each is the answer of a raw row of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from etl.extraction.storage import Origin, store_answer
from etl.jobs import lifecycle
from etl.load.loader import CategoriesMoved, Loaded, load
from etl.load.merging import Source
from etl.models import EtlJobRun, RawExtractionData, RunKind, WorkItem
from integrations.models import Integration
from integrations.records import Batch
from pulse.postgres.scope import tenant_scope
from pulse.tenancy.models import Tenant
from tests.support.records import at

STEP = "jira_issues_with_changelogs"


def offline_integration(tenant: str = "Acme", name: str = "Jira") -> Integration:
    """An integration with a site that nobody calls."""
    return Integration.objects.create(
        tenant=Tenant.objects.get_or_create(name=tenant)[0],
        provider="jira",
        name=name,
        settings={"base_url": "http://127.0.0.1:9"},
        secrets={"email": "nobody@example.test", "api_token": "none"},
    )


def import_run(integration: Integration) -> EtlJobRun:
    """A run that calls nobody, with the step of the issues."""
    steps = [step for step in integration.provider_code.steps if step.name == STEP]
    return lifecycle.new_run(integration.jobs.get(), RunKind.IMPORT, "test", {}, steps)


@dataclass(frozen=True)
class Loading:
    """Loads batches into an integration as a transform does."""

    integration: Integration
    run: EtlJobRun

    @classmethod
    def of(cls, integration: Integration) -> "Loading":
        return cls(integration, import_run(integration))

    @property
    def origin(self) -> Origin:
        return Origin(self.integration.tenant_id, self.integration.pk, self.run.pk, STEP)

    def source(self, extracted_at: datetime | None = None) -> Source:
        """A newly stored answer: newer, by its id, than those before."""
        return Source(
            tenant_id=self.integration.tenant_id,
            integration_id=self.integration.pk,
            raw_id=store_answer(self.origin, "issues", "", b"{}", {}),
            run_id=self.run.pk,
            step=STEP,
            source_type="JIRA",
            extracted_at=extracted_at or at(0),
        )

    def load(
        self,
        batch: Batch,
        source: Source | None = None,
        *,
        extracted: float = 0,
        hashes: Mapping[str, str] | None = None,
    ) -> Loaded:
        """Loads a batch in one transaction, again where the meaning of statuses moved; ``extracted`` in hours."""
        source = source or self.source(at(extracted))
        while True:
            try:
                with tenant_scope(self.integration.tenant_id), transaction.atomic():
                    return load(source, batch, hashes or {})
            except CategoriesMoved:
                continue

    def item(self, external_id: str = "1") -> WorkItem:
        return WorkItem.objects.get(integration=self.integration, external_id=external_id)

    def raw(self, raw_id: int) -> RawExtractionData:
        return RawExtractionData.objects.get(pk=raw_id)
