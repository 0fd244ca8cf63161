"""`workers` and `queues`: what all tenants share, and what a member may see of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from etl.models import WorkerRow
from etl.queue.broker import BrokerUnavailable, Outgoing
from etl.queue.topology import ALL_QUEUES, JOBS_QUEUE, Stage, Tier, queue_for
from pulse.tenancy.models import Tenant
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller
from tests.support.brokers import RecordingBroker


def a_worker(host: str = "app-1", tier: str = "all", **more: Any) -> WorkerRow:
    given = {"pid": 7, "stages": ["extraction", "transform"], "threads": 4, "heartbeat_at": Now(), **more}
    return WorkerRow.objects.create(host=host, tier=tier, **given)


def silent() -> dict[str, Any]:
    return {"heartbeat_at": Now() - timedelta(hours=1)}


def test_members_are_told_how_many_workers_serve_their_tier_and_not_which(owner: Caller, acme: Rows) -> None:
    a_worker()
    a_worker(tier="basic,free", stages=["extraction"])
    a_worker(tier="premium", threads=50)
    a_worker(**silent())
    a_worker(active=False, ended="died")

    told = owner.get("workers").json()

    assert told == {"alive": 2, "silent": 1, "threads": 8, "by_stage": {"extraction": 2, "transform": 1}}
    Tenant.objects.update(tier="premium")
    assert owner.get("workers").json()["threads"] == 54


def test_superusers_are_told_which_workers_there_are(superuser: Caller, acme: Rows) -> None:
    first = a_worker(memory_mib=90.5, peak_mib=120.0, units_done=12, supervisor_pid=3)
    second = a_worker("app-2", "premium", **silent())
    holding = [{"stage": "transform", "ids": [4], "run_id": 9, "step": "x", "since": "2024-05-01T11:00:00+00:00"}]
    WorkerRow.objects.filter(pk=first.pk).update(holding=holding)
    third = a_worker(active=False, ended="memory")

    def found(**query: Any) -> list[tuple[int, str]]:
        return [(row["id"], row["state"]) for row in superuser.get("workers", **query).json()["results"]]

    assert found() == [(second.pk, "silent"), (first.pk, "alive")]
    assert found(ended="true") == [(third.pk, "ended"), (second.pk, "silent"), (first.pk, "alive")]
    assert found(tenant_id=acme.tenant.pk) == [(first.pk, "alive")]
    assert found(limit=1) == [(second.pk, "silent")]
    told = superuser.get("workers").json()
    assert (told["alive"], told["silent"], told["next"]) == (1, 1, None)
    row = told["results"][1]
    assert (row["host"], row["pid"], row["supervisor_pid"], row["holding"]) == ("app-1", 7, 3, holding)
    assert (row["memory_mib"], row["peak_mib"], row["units_done"], row["ended"]) == (90.5, 120.0, 12, "")


def test_a_worker_is_told_to_begin_anew(superuser: Caller) -> None:
    first, second = a_worker(), a_worker()

    answer = superuser.post(f"workers/{first.pk}/restart")

    assert (answer.status_code, answer.json()) == (202, {"asked": 1})
    assert list(WorkerRow.objects.order_by("pk").values_list("asked", flat=True)) == ["restart", ""]
    assert superuser.post(f"workers/{second.pk + 100}/restart").status_code == 404


def test_a_worker_that_has_ended_cannot_be_told_anything(superuser: Caller) -> None:
    worker = a_worker(active=False, ended="died")

    answer = superuser.post(f"workers/{worker.pk}/restart")

    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")
    assert "has ended (died)" in answer.json()["detail"]


def test_all_workers_are_told_to_begin_anew_or_those_of_a_tenants_tier(superuser: Caller, acme: Rows) -> None:
    a_worker(tier="premium")
    a_worker(tier="free")
    a_worker(active=False)

    assert superuser.post("workers/restart-all", tenant_id=acme.tenant.pk).json() == {"asked": 1}
    assert superuser.post("workers/restart-all").json() == {"asked": 2}
    assert WorkerRow.objects.filter(asked="restart").count() == 2


# Queues


def test_members_are_told_of_the_queues_of_their_tier(owner: Caller, recording: RecordingBroker) -> None:
    recording.publish([Outgoing(queue_for(Stage.TRANSFORM, Tier.FREE), b"{}")] * 2)

    told = owner.get("queues").json()["results"]

    assert [row["name"] for row in told] == [queue_for(stage, Tier.FREE) for stage in Stage]
    assert [row["message_count"] for row in told] == [0, 2, 0]
    assert {"consumer_count", "unacknowledged", "publish_rate", "deliver_rate", "ack_rate"} <= told[0].keys()


def test_superusers_are_told_of_all_queues(superuser: Caller, acme: Rows, recording: RecordingBroker) -> None:
    def names(**query: Any) -> list[str]:
        return [row["name"] for row in superuser.get("queues", **query).json()["results"]]

    assert sorted(names()) == sorted(ALL_QUEUES)
    assert names(tenant_id=acme.tenant.pk) == [queue_for(stage, Tier.FREE) for stage in Stage]


def test_the_health_of_queues_has_the_keys_that_other_tools_read(
    owner: Caller, superuser: Caller, recording: RecordingBroker
) -> None:
    recording.publish([Outgoing(JOBS_QUEUE, b"{}"), Outgoing(queue_for(Stage.EMBEDDING, Tier.PREMIUM), b"{}")])
    a_worker()
    a_worker(tier="premium")
    a_worker(tier="premium", **silent())

    whole, own = superuser.get("queues/health").json(), owner.get("queues/health").json()

    assert whole == {
        "job_queue": {"message_count": 1, "consumer_count": 0},
        "vectorization_queue": {"message_count": 1, "consumer_count": 0},
        "dead_letter_queue": {"message_count": 0, "consumer_count": 0},
        "worker_status": {"alive": 2, "silent": 1},
    }
    nothing = {"message_count": 0, "consumer_count": 0}
    assert own == {**whole, "vectorization_queue": nothing, "worker_status": {"alive": 1, "silent": 0}}


@pytest.mark.parametrize("path", ["queues", "queues/health"])
def test_while_the_queue_is_away_that_is_told(
    owner: Caller, recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def away() -> None:
        raise BrokerUnavailable("amqp://etl_user@rabbit: connection refused")

    monkeypatch.setattr(recording, "statistics", away)

    answer = owner.get(path)

    assert (answer.status_code, answer.json()["type"]) == (503, "unavailable")
    assert answer.json()["detail"] == "the queue cannot be reached now: ask again later"
