"""The page of queues and workers tells how full and how late queues are, and who works on what."""

import re
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from etl.admin import queues
from etl.jobs.ages import waiting
from etl.models import DeadLetter, ExtractionCheckpoint, WorkerRow
from etl.queue.broker import BrokerUnavailable, QueueStatistics
from etl.queue.topology import ALL_QUEUES, JOBS_QUEUE, Stage, Tier
from etl.sql import execute
from etl.workers import statistics
from integrations.models import Integration
from pulse.postgres.scope import owner_scope
from tests.etl.admin.pressing import named
from tests.etl.admin.rows import HOSTILE, Rows
from tests.etl.admin.test_workers import asked, worker
from tests.support.making import a_run, an_integration, checkpoint, raw_row, vector

PART = {"X-Part": "1"}
EXTRACTION = "extraction_queue_free"
MOST_QUERIES = 12


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, QueueStatistics]:
    """What the broker says of each queue."""
    found = {name: QueueStatistics(name, 0, 2, publish_rate=12.34, deliver_rate=0.0) for name in ALL_QUEUES}
    found[JOBS_QUEUE] = QueueStatistics(JOBS_QUEUE, 7, 0, unacknowledged=3)
    monkeypatch.setattr(statistics, "queues", lambda: list(found.values()))
    return found


def ago(**passed: float) -> Any:
    return timezone.now() - timedelta(**passed)


def a_unit(tier: str = "free", **said: Any) -> ExtractionCheckpoint:
    run = a_run(an_integration(f"Jira {Integration.objects.count()}", tenant=f"Of {tier}", tier=tier))
    changed = said.pop("last_updated_at", None)
    unit = ExtractionCheckpoint.objects.create(
        tenant_id=run.tenant_id, integration_id=run.integration_id, run=run, step="s", partition_key="p", **said
    )
    if changed:
        ExtractionCheckpoint.objects.filter(pk=unit.pk).update(last_updated_at=changed)
    return unit


def figures(client: Client, queue: str, **headers: str) -> dict[str, str]:
    """What the page says of a queue, by the figure's name."""
    content = client.get(named(WorkerRow, "queues"), headers=headers).content.decode()
    row = re.search(rf'<tr id="queue-{re.escape(queue)}">(.*?)</tr>', content, re.DOTALL)
    assert row
    cells = re.findall(r'data-figure="(\w+)">(.*?)</(?:td|span)>', row.group(1), re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]*>", "", text).split()) for name, text in cells}


def test_each_queue_is_shown_with_its_figures(superuser: Client, told: object) -> None:
    for name in ALL_QUEUES:
        shown = figures(superuser, name)
        expected = ("7", "3", "?", "?") if name == JOBS_QUEUE else ("0", "?", "12.3", "?")
        assert (shown["waiting"], shown["in_hand"], shown["in"], shown["out"]) == expected


def test_a_queue_that_nobody_serves_says_so(superuser: Client, told: object) -> None:
    assert figures(superuser, JOBS_QUEUE)["consumers"] == "0 ▲ nobody takes them"
    assert figures(superuser, EXTRACTION)["consumers"] == "2"


def test_the_age_of_the_oldest_unit_is_that_of_its_stage_and_tier(superuser: Client, told: object) -> None:
    a_unit(published_at=ago(minutes=2))
    a_unit(published_at=ago(minutes=4))
    a_unit("premium", published_at=ago(hours=3))

    assert figures(superuser, EXTRACTION)["oldest"].startswith("4 min")
    assert figures(superuser, "extraction_queue_premium")["oldest"].startswith("▲ 3 h")
    assert figures(superuser, "extraction_queue_basic")["oldest"] == "–"
    assert figures(superuser, "transform_queue_free")["oldest"] == "–"


def test_what_a_worker_has_taken_waits_no_more_and_what_nobody_was_told_of_is_still_to_come(db: None) -> None:
    a_unit(status="processing", published_at=ago(hours=9))
    a_unit(status="completed", published_at=ago(hours=9))
    assert waiting()[Stage.EXTRACTION, Tier.FREE].told is None
    assert waiting()[Stage.EXTRACTION, Tier.FREE].untold is None

    a_unit(last_updated_at=ago(seconds=90))

    found = waiting()[Stage.EXTRACTION, Tier.FREE]
    assert found.told is None
    assert found.untold == pytest.approx(90, abs=60)


@pytest.mark.parametrize(
    ("make", "unique"), [(checkpoint, "partition_key"), (raw_row, "external_id"), (vector, "external_id")]
)
def test_ages_are_looked_up_in_indexes(make: Callable[..., Any], unique: str, db: None) -> None:
    first = make(a_run())
    model = type(first)
    # As tables are, whatever the planner knew before: of many few wait, half of them told.
    others = [copy(first) for _ in range(3000)]
    for number, row in enumerate(others):
        row.pk, row._state.adding, row.published_at = None, True, ago(hours=1) if number % 2 else None
        row.status = "completed" if number % 20 > 1 else "pending"
        setattr(row, unique, f"other {number}")
    model.objects.bulk_create(others)
    with owner_scope():
        execute(f"ANALYZE {model._meta.db_table}", [])

    with CaptureQueriesContext(connection) as captured:
        waiting()
    table = model._meta.db_table
    (asked_of,) = [query["sql"] for query in captured.captured_queries if f"FROM {table} " in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked_of}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    short = {"extraction_checkpoints": "checkpoints", "raw_extraction_data": "raw", "qdrant_vectors": "vectors"}[table]
    assert f"{short}_published" in plan
    assert f"{short}_waiting" in plan


def test_a_worker_is_shown_with_its_heartbeat_memory_and_what_it_has_in_hand(superuser: Client, told: object) -> None:
    run = a_run()
    holding = [
        {
            "stage": "extraction",
            "ids": [4, 5, 6, 7],
            "run_id": run.pk,
            "step": "s",
            "since": ago(minutes=3).isoformat(),
        },
        {"stage": HOSTILE, "ids": [1], "run_id": 0, "since": "no moment"},
    ]
    row = worker(holding=holding, memory_mib=212.4, peak_mib=1300.6, stages=["extraction"])
    silent = worker(pid=2)
    WorkerRow.objects.filter(pk=silent.pk).update(heartbeat_at=ago(hours=1))
    worker(pid=3, ended="memory", active=False)

    content = superuser.get(named(WorkerRow, "queues")).content.decode()

    rows = dict(re.findall(r'<tr id="worker-(\d+)">(.*?)</tr>', content, re.DOTALL))
    assert set(rows) == {str(row.pk), str(silent.pk)}
    first = " ".join(re.sub(r"<[^>]*>", " ", rows[str(row.pk)]).split())
    assert f"extraction 4, 5, 6… of run {run.pk} for 3 min" in first
    assert "212 / 1301" in first
    assert f'href="/admin/etl/etljobrun/{run.pk}/change/"' in rows[str(row.pk)]
    assert "silent" in rows[str(silent.pk)]
    assert "1 h" in rows[str(silent.pk)]
    assert HOSTILE not in content


def test_a_script_is_given_the_part_alone_and_with_few_queries(superuser: Client, told: object) -> None:
    for number in range(5):
        worker(pid=number, holding=[{"stage": "extraction", "ids": [1], "run_id": number}])
    DeadLetter.objects.create(queue="etl.jobs", body="{", error="not JSON")

    with CaptureQueriesContext(connection) as captured:
        content = superuser.get(named(WorkerRow, "queues"), headers=PART).content.decode()

    assert "<html" not in content
    assert "Open dead letters</a><strong>1</strong>" in content
    assert len(captured) <= MOST_QUERIES


def test_queues_that_cannot_be_asked_are_said_to_be_away_and_workers_are_shown_all_the_same(
    superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> list[QueueStatistics]:
        raise BrokerUnavailable("nobody answers at rabbit:5672")

    monkeypatch.setattr(statistics, "queues", away)
    row = worker()

    content = superuser.get(named(WorkerRow, "queues")).content.decode()

    assert "nobody answers at rabbit:5672" in content
    assert f'id="worker-{row.pk}"' in content


def test_a_worker_is_restarted_from_the_page(superuser: Client, told: object) -> None:
    row, other = worker(), worker(pid=2)

    response = superuser.post(named(WorkerRow, "queues"), {"restart": row.pk, "confirmed": "1"}, follow=True)

    assert [str(message) for message in response.context["messages"]] == ["machine:1 was told to begin anew."]
    assert asked() == {row.pk: "restart", other.pk: ""}


@pytest.mark.parametrize("wanted", ["", "x", "-1", "9" * 30, "4711"])
def test_there_must_be_such_a_worker(wanted: str, superuser: Client) -> None:
    assert superuser.post(named(WorkerRow, "queues"), {"restart": wanted, "confirmed": "1"}).status_code == 404


def test_the_page_is_for_superusers(administrator: Client, viewer: Client, stray: Client, client: Client) -> None:
    for person in (administrator, viewer, stray):
        assert person.get(named(WorkerRow, "queues"), headers=PART).status_code == 403
    assert client.get(named(WorkerRow, "queues")).status_code == 302


def test_a_superuser_who_looks_at_one_tenant_sees_the_queues_of_all(
    superuser: Client, told: object, acme: Rows
) -> None:
    a_unit("basic", published_at=ago(minutes=2))
    session = superuser.session
    session["chosen_tenant"] = acme.tenant.pk
    session.save()

    assert figures(superuser, "extraction_queue_basic")["oldest"].startswith("2 min")


def test_an_unknown_entry_of_a_heartbeat_is_shown_as_it_is() -> None:
    assert queues.said("something") == "something"
