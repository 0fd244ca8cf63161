"""Verifications of a scripted site, what they say, and drift of its kinds."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from etl import pipeline
from etl.embedding.backends import get_store
from etl.models import EtlJobRun, Overall, QdrantVector, RawExtractionData, Verification, WorkItem
from etl.queue.broker import Delivery, Outcome
from etl.queue.topology import JOBS_QUEUE, Stage
from etl.verification import verify
from etl.workers.base import get_worker
from etl.workers.jobs import JobsWorker
from integrations.models import Integration
from tests.support.driving import waiting, work_off
from tests.support.scripted import Scripted
from tests.support.tables import versions

DAY = timedelta(days=1)
MANY = 100


def done(run: EtlJobRun) -> EtlJobRun:
    """The run worked off to its end; all of its vectors are made in as few batches as can be."""
    work_off(run, stages=(Stage.EXTRACTION, Stage.TRANSFORM))
    while ids := waiting(run.pk, Stage.EMBEDDING):
        pipeline.handle(Stage.EMBEDDING, ids)
    run.refresh_from_db()
    return run


def verified(scripted: Scripted, *, repairs: bool = False) -> Verification:
    """A verification, done here and now."""
    verification = verify.run(verify.request(scripted.integration, trigger="test", repairs=repairs))
    assert verification.state == "finished", verification.error_message
    return verification


def repaired(scripted: Scripted) -> EtlJobRun:
    """The repair of what a verification found, to its end; another verification finds nothing then."""
    run = verified(scripted, repairs=True).repair
    assert run is not None
    scripted.world.calls.clear()
    done(run)
    assert (run.status, run.warning) == (Overall.FINISHED, "")
    calls = list(scripted.world.calls)
    assert verified(scripted).score == 0
    scripted.world.calls[:] = calls
    return run


def projects(verification: Verification) -> dict[str, Mapping[str, Any]]:
    """What the report says of each project, by its key."""
    return {one["name"]: one for one in verification.report["projects"]}


def told(verification: Verification, what: str) -> dict[str, int]:
    """Those of which it is not 0."""
    return {key: one[what] for key, one in projects(verification).items() if one[what]}


def forget(number: str, *, answers: bool = True) -> None:
    """Loses an item's row and vector, and with ``answers`` all that these say of it."""
    for answer in RawExtractionData.objects.filter(digests__has_key=number) if answers else ():
        answer.digests = {item: digest for item, digest in (answer.digests or {}).items() if item != number}
        answer.save()
    for vector in QdrantVector.objects.filter(external_id=number, table_name="work_items"):
        get_store().delete(vector.collection, [str(vector.point_id)])
        vector.delete()
    WorkItem.objects.filter(external_id=number).delete()


def written_since(integration: Integration, before: Mapping[str, Any]) -> set[str]:
    """The source ids of the work items that were written since."""
    known = set(before["work_items"])
    ids = [pk for pk, version in versions(integration.pk)["work_items"] if (pk, version) not in known]
    return set(WorkItem.objects.filter(pk__in=ids).values_list("external_id", flat=True))


def deliver(verification: Verification, **changes: object) -> Outcome:
    """A message of a verification, but for what is changed."""
    body = {
        "job_id": verification.integration.jobs.get().pk,
        "tenant_id": verification.tenant_id,
        "integration_id": verification.integration_id,
        "job_type": "scripted_verify",
        "unit_id": verification.pk,
        **changes,
    }
    return get_worker(JobsWorker.name)(Delivery(JOBS_QUEUE, orjson.dumps(body)))
