"""Planning a step: from the provider's partitions to checkpoints, and when the job runs again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from custommapping.models import Authority, Project
from etl.models import EtlJob, EtlJobRun, EtlJobRunStep, ExtractionCheckpoint, RunKind, StageState
from etl.sql import execute, fetch
from integrations.provider import Partition, PlanContext, ProjectRef, Step

DEFAULT_BATCH_SIZE = 50


def create_steps(run: EtlJobRun, steps: list[Step]) -> None:
    """The rows of a run's steps, not planned yet."""
    EtlJobRunStep.objects.bulk_create(
        EtlJobRunStep(
            tenant_id=run.tenant_id,
            run=run,
            step=step.name,
            order=step.order,
            display_name=step.display_name,
            feeders=list(step.feeders),
        )
        for step in steps
    )


def _projects(run: EtlJobRun) -> list[ProjectRef]:
    """The projects that are known to be there; of a restricted run, those of them that it names by key or id."""
    rows = Project.objects.filter(
        tenant_id=run.tenant_id,
        integration_id=run.integration_id,
        active=True,
        archived=False,
        authority=Authority.LISTED,
    )
    wanted, listed = set(run.config.get("projects") or ()), _listed_projects(run)
    return [
        ProjectRef(project.external_id, project.key)
        for project in rows.order_by("external_id")
        if (not wanted or wanted & {project.external_id, project.key}) and (not listed or project.external_id in listed)
    ]


def _listed_projects(run: EtlJobRun) -> set[str]:
    """The projects that the site listed in this run: others are gone. Empty where it listed none, or not all came."""
    failed = Q(extraction=StageState.FAILED) | Q(transform=StageState.FAILED)
    if EtlJobRunStep.objects.filter(failed, run=run).exists():
        return set()
    rows = fetch(
        """SELECT DISTINCT p FROM raw_extraction_data, jsonb_array_elements_text(extraction_metadata -> 'projects') p
           WHERE run_id = %s AND jsonb_typeof(extraction_metadata -> 'projects') = 'array'""",
        [run.pk],
    )
    return {row[0] for row in rows}


def _watermarks(run: EtlJobRun, step: str) -> dict[str, datetime]:
    """The last watermark of each partition; none where all is to be read again."""
    if run.config.get("full_sync"):
        return {}
    rows = fetch(
        """SELECT partition_key, max(watermark) FROM extraction_checkpoints
           WHERE integration_id = %s AND step = %s AND watermark IS NOT NULL GROUP BY partition_key""",
        [run.integration_id, step],
    )
    return dict(rows)


def plan_step(run: EtlJobRun, step: EtlJobRunStep) -> None:
    """Creates the step's checkpoints. Makes no call, so it may run under the run's lock."""
    if run.kind == RunKind.SYNC:
        integration = run.integration
        context = PlanContext(
            projects=_projects(run),
            watermarks=_watermarks(run, step.step),
            batch_size=int(run.config.get("batch_size") or DEFAULT_BATCH_SIZE),
        )
        partitions = integration.provider_code.plan(step.step, integration.connection(), context)
        create_checkpoints(run, step.step, partitions)
    step.planned_at = timezone.now()
    step.save(update_fields=["planned_at", "last_updated_at"])


def create_checkpoints(
    run: EtlJobRun, step: str, partitions: list[Partition], parent_raw_id: int | None = None, status: str = "pending"
) -> None:
    ExtractionCheckpoint.objects.bulk_create(
        ExtractionCheckpoint(
            tenant_id=run.tenant_id,
            integration_id=run.integration_id,
            run=run,
            step=step,
            partition_key=partition.key,
            cursor=dict(partition.cursor),
            parent_raw_id=parent_raw_id,
            status=status,
        )
        for partition in partitions
    )


def is_restricted(config: Mapping[str, Any]) -> bool:
    """Whether a run reads only some projects: such a one never moves a watermark."""
    return bool(config.get("projects"))


def keep_watermarks(run: EtlJobRun) -> None:
    """Keeps, for each partition that was read to its end, the site's clock at its first page."""
    if run.kind == RunKind.SYNC and not is_restricted(run.config):
        execute(
            """UPDATE extraction_checkpoints c SET watermark = c.first_answer_at
               WHERE c.run_id = %s AND c.status = 'completed' AND c.parent_raw_id IS NULL
                 AND c.first_answer_at IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM extraction_checkpoints f WHERE f.run_id = c.run_id AND f.step = c.step
                                   AND f.parent_raw_id IS NOT NULL AND f.status <> 'completed')""",
            [run.pk],
        )


def next_run(job: EtlJob, run: EtlJobRun) -> datetime:
    """When the job is due again: a cycle of its tenant after its end."""
    return (run.finished_at or timezone.now()) + timedelta(minutes=job.tenant.cycle_minutes)
