"""`raw-data`: answers that other tools hand in, look for, and say something of."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from etl.api import raw_data
from etl.jobs import units
from etl.jobs.sweep import sweep
from etl.jobs.units import LeaseLost
from etl.models import EtlJobRun, Overall, RawExtractionData, RunKind, WorkItem
from integrations.models import Integration
from tests.etl.api.callers import Caller
from tests.integrations.providers.jira.samples import issue, page
from tests.support.brokers import RecordingBroker
from tests.support.driving import work_off
from tests.support.making import a_run, change, raw_row

pytestmark = pytest.mark.usefixtures("recording")

ISSUES = {"entity_type": "jira_issues", "raw_data": page(issue(1)).content}
OURS = {"entity_type": "acme_builds", "raw_data": {"builds": [1]}}


def store(caller: Caller, integration: Integration, **said: Any) -> Any:
    return caller.post("raw-data/store", {"integration_id": integration.pk, **said})


def row_of(answer: Any) -> RawExtractionData:
    return RawExtractionData.objects.get(pk=answer.json()["record_id"])


def put(caller: Caller, row: RawExtractionData, status: str, **more: Any) -> Any:
    return caller.put(f"raw-data/{row.pk}/status", {"status": status, **more})


def import_run() -> EtlJobRun:
    return EtlJobRun.objects.filter(kind=RunKind.IMPORT).latest("id")


def test_what_is_stored_workers_transform(caller: Caller, integration: Integration, recording: RecordingBroker) -> None:
    metadata = {"jql": "project = ORB", "extracted_at": "2025-03-10T00:00:00Z"}

    answer = store(caller, integration, **ISSUES, external_id="batch_1", extraction_metadata=metadata)

    row = row_of(answer)
    assert answer.status_code == 201
    assert answer.json() == {
        "status": "success",
        "record_id": row.pk,
        "message": "Raw data stored successfully",
    }
    assert (row.external_id, row.extraction_metadata["extracted_at"]) == ("batch_1", "2025-03-10T00:00:00Z")
    assert [body["raw_data_id"] for body in recording.bodies()] == [row.pk]
    run = import_run()
    assert (run.trigger, row.run) == ("API: otto", run)
    work_off(run)
    assert (run.status, WorkItem.objects.get().key) == (Overall.FINISHED, "ORB-1")
    told = caller.get(f"raw-data/{row.pk}").json()
    assert (told["processing_status"], told["records"], told["raw_data"]) == ("completed", 1, ISSUES["raw_data"])


def test_who_stores_more_meanwhile_shares_the_open_run(caller: Caller, integration: Integration) -> None:
    first = row_of(store(caller, integration, **ISSUES))
    second = row_of(store(caller, integration, entity_type="jira_statuses", raw_data=[]))
    assert first.run == second.run
    work_off(import_run())

    assert row_of(store(caller, integration, **ISSUES)).run not in (None, first.run)


def test_what_no_provider_knows_is_left_to_who_asks_for_it(
    caller: Caller, integration: Integration, recording: RecordingBroker
) -> None:
    answer = store(caller, integration, **OURS)

    row = row_of(answer)
    assert "it is not queued: no provider knows the entity type acme_builds" in answer.json()["message"]
    assert (row.run, row.status, recording.published) == (None, "pending", [])
    found = caller.get("raw-data", entity_type="acme_builds", status="pending").json()["results"]
    assert found == [
        {
            "id": row.pk,
            "entity_type": "acme_builds",
            "external_id": "",
            "raw_data": {"builds": [1]},
            "processing_status": "pending",
            "created_at": found[0]["created_at"],
        }
    ]
    for status, is_over in (("processing", False), ("completed", True), ("pending", False)):
        said = put(caller, row, status).json()
        assert said == {"status": "success", "message": f"Status updated to {status}"}
        row.refresh_from_db()
        assert (row.status, row.processed_at is not None, row.run) == (status, is_over, None)
    assert caller.post(f"raw-data/{row.pk}/reprocess").status_code == 409


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ({**OURS, "entity_type": "github_pull_requests"}, "entity_type", "'github_pull_requests' is none of jira"),
        ({**OURS, "entity_type": "prs"}, "entity_type", "'prs' is none of jira"),
        ({**ISSUES, "raw_data": {"issue": 1}}, "raw_data", "issues"),
        ({**OURS, "raw_data": 7}, "raw_data", "7: is neither an object nor a list"),
        ({**OURS, "raw_data": None}, "raw_data", "null"),
        ({**OURS, "extraction_metadata": {"gone": 5}}, "extraction_metadata.gone", "a name that Pulse uses itself"),
        ({**OURS, "extraction_metadata": [1]}, "extraction_metadata", "[1]"),
        ({**OURS, "entity_type": "x" * 51}, "entity_type", "50"),
    ],
)
def test_what_cannot_be_stored_is_named(
    caller: Caller, integration: Integration, said: dict[str, Any], field: str, message: str
) -> None:
    answer = store(caller, integration, **said)

    assert answer.status_code == 400, answer.content
    assert message in answer.json()["errors"][field][0]
    assert not RawExtractionData.objects.exists()
    assert not EtlJobRun.objects.exists()


def test_what_is_stored_comes_back_as_it_was(caller: Caller, integration: Integration) -> None:
    body = b'{"integration_id": %d, "entity_type": "x", "raw_data": {"n": [%d, 1.50, "\\u00e9"]},' % (
        integration.pk,
        10**30,
    )
    stored = caller.post("raw-data/store", body + b'"extraction_metadata": {"n": %d}}' % 10**30)

    answer = caller.get(f"raw-data/{stored.json()['record_id']}")

    assert b'"raw_data":{"n": [1000000000000000000000000000000, 1.5' in answer.content
    assert answer.json()["raw_data"]["n"][2] == "é"
    assert float(answer.json()["extraction_metadata"]["n"]) == 1e30


def test_answers_are_listed_oldest_first_and_what_is_left_out_is_not_read(
    caller: Caller, integration: Integration
) -> None:
    rows = [row_of(store(caller, integration, **OURS, external_id=str(number))) for number in range(3)]

    with CaptureQueriesContext(
        connection,
    ) as queries:
        first = caller.get("raw-data", limit=2, fields="id,processing_status").json()
    second = caller.get("raw-data", limit=2, fields="id", cursor=first["next"]).json()

    assert first["results"] == [{"id": row.pk, "processing_status": "pending"} for row in rows[:2]]
    assert second == {"results": [{"id": rows[2].pk}], "next": None}
    assert not [query for query in queries if '"raw_data"' in query["sql"]]
    assert [row["id"] for row in caller.get("raw-data", external_id="1").json()["results"]] == [rows[1].pk]


def test_a_page_ends_before_it_has_more_than_fits(
    caller: Caller, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row_of(store(caller, integration, **OURS)) for _ in range(3)]
    monkeypatch.setattr(raw_data, "MOST_STORED_BYTES", 1)

    seen: list[list[int]] = []
    after: dict[str, str] | None = {}
    while after is not None:
        answer = caller.get("raw-data", **after).json()
        seen.append([row["id"] for row in answer["results"]])
        after = {"cursor": answer["next"]} if answer["next"] else None

    assert seen == [[row.pk] for row in rows]


def test_what_another_tool_says_counts_and_whoever_has_it_in_hand_loses_it(
    caller: Caller, integration: Integration
) -> None:
    row = row_of(store(caller, integration, **ISSUES))
    lease = units.take(RawExtractionData, [row.pk])
    assert lease

    answer = put(caller, row, "failed", error_details="no such build")

    assert answer.json()["message"] == "Status updated to failed"
    row.refresh_from_db()
    assert (row.status, row.error_details) == ("failed", {"error": "no such build"})
    assert row.processed_at is not None
    assert import_run().status == Overall.FAILED
    with pytest.raises(LeaseLost), units.ending(lease):
        pass


def test_what_fails_is_told_why_and_nothing_else_is(caller: Caller, integration: Integration) -> None:
    row = row_of(store(caller, integration, **OURS))

    assert put(caller, row, "failed", error_details={"code": 7}).status_code == 200
    row.refresh_from_db()
    assert row.error_details == {"code": 7}
    assert "goes with failed" in put(caller, row, "completed", error_details="x").json()["errors"]["error_details"][0]
    assert "7: is neither" in put(caller, row, "failed", error_details=7).json()["errors"]["error_details"][0]
    assert "is none of: pending, processing" in put(caller, row, "cancelled").json()["errors"]["status"][0]


def test_what_another_tool_took_in_an_open_run_and_never_ended_waits_again(
    caller: Caller, integration: Integration
) -> None:
    row = row_of(store(caller, integration, **ISSUES))
    put(caller, row, "processing")
    row.refresh_from_db()
    assert row.lease_until is not None

    change(row, "lease_until = now() - interval '1 second'")
    sweep()

    row.refresh_from_db()
    assert row.status == "pending"


def test_an_answer_is_transformed_once_more(caller: Caller, integration: Integration) -> None:
    row = row_of(store(caller, integration, **ISSUES))
    work_off(import_run())
    WorkItem.objects.update(summary="Spoilt")

    answer = caller.post(f"raw-data/{row.pk}/reprocess")

    run = import_run()
    assert answer.status_code == 202
    assert answer.json() == {
        "status": "success",
        "message": "1 of 1 queued for transform",
        "queued": [row.pk],
        "refused": [],
        "run_ids": [run.pk],
    }
    # Once more, while it waits: it goes on waiting there.
    assert caller.post(f"raw-data/{row.pk}/reprocess").json()["run_ids"] == [run.pk]
    work_off(run)
    assert (run.status, WorkItem.objects.get().summary) == (Overall.FINISHED, "Thing 1")


def test_pending_again_is_queued_again(caller: Caller, integration: Integration) -> None:
    row = row_of(store(caller, integration, **ISSUES))
    work_off(import_run())

    assert put(caller, row, "pending").status_code == 200

    row.refresh_from_db()
    assert (row.status, row.run, row.processed_at) == ("pending", import_run(), None)


def test_what_only_completes_another_answer_has_no_state_of_its_own(caller: Caller, integration: Integration) -> None:
    run = a_run(integration)
    whole = raw_row(run, status="completed")
    part = raw_row(run, status="completed", entity_type="jira_changelogs", parent=whole)
    cut = raw_row(run, is_complete=False)

    for row, reason in ((part, f"it completes raw data {whole.pk}"), (cut, "it waits for what completes it")):
        for answer in (put(caller, row, "completed"), caller.post(f"raw-data/{row.pk}/reprocess")):
            assert answer.status_code == 409
            assert reason in answer.json()["detail"]
