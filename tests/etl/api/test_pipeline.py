"""`transform`, `load`, `pipeline`: what is queued is done by workers, whatever is wrong beside it."""

from typing import Any

import pytest
from pytest_django import Settings

from etl import pipeline
from etl.models import EtlJobRun, Overall, Pr, QuarantinedRecord, RawExtractionData, RunKind, WorkItem
from etl.queue.topology import Stage
from integrations.models import Integration
from tests.etl.api.callers import Caller
from tests.integrations.providers.jira.samples import issue, page
from tests.integrations.test_plain import CHANGE, ITEM, PULL
from tests.support.brokers import RecordingBroker
from tests.support.driving import work_off
from tests.support.making import a_run, an_integration, raw_row
from tests.support.tables import versions

pytestmark = pytest.mark.usefixtures("recording")

STATUSES = [
    {"external_id": "1", "name": "To Do", "category": "To Do"},
    {"external_id": "2", "name": "Doing", "category": "In Progress"},
    {"external_id": "3", "name": "Done", "category": "Done"},
]
MOVES = [
    {**CHANGE, "from_id": "1", "from_name": "To Do", "to_id": "2", "to_name": "Doing"},
    {**CHANGE, "history_id": "11", "at": "2025-03-05T09:00:00Z", "from_id": "2", "from_name": "Doing"},
]


def worked_off() -> EtlJobRun:
    run = EtlJobRun.objects.filter(kind=RunKind.IMPORT).latest("id")
    work_off(run)
    return run


def sent(recording: RecordingBroker) -> list[tuple[Any, int]]:
    """The answers that workers were told of, with the priorities."""
    told = zip(recording.bodies(), recording.published, strict=True)
    return [(body["raw_data_id"], message.priority) for body, message in told if "raw_data_id" in body]


def transform(caller: Caller, rows: list[int], **more: Any) -> Any:
    return caller.post("transform", {"raw_data_ids": rows, "entity_type": "jira_issues", **more})


def load(caller: Caller, entity_type: str, *records: Any, **options: Any) -> Any:
    body = {"entity_type": entity_type, "transformed_data": list(records)}
    return caller.post("load", {**body, "load_options": options} if options else body)


def test_of_many_answers_those_are_transformed_that_can_be(caller: Caller, integration: Integration) -> None:
    run = a_run(integration)
    good = raw_row(run, status="failed", raw_data=page(issue(1)).content)
    other = raw_row(run, status="completed", entity_type="jira_fields")
    part = raw_row(run, status="completed", parent=other)
    elsewhere = raw_row(a_run(an_integration(tenant="Rival")), status="completed")

    answer = transform(caller, [good.pk, other.pk, part.pk, elsewhere.pk])

    assert answer.status_code == 202
    said = answer.json()
    assert (said["queued"], said["message"]) == ([good.pk], "1 of 4 queued for transform")
    assert {one["id"]: one["reason"] for one in said["refused"]} == {
        other.pk: "its entity type is jira_fields, not jira_issues",
        part.pk: f"it completes raw data {other.pk}: name that",
        elsewhere.pk: "there is no such raw data",
    }
    done = worked_off()
    assert (said["run_ids"], done.status) == ([done.pk], Overall.FINISHED)
    assert WorkItem.objects.get().key == "ORB-1"


def test_what_waits_already_goes_on_waiting_in_its_run(caller: Caller, integration: Integration) -> None:
    run = a_run(integration)
    row = raw_row(run)

    assert transform(caller, [row.pk]).json() | {"message": ""} == {
        "status": "success",
        "message": "",
        "queued": [row.pk],
        "refused": [],
        "run_ids": [run.pk],
    }
    assert RawExtractionData.objects.get(pk=row.pk).run == run


def test_where_nothing_can_be_transformed_each_reason_is_named(caller: Caller, integration: Integration) -> None:
    row = raw_row(a_run(integration), status="completed")

    answer = transform(caller, [row.pk, 10**9], transform_options={"only_failed": True})

    assert answer.status_code == 400
    assert answer.json()["errors"]["raw_data_ids"] == [
        f"{row.pk}: it is completed, and has not failed",
        f"{10**9}: there is no such raw data",
    ]
    assert transform(caller, [10**9]).status_code == 404
    unknown = transform(caller, [row.pk], transform_options={"speed": 9}).json()["errors"]
    assert unknown == {"transform_options.speed": ["is unknown; known are: only_failed"]}


def test_records_are_loaded_as_those_of_sites_are(caller: Caller, integration: Integration) -> None:
    assert load(caller, "statuses", *STATUSES).status_code == 202
    worked_off()

    answer = load(caller, "work_items", {**ITEM, "changes": MOVES}, {**ITEM, "external_id": "2", "created": "soon"})

    said = answer.json()
    assert (answer.status_code, said["message"]) == (202, "1 of 2 records queued for loading")
    assert [one["path"] for one in said["refused"]] == ["[1].created"]
    run = worked_off()
    assert (said["run_id"], run.status, run.quarantined) == (run.pk, Overall.FINISHED, 1)
    item = WorkItem.objects.get()
    assert (item.key, item.raw_data_id, item.project.name) == ("ORB-1", said["record_id"], "Orbit")
    assert (item.total_work_starts, item.total_work_time_seconds) == (1, 2 * 86400)
    refused = QuarantinedRecord.objects.get(resolved_at=None)
    assert (refused.external_id, refused.path) == ("2", "[1].created")


def test_what_is_loaded_once_more_is_written_only_where_it_is_newer(caller: Caller, integration: Integration) -> None:
    load(caller, "work_items", ITEM)
    worked_off()
    before = versions(integration.pk)

    load(caller, "work_items", ITEM)
    worked_off()
    assert versions(integration.pk) == before
    load(caller, "work_items", {**ITEM, "summary": "Old", "updated": "2025-03-04T00:00:00Z"})
    worked_off()
    assert WorkItem.objects.get().summary == "Thing 1"
    load(caller, "work_items", {**ITEM, "summary": "New", "updated": "2025-03-06T00:00:00Z"})
    worked_off()
    assert WorkItem.objects.get().summary == "New"


def test_stored_records_can_be_transformed_again(caller: Caller, integration: Integration) -> None:
    record_id = load(caller, "work_items", ITEM).json()["record_id"]
    worked_off()
    WorkItem.objects.update(summary="Spoilt")

    assert caller.post(f"raw-data/{record_id}/reprocess").status_code == 202
    worked_off()

    assert WorkItem.objects.get().summary == "Thing 1"


def test_records_of_which_none_is_good_are_refused_with_place_and_value(
    caller: Caller, integration: Integration
) -> None:
    bad = load(caller, "work_items", {**ITEM, "key": 7}, "text")

    assert bad.status_code == 400
    errors = bad.json()["errors"]
    assert errors["transformed_data[0].key"] == ["[0].key is 7, not a text"]
    assert "'text', not an object" in errors["transformed_data[1]"][0]
    table = load(caller, "prs", PULL, integration_id=integration.pk).json()["errors"]["entity_type"]
    assert table == ["'prs' is no table of jira's; known are: projects, wits, statuses, custom_fields, work_items"]
    assert "is no list of records" in load(caller, "work_items").json()["errors"]["transformed_data"][0]
    assert not RawExtractionData.objects.exists()


def test_where_several_integrations_take_such_records_one_must_be_named(
    caller: Caller, integration: Integration
) -> None:
    other = an_integration("Second")

    unclear = load(caller, "statuses", *STATUSES).json()["errors"]["load_options.integration_id"]

    assert "name one: integrations that take 'statuses' are: " in unclear[0]
    named = load(caller, "statuses", *STATUSES, integration_id=other.pk).json()
    assert RawExtractionData.objects.get(pk=named["record_id"]).integration == other


def test_pull_requests_are_loaded_into_a_code_host(caller: Caller, integration: Integration) -> None:
    Integration.objects.filter(pk=integration.pk).update(provider="github")

    assert load(caller, "prs", PULL).status_code == 202

    assert worked_off().status == Overall.FINISHED
    pull = Pr.objects.get()
    assert (pull.number, pull.state, pull.repository.full_name) == (12, "MERGED", "acme/web")


def test_what_is_urgent_goes_before_what_waits(
    caller: Caller, integration: Integration, recording: RecordingBroker, settings: Settings
) -> None:
    settings.WINDOW_TRANSFORM = 1
    body = {"integration_id": integration.pk, "entity_type": "jira_issues", "payload": page(issue(1)).content}

    answers = [caller.post("pipeline", {**body, **more}) for more in ({}, {"priority": 9}, {"priority": 2})]

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    ids = [answer.json()["record_id"] for answer in answers]
    assert answers[2].json()["message"] == "Queued with priority 2"
    assert sent(recording) == [(ids[0], 5), (ids[2], 2)]
    for raw_id in (ids[0], ids[2]):
        pipeline.handle(Stage.TRANSFORM, [raw_id])
    # What waited is woken with its own priority.
    assert sent(recording)[2:] == [(ids[1], 9)]
    run = worked_off()
    assert (run.status, answers[0].json()["run_id"]) == (Overall.FINISHED, run.pk)
    assert WorkItem.objects.get().key == "ORB-1"


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"priority": 0}, "priority", "0: "),
        ({"priority": 11}, "priority", "11: "),
        ({"entity_type": "builds"}, "entity_type", "'builds' is unknown; known are: jira_projects, "),
        ({"payload": "x"}, "payload", '"x": is neither an object nor a list'),
    ],
)
def test_what_cannot_go_through_is_named(
    caller: Caller, integration: Integration, changed: dict[str, Any], field: str, message: str
) -> None:
    good = {"integration_id": integration.pk, "entity_type": "jira_issues", "payload": {"issues": []}}

    answer = caller.post("pipeline", {**good, **changed})

    assert answer.status_code == 400
    assert message in answer.json()["errors"][field][0]
    assert not RawExtractionData.objects.exists()
