"""`custom-fields` and `custom-fields/sync`."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from custommapping.models import CustomField, CustomFieldMapping, Project, ProjectCustomField
from etl.models import EtlJobRun, Overall, RunKind
from etl.queue.topology import CUSTOM_FIELDS_QUEUE
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.etl.api.callers import Caller
from tests.support.brokers import RecordingBroker
from tests.support.loading import offline_integration


@pytest.fixture
def integration(db: None) -> Integration:
    return offline_integration()


def a_field(integration: Integration, number: int, **more: Any) -> CustomField:
    known = {"external_id": f"customfield_{number}", "name": f"Field {number}", "field_type": "string", **more}
    return CustomField.objects.create(tenant=integration.tenant, integration=integration, **known)


def offers(integration: Integration, key: str, *ids: str) -> None:
    """A project that offers the fields of those ids."""
    known = {"tenant": integration.tenant, "integration": integration}
    Project.objects.create(**known, external_id=key, key=key, name=key)
    ProjectCustomField.objects.create(
        **known,
        project_key=key,
        integration_type="jira",
        discovered_fields=[{"external_id": field_id, "name": "x", "type": "string"} for field_id in ids],
        discovered_at=timezone.now(),
    )


def found(caller: Caller, **query: Any) -> list[str]:
    answer = caller.get("custom-fields", **query)
    assert answer.status_code == 200, answer.content
    return [field["external_id"].removeprefix("customfield_") for field in answer.json()["results"]]


def test_fields_are_found_by_integration_activity_type_and_words(caller: Caller, integration: Integration) -> None:
    other = offline_integration(name="Other")
    a_field(integration, 1, name="Team of 100%")
    a_field(integration, 2, active=False)
    a_field(integration, 3, field_type="number")
    a_field(other, 4)

    assert found(caller) == ["2", "3", "1", "4"]
    assert found(caller, integration_id=other.pk) == ["4"]
    assert found(caller, active="false") == ["2"]
    assert found(caller, active="true", integration_id=integration.pk) == ["3", "1"]
    assert found(caller, type="number") == ["3"]
    assert found(caller, search="tEAm") == ["1"]
    assert found(caller, search="0%") == ["1"]
    assert found(caller, search="FIELD_4") == ["4"]


def test_a_project_has_the_fields_that_it_offers(caller: Caller, integration: Integration) -> None:
    other = offline_integration(name="Other")
    for owner in (integration, other):
        for number in (1, 2):
            a_field(owner, number)
    offers(integration, "PAY", "customfield_1", "customfield_9")
    offers(other, "PAY", "customfield_2")
    offers(integration, "NEW")

    assert found(caller, project="PAY") == ["1", "2"]
    assert found(caller, project="PAY", integration_id=other.pk) == ["2"]
    assert found(caller, project="NEW") == []
    assert caller.get("custom-fields", project="OLD").json()["errors"] == {"project": ["there is no 'OLD'"]}
    assert caller.get("custom-fields", project="NEW", integration_id=other.pk).status_code == 404


def test_a_project_that_another_tenant_has_is_not_there(caller: Caller, integration: Integration) -> None:
    offers(offline_integration("Rival"), "PAY", "customfield_1")
    a_field(integration, 1)

    assert caller.get("custom-fields", project="PAY").status_code == 404


def test_a_field_is_told_with_its_column_and_its_profile(caller: Caller, integration: Integration) -> None:
    profile = {"items_seen": 3, "items_filled": 2, "distinct_values": 1, "examples": ["Falcons"]}
    team = a_field(integration, 1, schema={"type": "team"}, operations=["set"], **profile, profiled_at=timezone.now())
    unseen = a_field(integration, 2, items_seen=0, items_filled=0, profiled_at=timezone.now())
    a_field(integration, 3)
    CustomFieldMapping.objects.create(
        tenant=integration.tenant, integration=integration, team_field=team, custom_field_20=unseen
    )

    first, second, third = caller.get("custom-fields").json()["results"]

    assert first["profile"].pop("profiled_at") is not None
    assert first["profile"] == {**profile, "fill_rate": 0.6667}
    assert (first["schema"], first["operations"], first["field_type"]) == ({"type": "team"}, ["set"], "string")
    assert [field["column"] for field in (first, second, third)] == ["team", "custom_field_20", None]
    assert (second["profile"]["fill_rate"], third["profile"]) == (None, None)


def test_a_mapping_that_is_switched_off_fills_no_column(caller: Caller, integration: Integration) -> None:
    CustomFieldMapping.objects.create(
        tenant=integration.tenant, integration=integration, team_field=a_field(integration, 1), active=False
    )

    assert caller.get("custom-fields").json()["results"][0]["column"] is None


def test_a_page_of_fields_costs_the_same_queries_however_many_there_are(
    caller: Caller, integration: Integration
) -> None:
    for number in range(10):
        CustomFieldMapping.objects.get_or_create(
            tenant=integration.tenant, integration=integration, defaults={"team_field": a_field(integration, number)}
        )
        a_field(integration, 100 + number)
    counted = []
    for limit in (1, 11):
        with CaptureQueriesContext(connection) as queries:
            assert len(found(caller, limit=limit)) == limit
        counted.append(len(queries))

    assert counted[0] == counted[1]


def test_a_sync_is_queued_and_told(caller: Caller, integration: Integration, recording: RecordingBroker) -> None:
    answer = caller.post("custom-fields/sync", {"integration_id": integration.pk})

    run = EtlJobRun.objects.get()
    assert (answer.status_code, answer.json()["run_id"]) == (202, run.pk)
    assert answer.json()["status"]["overall"] == "READY"
    assert "jira_custom_fields" in answer.json()["status"]["steps"]
    assert (run.kind, run.trigger) == (RunKind.DISCOVERY, "API: otto")
    assert [message.queue for message in recording.published] == [CUSTOM_FIELDS_QUEUE]


def test_a_sync_that_is_open_is_not_doubled(
    caller: Caller, integration: Integration, recording: RecordingBroker
) -> None:
    answers = [caller.post("custom-fields/sync", {"integration_id": integration.pk}) for _ in range(2)]

    assert answers[0].json()["run_id"] == answers[1].json()["run_id"]
    assert len(recording.published) == 1


def test_the_state_of_the_last_sync_is_told(
    caller: Caller, integration: Integration, recording: RecordingBroker
) -> None:
    asked = {"integration_id": integration.pk}
    assert caller.get("custom-fields/sync", **asked).json() == {
        "run_id": None,
        "status": {"overall": "NOT_STARTED", "steps": {}},
    }
    first = caller.post("custom-fields/sync", asked).json()["run_id"]
    EtlJobRun.objects.update(status=Overall.FAILED, error_message="no answer")
    assert caller.get("custom-fields/sync", **asked).json()["error_message"] == "no answer"

    second = caller.post("custom-fields/sync", asked).json()["run_id"]

    assert second != first
    state = caller.get("custom-fields/sync", **asked).json()
    assert (state["run_id"], state["status"]["overall"], state["error_message"]) == (second, "READY", "")


def test_a_sync_of_an_inactive_integration_is_refused_with_the_reason(caller: Caller, integration: Integration) -> None:
    Integration.objects.update(active=False)

    answer = caller.post("custom-fields/sync", {"integration_id": integration.pk})

    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")
    assert "is inactive" in answer.json()["detail"]


def test_a_sync_of_a_site_without_custom_fields_is_refused_with_the_reason(
    caller: Caller, integration: Integration
) -> None:
    host = Integration.objects.create(tenant=Tenant.objects.get(), provider="github", name="Code")

    answer = caller.post("custom-fields/sync", {"integration_id": host.pk})

    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")
    assert "has no custom fields" in answer.json()["detail"]
