"""A job's status as the sockets send it."""

from typing import Any

from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import EtlJob, EtlJobRun
from etl.sql import fetch


def progress(run_id: int) -> dict[str, dict[str, dict[str, int]]]:
    """Done and all units by step and stage: ``{"jira_…": {"extraction": {"done": 3, "total": 5}}}``."""
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for stage, model in UNIT_MODELS.items():
        names = columns(model)
        rows = fetch(
            f"""SELECT step, count(*) FILTER (WHERE {names.state} NOT IN ('pending', 'processing')), count(*)
                FROM {names.table} WHERE run_id = %s GROUP BY step""",
            [run_id],
        )
        for step, done, total in rows:
            counted.setdefault(step, {})[stage.value] = {"done": done, "total": total}
    return counted


def job_update(tenant_id: int, job_id: int) -> dict[str, Any] | None:
    """The message about a job; None where the tenant has no such job."""
    job = EtlJob.objects.filter(pk=job_id, tenant_id=tenant_id).first()
    if job is None:
        return None
    run_id = EtlJobRun.objects.filter(job=job).order_by("-id").values_list("pk", flat=True).first()
    return {
        "type": "job_status_update",
        "tenant_id": job.tenant_id,
        "job_id": job.pk,
        "status": job.status,
        "version": job.version,
        "progress": progress(run_id) if run_id else {},
    }
