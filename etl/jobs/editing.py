"""What people say of jobs: their names, turns and settings. Checked here for the API, by a form in the admin."""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from custommapping.errors import Refused
from custommapping.names import name_problem, shown
from etl.jobs.lifecycle import create_job
from etl.models import EtlJob
from integrations.models import Integration
from pulse.tenancy import audit

logger = logging.getLogger(__name__)

LONGEST_NAME = 200


def create(integration: Integration, said: Mapping[str, Any], *, by: str) -> EtlJob:
    """One more job for an integration. It waits for its first start. Raises Refused, and Django's ValidationError."""
    with transaction.atomic():
        _alone(integration.pk)
        _check(EtlJob(tenant_id=integration.tenant_id, integration=integration), said)
        job = create_job(integration, **said)
        audit.note("job.created", job, audit.differences({}, audit.values(job, [*said])))
    logger.info("job %s of integration %s made by %s", job.pk, integration.pk, by)
    return job


def change(known: EtlJob, said: Mapping[str, Any], *, by: str) -> EtlJob:
    """Makes of a job what is said; the rest stays. Raises Refused, and Django's ValidationError."""
    with transaction.atomic():
        _alone(known.integration_id)
        job = EtlJob.objects.select_for_update(of=("self",), no_key=True).select_related("integration").get(pk=known.pk)
        before = audit.values(job, [*said])
        _check(job, said)
        audit.note("job.changed", job, audit.differences(before, audit.values(job, [*said])))
        job.save(update_fields=[*said, "last_updated_at"])
    logger.info("%s of job %s changed by %s", ", ".join(said), job.pk, by)
    return job


def _alone(integration_id: int) -> None:
    """Of two at once that say the same name, the second finds the first's."""
    Integration.objects.select_for_update(no_key=True).get(pk=integration_id)


def _check(job: EtlJob, said: Mapping[str, Any]) -> None:
    """Gives the job what is said."""
    for name, value in said.items():
        setattr(job, name, value)
    if "name" in said and (problem := _name_problem(job)):
        raise Refused({"name": problem})
    job.full_clean(exclude=["status", "integration", "tenant"], validate_unique=False, validate_constraints=False)


def _name_problem(job: EtlJob) -> str | None:
    if problem := name_problem(job.name, LONGEST_NAME):
        return problem
    others = EtlJob.objects.filter(integration_id=job.integration_id, name=job.name).exclude(pk=job.pk or 0)
    return f"the integration has a job {shown(job.name)} already" if others.exists() else None
