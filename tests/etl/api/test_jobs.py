"""`jobs`: lists, making and changing them, and their status."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from etl.jobs import lifecycle
from etl.models import EtlJob, EtlJobRun, Overall
from integrations.models import Integration
from tests.etl.api.callers import Caller, member
from tests.support.brokers import RecordingBroker
from tests.support.making import an_integration, job_of
from tests.support.threads import at_once

pytestmark = pytest.mark.usefixtures("recording")


@pytest.fixture
def job(integration: Integration) -> EtlJob:
    return job_of(integration)


def patch(caller: Caller, job: EtlJob, **said: Any) -> Any:
    return caller.send("PATCH", f"jobs/{job.pk}", body=said)


def test_jobs_are_found_by_what_they_are_in_the_order_of_their_turns(caller: Caller, job: EtlJob) -> None:
    other = job_of(an_integration("GitHub"))
    EtlJob.objects.filter(pk=job.pk).update(order=3)
    EtlJob.objects.filter(pk=other.pk).update(order=2, active=False)
    lifecycle.start(job.pk, trigger="test")

    def found(**query: Any) -> list[int]:
        return [row["id"] for row in caller.get("jobs", **query).json()["results"]]

    assert found() == [other.pk, job.pk]
    assert found(active="true") == found(status="RUNNING") == found(integration_id=job.integration_id) == [job.pk]
    assert found(status="FAILED") == []


def test_a_job_is_told_with_its_integration_its_status_and_its_open_run(caller: Caller, job: EtlJob) -> None:
    before = caller.get(f"jobs/{job.pk}").json()
    run = lifecycle.start(job.pk, trigger="test")

    after = caller.get(f"jobs/{job.pk}").json()

    assert (before["integration"], before["provider"], before["run_id"]) == ("Jira", "jira", None)
    assert (before["status"]["overall"], after["status"]["overall"]) == ("NOT_STARTED", "RUNNING")
    assert (after["run_id"], after["version"]) == (run.pk, EtlJob.objects.get().version)
    assert caller.get("jobs").json()["results"] == [after]


def test_a_job_says_what_can_be_done_to_it(caller: Caller, job: EtlJob) -> None:
    assert caller.get(f"jobs/{job.pk}").json()["actions"] == ["start", "reprocess", "reset"]
    lifecycle.start(job.pk, trigger="test")
    assert caller.get(f"jobs/{job.pk}").json()["actions"] == ["pause", "stop", "reset"]


def test_a_page_of_jobs_costs_the_same_queries_however_many_there_are(caller: Caller, job: EtlJob) -> None:
    for number in range(5):
        lifecycle.start(job_of(an_integration(f"Jira {number}")).pk, trigger="test")
    counted = []
    for limit in (1, 6):
        with CaptureQueriesContext(connection) as queries:
            assert len(caller.get("jobs", limit=limit).json()["results"]) == limit
        counted.append(len(queries))

    assert counted[0] == counted[1]


# Making and changing


def test_an_integration_may_have_one_more_job_which_waits_for_its_start(caller: Caller, job: EtlJob) -> None:
    said = {"name": "Nightly", "settings": {"cron": "0 3 * * *", "config": {"full_sync": True}}}

    answer = caller.post("jobs", {"integration_id": job.integration_id, **said})

    assert answer.status_code == 201
    made = EtlJob.objects.get(name="Nightly")
    assert (made.tenant_id, made.integration_id, made.order) == (job.tenant_id, job.integration_id, 2)
    assert (made.overall, made.next_run, made.settings) == (Overall.NOT_STARTED, None, said["settings"])
    assert answer.json() == caller.get(f"jobs/{made.pk}").json()
    assert answer.json()["status"] == job.status


def test_only_what_is_said_of_a_job_is_changed(caller: Caller, job: EtlJob) -> None:
    EtlJob.objects.filter(pk=job.pk).update(order=3, settings={"interval_minutes": 30})

    answer = patch(caller, job, name="Ours", active=False, next_run="2030-01-02T03:04:05+01:00")

    assert answer.status_code == 200
    told = answer.json()
    assert (told["name"], told["active"], told["next_run"]) == ("Ours", False, "2030-01-02T02:04:05Z")
    assert (told["order"], told["settings"], told["status"]) == (3, {"interval_minutes": 30}, job.status)
    assert patch(caller, job, next_run=None).json()["next_run"] is None
    assert patch(caller, job, settings={}).json()["settings"] == {}
    assert patch(caller, job).json()["name"] == "Ours"


def test_what_a_worker_wrote_meanwhile_stays(caller: Caller, job: EtlJob, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = EtlJob.full_clean

    def meanwhile(row: EtlJob, **options: Any) -> None:
        EtlJob.objects.filter(pk=row.pk).update(retry_count=7)
        whole(row, **options)

    monkeypatch.setattr(EtlJob, "full_clean", meanwhile)
    patch(caller, job, order=4)

    job.refresh_from_db()
    assert (job.order, job.retry_count) == (4, 7)


BAD = [
    ({"name": ""}, "name", "may not be blank"),
    ({"name": "a\nb"}, "name", "one line"),
    ({"name": "x" * 201}, "name", "no more than 200"),
    ({"order": 0}, "order", "0: Ensure"),
    ({"active": "perhaps"}, "active", '"perhaps": Must be'),
    ({"next_run": "soon"}, "next_run", '"soon": Datetime has wrong format'),
    ({"settings": None}, "settings", "may not be null"),
    ({"settings": {"cron": "every day"}}, "settings", "cron"),
    ({"settings": {"crom": "0 3 * * *"}}, "settings", "crom"),
    ({"settings": []}, "settings", "[]"),
    ({"status": {}}, "status", "is unknown"),
    ({"integration_id": 1}, "integration_id", "is unknown"),
]


@pytest.mark.parametrize(("said", "field", "message"), BAD)
def test_what_cannot_be_said_of_a_job_is_refused_with_its_name_and_value(
    caller: Caller, job: EtlJob, said: dict[str, Any], field: str, message: str
) -> None:
    before = EtlJob.objects.values().get()

    answer = patch(caller, job, **{"order": 9, **said})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field]), answer.content
    assert message in answer.json()["errors"][field][0]
    assert EtlJob.objects.values().get() == before


@pytest.mark.parametrize(("said", "field", "message"), BAD[:-1])
def test_no_job_is_made_of_what_cannot_be_said_of_one(
    caller: Caller, job: EtlJob, said: dict[str, Any], field: str, message: str
) -> None:
    answer = caller.post("jobs", {"integration_id": job.integration_id, "name": "Nightly", **said})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field]), answer.content
    assert message in answer.json()["errors"][field][0]
    assert EtlJob.objects.count() == 1


def test_two_jobs_of_an_integration_have_different_names(caller: Caller, job: EtlJob) -> None:
    other = lifecycle.create_job(job.integration, name="Nightly")

    made = caller.post("jobs", {"integration_id": job.integration_id, "name": "Nightly"})
    renamed = patch(caller, job, name="Nightly")

    for answer in (made, renamed):
        assert answer.status_code == 400
        assert answer.json()["errors"] == {"name": ["the integration has a job 'Nightly' already"]}
    assert patch(caller, other, name="Nightly").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_two_who_make_a_job_of_one_name_at_once_one_is_refused(recording: RecordingBroker) -> None:
    integration = an_integration()
    user, body = member("otto", integration.tenant), {"integration_id": integration.pk, "name": "Nightly"}

    answers = at_once(*[lambda: Caller(user).post("jobs", body).status_code] * 3)

    assert sorted(answers) == [201, 400, 400]


def test_no_job_is_made_for_an_integration_that_is_not_there(caller: Caller) -> None:
    answer = caller.post("jobs", {"integration_id": 10**9, "name": "Nightly"})

    assert (answer.status_code, list(answer.json()["errors"])) == (404, ["integration_id"])


# The status


def test_the_status_is_what_the_sockets_tell(caller: Caller, job: EtlJob) -> None:
    run = lifecycle.start(job.pk, trigger="test")

    told = caller.get(f"jobs/{job.pk}/status").json()

    job.refresh_from_db()
    assert (told["type"], told["tenant_id"], told["job_id"]) == ("job_status_update", job.tenant_id, job.pk)
    assert (told["status"], told["version"]) == (job.status, job.version)
    first = run.steps.order_by("order")[0].step
    assert told["progress"][first]["extraction"]["total"] >= 1


def test_a_job_that_is_stuck_is_made_ready_and_due(caller: Caller, job: EtlJob) -> None:
    run = lifecycle.start(job.pk, trigger="test")

    answer = caller.put(f"jobs/{job.pk}/status", {"status": "READY"})

    assert (answer.status_code, answer.json()["status"]["overall"]) == (200, "READY")
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.status, job.overall) == (Overall.STOPPED, Overall.READY)
    assert job.next_run is not None


@pytest.mark.parametrize("body", [{}, {"status": "FINISHED"}, {"status": "ready"}, {"status": None}])
def test_no_other_status_can_be_written(caller: Caller, job: EtlJob, body: dict[str, Any]) -> None:
    answer = caller.put(f"jobs/{job.pk}/status", body)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["status"])
    assert EtlJobRun.objects.count() == 0
