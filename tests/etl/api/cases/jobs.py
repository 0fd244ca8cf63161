from collections.abc import Mapping
from typing import Any

from etl.jobs import lifecycle
from etl.models import EtlJob
from integrations.models import Integration
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case
from tests.support.making import NOWHERE, all_failed


def _job_of(rows: Rows) -> EtlJob:
    """The job of an integration whose site nobody calls."""
    integration = rows.row(Integration)
    integration.settings, integration.secrets = {"base_url": NOWHERE}, {"email": "a@b.test", "api_token": "secret"}
    integration.save()
    return EtlJob.objects.get(integration=integration, name=integration.name)


def _job(rows: Rows) -> Mapping[str, Any]:
    job = _job_of(rows)
    return {"id": job.pk, "integration_id": job.integration_id}


def _running(rows: Rows) -> Mapping[str, Any]:
    run = lifecycle.start(_job_of(rows).pk, trigger="test")
    return {"id": run.job_id, "run": run.pk}


def _paused(rows: Rows) -> Mapping[str, Any]:
    values = _running(rows)
    lifecycle.pause(values["id"])
    return values


def _failed(rows: Rows) -> Mapping[str, Any]:
    run = all_failed(lifecycle.start(_job_of(rows).pk, trigger="test"))
    return {"id": run.job_id, "run": run.pk}


WHOSE = {"integration_id": "{integration_id}"}

CASES = [
    Case("GET", "jobs", _job, stranger=200),
    Case("GET", "jobs", _job, query=WHOSE),
    Case("POST", "jobs", _job, body={**WHOSE, "name": "Nightly"}, status=201),
    Case("GET", "jobs/{id}", _job),
    Case("PATCH", "jobs/{id}", _job, body={"order": 7}),
    Case("GET", "jobs/{id}/status", _job),
    Case("PUT", "jobs/{id}/status", _running, body={"status": "READY"}),
    Case("POST", "jobs/{id}/start", _job, status=202),
    Case("POST", "jobs/{id}/pause", _running),
    Case("POST", "jobs/{id}/resume", _paused, status=202),
    Case("POST", "jobs/{id}/stop", _running),
    Case("POST", "jobs/{id}/retry", _failed, status=202),
    Case("POST", "jobs/{id}/reprocess", _job, status=202),
    Case("POST", "jobs/{id}/repair", _job, status=202),
    Case("POST", "jobs/{id}/verify", _job, status=202),
    Case("GET", "jobs/{id}/runs", _running),
    Case("GET", "runs", _running, stranger=200),
    Case("GET", "runs", _running, query={"job_id": "{id}"}),
    Case("GET", "runs/{run}", _running),
    Case("GET", "runs/{run}/events", _running),
    Case("POST", "runs/{run}/stop", _running),
    Case("POST", "runs/{run}/retry", _failed, status=202),
]
