from collections.abc import Mapping
from typing import Any

from django.db.models.functions import Now

from etl.models import Alert, AlertChannel, DeadLetter, Verification, WorkerRow
from etl.queue.topology import JOBS_QUEUE
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case
from tests.support.making import NOWHERE


def _worker(rows: Rows) -> Mapping[str, Any]:
    worker = rows.row(WorkerRow)
    WorkerRow.objects.filter(pk=worker.pk).update(ended="", asked="", tier="all", stages=["jobs"], heartbeat_at=Now())
    return {"id": worker.pk}


def _letter(rows: Rows) -> Mapping[str, Any]:
    letter = rows.row(DeadLetter)
    DeadLetter.objects.filter(pk=letter.pk).update(queue=JOBS_QUEUE, stage="", unit_id=None, run_id=None, cause="lost")
    return {"id": letter.pk}


def _alert(rows: Rows) -> Mapping[str, Any]:
    return {"id": rows.row(Alert).pk}


def _channel(rows: Rows) -> Mapping[str, Any]:
    channel = rows.row(AlertChannel)
    AlertChannel.objects.filter(pk=channel.pk).update(target=NOWHERE, secrets={}, causes=[])
    return {"id": channel.pk}


def _verification(rows: Rows) -> Mapping[str, Any]:
    row = rows.row(Verification)
    return {"id": row.pk, "integration_id": row.integration_id}


MAIL = {"name": "Us", "kind": "email", "target": "us@example.test"}

CASES = [
    Case("GET", "workers", _worker, stranger=200, shared=True),
    Case("POST", "workers/{id}/restart", _worker, status=202, shared=True),
    Case("POST", "workers/restart-all", _worker, status=202, shared=True),
    Case("GET", "queues", stranger=200, shared=True),
    Case("GET", "queues/health", stranger=200, shared=True),
    Case("GET", "dead-letters", _letter, stranger=200),
    Case("GET", "dead-letters/groups", _letter, stranger=200),
    Case("GET", "dead-letters/{id}", _letter),
    Case("POST", "dead-letters/{id}/replay", _letter),
    Case("POST", "dead-letters/{id}/discard", _letter),
    Case("POST", "dead-letters/replay", _letter, body={"ids": ["{id}"]}),
    Case("POST", "dead-letters/replay", _letter, body={"cause": "lost"}, stranger=200),
    Case("POST", "dead-letters/discard", _letter, body={"ids": ["{id}"]}),
    Case("POST", "dead-letters/discard", _letter, body={"cause": "lost"}, stranger=200),
    Case("GET", "alerts", _alert, stranger=200),
    Case("GET", "alerts/{id}", _alert),
    Case("GET", "alert-channels", _channel, stranger=200),
    Case("POST", "alert-channels", _channel, body=MAIL, status=201, stranger=201),
    Case("GET", "alert-channels/{id}", _channel),
    Case("PATCH", "alert-channels/{id}", _channel, body={"active": False}),
    Case("DELETE", "alert-channels/{id}", _channel),
    Case("POST", "alert-channels/{id}/test", _channel),
    Case("GET", "verifications", _verification, stranger=200),
    Case("GET", "verifications", _verification, query={"integration_id": "{integration_id}"}),
    Case("GET", "verifications/{id}", _verification),
]
