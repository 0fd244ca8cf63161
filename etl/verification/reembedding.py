"""Making vectors anew of what is stored: of all rows of an integration's tables, whether they have one or not."""

from collections.abc import Sequence

from django.db import transaction

from etl.embedding.texts import EMBEDDED_TABLES
from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.jobs.states import IllegalTransition
from etl.load.vectors import queue_vectors
from etl.models import EtlJobEvent, EtlJobRun, QdrantVector, RunKind, UnitState
from etl.verification.mending import rows_without, source_of
from integrations.models import Integration
from pulse.tenancy import audit


def reembed(integration: Integration, tables: Sequence[str], *, trigger: str) -> EtlJobRun:
    """Starts a run that embeds all rows of these tables anew.

    It reprocesses: it calls no site. Raises IllegalTransition where the job runs already, and where there is no text.
    """
    with transaction.atomic():
        job = lifecycle.startable(integration.jobs.order_by("id")[0].pk, "reprocess")
        run = lifecycle.new_run(
            job, RunKind.REPROCESS, trigger, {"reembed": list(tables)}, lifecycle.item_steps(integration)
        )
        count = sum(_queue(run, integration, table) for table in tables)
        if not count:
            raise IllegalTransition(f"{integration.name} has no text to embed in {', '.join(tables)}")
        audit.note("job.reembedded", job, {"run": [None, run.pk], "tables": [None, list(tables)]})
        message = f"{count} texts of {', '.join(tables)} are embedded anew, asked for by {trigger}"
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, message=message)
        advance(run.pk)
    lifecycle.wake_integration(run.integration_id)
    return run


def _queue(run: EtlJobRun, integration: Integration, table: str) -> int:
    if table not in EMBEDDED_TABLES:
        raise IllegalTransition(f"{table!r} is no table of which texts are embedded")
    # Without its hash a vector is missing, whatever its row says else.
    done = QdrantVector.objects.filter(tenant_id=run.tenant_id, integration=integration, table_name=table)
    done.filter(status=UnitState.COMPLETED).exclude(content_hash="").update(content_hash="")
    source = source_of(run, integration)
    return queue_vectors(source, table, rows_without(source, table))
