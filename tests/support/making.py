"""Runs whose units a test makes itself, without a site."""

from typing import Any
from uuid import uuid4

import orjson
from django.utils import timezone

from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.models import (
    EtlJob,
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    QdrantVector,
    RawExtractionData,
    RunKind,
    UnitState,
)
from etl.models.unit import Unit
from etl.sql import execute
from integrations.models import Integration
from pulse.tenancy.models import Tenant

PROJECTS, STATUSES, ISSUES = (
    "jira_projects_and_issue_types",
    "jira_statuses_and_relationships",
    "jira_issues_with_changelogs",
)
# Nothing listens there.
NOWHERE = "http://127.0.0.1:9"


def an_integration(name: str = "Jira", *, tenant: str = "Acme", tier: str = "free") -> Integration:
    """An integration with a site that nobody will call."""
    return Integration.objects.create(
        tenant=Tenant.objects.get_or_create(name=tenant, defaults={"tier": tier})[0],
        provider="jira",
        name=name,
        settings={"base_url": NOWHERE},
        secrets={"email": "demo@example.com", "api_token": "secret"},
    )


def job_of(integration: Integration) -> EtlJob:
    return EtlJob.objects.get(integration=integration)


def asking_for(job: EtlJob, job_type: str, **changes: object) -> bytes:
    """The body of a message with the contract's keys alone, but for those that are changed."""
    body = {
        "job_id": job.pk,
        "tenant_id": job.tenant_id,
        "integration_id": job.integration_id,
        "job_type": job_type,
        "config": {},
        "priority": 5,
        "retry_count": 0,
        "max_retries": 3,
        "scheduled_at": timezone.now().isoformat(),
    }
    return orjson.dumps({**body, **changes})


def a_run(integration: Integration | None = None, kind: RunKind = RunKind.SYNC) -> EtlJobRun:
    """A run in which nothing is planned yet."""
    integration = integration or an_integration()
    return lifecycle.new_run(job_of(integration), kind, "test", {}, lifecycle.sync_steps(integration))


def all_planned(run: EtlJobRun) -> EtlJobRun:
    """The run, with no step that will still be planned."""
    execute("UPDATE etl_job_run_steps SET planned_at = now() WHERE run_id = %s", [run.pk])
    return run


def all_failed(run: EtlJobRun) -> EtlJobRun:
    """The run, over: all that it asked for failed."""
    while ExtractionCheckpoint.objects.filter(run=run, status=UnitState.PENDING).update(status=UnitState.FAILED):
        advance(run.pk)
    return EtlJobRun.objects.get(pk=run.pk, status=Overall.FAILED)


def _base(run: EtlJobRun, step: str) -> dict[str, Any]:
    return {"tenant_id": run.tenant_id, "integration_id": run.integration_id, "run": run, "step": step}


def checkpoint(run: EtlJobRun, step: str = ISSUES, **fields: Any) -> ExtractionCheckpoint:
    return ExtractionCheckpoint.objects.create(**_base(run, step), **{"partition_key": uuid4().hex, **fields})


def raw_row(run: EtlJobRun, step: str = ISSUES, **fields: Any) -> RawExtractionData:
    return RawExtractionData.objects.create(
        **_base(run, step), **{"entity_type": "jira_issues", "raw_data": {}, **fields}
    )


def vector(run: EtlJobRun, step: str = ISSUES, **fields: Any) -> QdrantVector:
    given = {"source_type": "JIRA", "table_name": "work_items", "collection": "c", "content_hash": "h", **fields}
    return QdrantVector.objects.create(**_base(run, step), **{"external_id": uuid4().hex, "point_id": uuid4(), **given})


def change(unit: Unit, sql: str) -> None:
    """Sets a unit's columns on the database's clock: ``change(unit, "lease_until = now() - interval '1 s'")``."""
    execute(f"UPDATE {unit._meta.db_table} SET {sql} WHERE id = %s", [unit.pk])
    unit.refresh_from_db()
