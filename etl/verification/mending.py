"""Repairing what a verification found, and nothing else: one repair run, of as many parts as there are differences.

- Projects whose items differ are listed, and what differs is fetched again by its id (see `etl.jobs.repair`).
- Stored answers that hold what is not derived are transformed again; what is derived of them is left alone.
- Rows whose vector is missing, and vectors whose row is, wait for the embedding.
"""

from django.db import transaction
from django.utils import timezone

from etl.embedding.texts import EMBEDDED_TABLES
from etl.jobs import lifecycle, units
from etl.jobs.advance import advance
from etl.jobs.lifecycle import IllegalTransition
from etl.jobs.repair import MENDS, finds_gone
from etl.load.merging import Source
from etl.load.vectors import adopt_points, drop_vectors, queue_vectors
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, Overall, QdrantVector, RunKind, UnitState, Verification
from etl.sql import fetch
from etl.verification.comparing import Comparison
from etl.verification.points import Points
from etl.verification.stored import VECTOR_MISSING
from integrations.models import Integration


def start(verification: Verification, comparison: Comparison) -> EtlJobRun:
    """Starts the run that repairs what was found; no worker is woken yet, see `wake`. In the caller's transaction.

    Raises IllegalTransition where another run is open (but those of webhooks), or where nothing of what differs can be
    repaired.
    """
    integration = verification.integration
    with transaction.atomic():
        job = _free_job(integration)
        differing = _listable(integration, comparison)
        config = {MENDS: verification.pk, **({"projects": differing} if differing else {})}
        steps = lifecycle.repair_steps(integration) if differing else lifecycle.item_steps(integration)
        run = lifecycle.new_run(job, RunKind.REPAIR, verification.trigger, config, steps)
        answers = units.claim_answers(run.pk, comparison.answers) if comparison.answers else 0
        vectors = _queue_vectors(run, integration, comparison.points)
        if not differing and not answers and not vectors:
            raise IllegalTransition(_nothing_to_do(integration, comparison))
        EtlJobEvent.objects.create(
            tenant_id=run.tenant_id,
            run=run,
            message=f"repair of what verification {verification.pk} found: {len(differing)}"
            f" {integration.provider_code.containers} listed, {answers} stored answers transformed again,"
            f" {vectors} vectors made or removed",
        )
        advance(run.pk)
    return run


def wake(run: EtlJobRun) -> None:
    """To be called after the commit."""
    lifecycle.wake_integration(run.integration_id)


def _free_job(integration: Integration) -> EtlJob:
    job = EtlJob.objects.select_for_update(no_key=True).filter(integration=integration).order_by("id")[0]
    open_runs = job.runs.filter(status__in=(Overall.RUNNING, Overall.PAUSED)).exclude(kind=RunKind.WEBHOOK)
    if (found := open_runs.first()) is not None:
        raise IllegalTransition(f"job {job.pk} ({job.name}) has an open run, {found.pk} ({found.kind})")
    return job


def _listable(integration: Integration, comparison: Comparison) -> list[str]:
    """The source ids of the projects or repositories to be listed."""
    if not integration.provider_code.listing_step:
        return []
    tells_gone = finds_gone(integration)
    return [one.external_id for one in comparison.containers if one.lacks_answers or (tells_gone and one.gone > 0)]


def _nothing_to_do(integration: Integration, comparison: Comparison) -> str:
    if integration.provider_code.listing_step:
        found = sum(one.gone for one in comparison.containers)
        if found and not finds_gone(integration):
            return f"{found} items are gone: no repair marks such of {integration.provider}, they stay as they were"
        return "what differs changed meanwhile"
    return f"{integration.provider} cannot list its items: a full sync reads everything again"


def _queue_vectors(run: EtlJobRun, integration: Integration, points: Points) -> int:
    """Makes those vectors wait in the run that are missing, and those to be removed; how many."""
    # Without its hash a vector is missing, whatever its row says else.
    QdrantVector.objects.filter(pk__in=points.lost, status=UnitState.COMPLETED).update(content_hash="")
    source = source_of(run, integration)
    count = 0
    for table in EMBEDDED_TABLES:
        if missing := rows_without(source, table):
            count += queue_vectors(source, table, missing)
        if surplus := points.surplus.get(table):
            adopt_points(source, table, surplus)
            count += drop_vectors(source, table, surplus)
    return count


def source_of(run: EtlJobRun, integration: Integration) -> Source:
    """What vectors that a run is to make say of where they come from."""
    return Source(
        tenant_id=run.tenant_id,
        integration_id=run.integration_id,
        raw_id=0,
        run_id=run.pk,
        step=integration.provider_code.items_step,
        source_type=integration.provider_code.source_type,
        extracted_at=timezone.now(),
    )


def rows_without(source: Source, table: str) -> list[int]:
    """The ids of the table's rows that have a text without a vector."""
    embedded = EMBEDDED_TABLES[table]
    rows = fetch(
        f"""SELECT r.id FROM {table} r LEFT JOIN qdrant_vectors v ON v.tenant_id = r.tenant_id
                AND v.integration_id = r.integration_id AND v.table_name = %s AND v.external_id = r.external_id
            {embedded.joins}
            WHERE r.tenant_id = %s AND r.integration_id = %s AND r.active
              AND {VECTOR_MISSING.format(text=embedded.text)} ORDER BY r.external_id""",
        [table, source.tenant_id, source.integration_id],
    )
    return [row[0] for row in rows]
