"""The page of all jobs: its cards, filters and pages, for each role; and what a script is told."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from etl.jobs import lifecycle
from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from integrations.models import Integration
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named
from tests.etl.admin.rows import HOSTILE, Rows

MOST_QUERIES = 30
AS_SCRIPT = {"Accept": "application/json"}


def job_of(rows: Rows, number: int = 1) -> EtlJob:
    """The job that came with the tenant's integration."""
    return EtlJob.objects.get(integration=rows.row(Integration, number))


def in_state(job: EtlJob, state: Overall) -> EtlJob:
    lifecycle.write_overall(job, state)
    return job


def overall(job: EtlJob) -> Overall:
    return EtlJob.objects.get(pk=job.pk).overall


def settings_of(response: Any) -> dict[str, Any]:
    """What the page tells its script."""
    assert response.status_code == 200
    content = response.content.decode()
    assert HOSTILE not in content
    (found,) = re.findall(r'<script id="jobs-settings" type="application/json">(.*?)</script>', content)
    return dict(json.loads(found))


def shown(client: Client, **asked: Any) -> list[int]:
    """The jobs that the page shows, and its list of more as well."""
    ids = [card["id"] for card in settings_of(client.get(addresses.list_of(EtlJob), asked))["list"]["jobs"]]
    assert [card["id"] for card in client.get(named(EtlJob, "cards"), asked).json()["jobs"]] == ids
    return ids


def test_the_page_shows_the_tenants_jobs_what_is_urgent_first(operator: Client, acme: Rows, rival: Rows) -> None:
    ready, failed, runs = (
        in_state(job_of(acme, number), state)
        for number, state in ((1, Overall.READY), (2, Overall.FAILED), (3, Overall.RUNNING))
    )
    job_of(rival)
    assert shown(operator) == [runs.pk, failed.pk, ready.pk]


def test_jobs_are_filtered_by_state_integration_and_name(operator: Client, acme: Rows) -> None:
    failed, other = in_state(job_of(acme), Overall.FAILED), job_of(acme, 2)
    EtlJob.objects.filter(pk=other.pk).update(name="Nightly")
    Integration.objects.filter(pk=other.integration_id).update(name="Payments")
    assert shown(operator, state="FAILED") == [failed.pk]
    assert shown(operator, state="PAUSED") == []
    assert shown(operator, integration=other.integration_id) == [other.pk]
    assert shown(operator, q="night") == shown(operator, q="payme") == [other.pk]
    assert shown(operator, q="night", state="FAILED") == []


def test_the_table_is_filtered_by_state(operator: Client, acme: Rows) -> None:
    failed, other = in_state(job_of(acme), Overall.FAILED), job_of(acme, 2)
    found = operator.get(named(EtlJob, "table"), {"state": "FAILED"}).context["cl"].result_list
    assert failed in found
    assert other not in found


def test_jobs_that_are_overdue_are_found(operator: Client, acme: Rows) -> None:
    late = in_state(job_of(acme), Overall.READY)
    in_state(job_of(acme, 2), Overall.READY)
    EtlJob.objects.filter(pk=late.pk).update(next_run=timezone.now() - timedelta(hours=1))
    assert shown(operator, state="LATE") == [late.pk]


def test_further_pages_go_on_where_the_first_ended(operator: Client, acme: Rows) -> None:
    jobs = [in_state(job_of(acme, number), Overall.READY) for number in range(1, 6)]
    in_state(jobs[3], Overall.FAILED)
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = f"{named(EtlJob, 'cards')}?limit=2&cursor={cursor}"
        answer = operator.get(asked).json()
        found += [card["id"] for card in answer["jobs"]]
        cursor = answer["next"]
    assert found == [jobs[3].pk, *(job.pk for job in jobs if job != jobs[3])]


@pytest.mark.parametrize(
    ("name", "value"), [("state", "GONE"), ("integration", "x"), ("limit", "501"), ("limit", "0"), ("cursor", "x")]
)
def test_what_cannot_be_asked_is_named_and_the_page_shows_all(
    operator: Client, acme: Rows, name: str, value: str
) -> None:
    job = job_of(acme)
    answer = operator.get(named(EtlJob, "cards"), {name: value})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])
    page = operator.get(addresses.list_of(EtlJob), {name: value})
    assert [card["id"] for card in settings_of(page)["list"]["jobs"]] == [job.pk]


def test_an_integration_of_another_tenant_is_none_to_choose(operator: Client, acme: Rows, rival: Rows) -> None:
    job_of(acme)
    answer = operator.get(named(EtlJob, "cards"), {"integration": job_of(rival).integration_id})
    assert answer.status_code == 400
    assert "Rival" not in operator.get(addresses.list_of(EtlJob)).content.decode()


def test_a_viewer_is_offered_nothing_and_an_operator_all(viewer: Client, operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    for address in (addresses.list_of(EtlJob), addresses.page_of(job)):
        seen, operated = settings_of(viewer.get(address)), settings_of(operator.get(address))
        assert (seen["operates"], seen["buttons"]) == (False, [])
        assert seen["list"]["jobs"][0]["id"] == job.pk
        assert operated["operates"] is True
        assert [button["name"] for button in operated["buttons"] if button["question"]] == [
            "stop",
            "reprocess",
            "reset",
        ]


def test_each_listens_to_the_jobs_that_they_may_see(viewer: Client, superuser: Client, acme: Rows) -> None:
    job_of(acme)
    address = addresses.list_of(EtlJob)
    assert settings_of(viewer.get(address))["socket"] == f"/ws/jobs/{acme.tenant.pk}"
    assert settings_of(superuser.get(address))["socket"] == "/ws/jobs"


def test_staff_without_a_tenant_get_no_cards(stray: Client, acme: Rows) -> None:
    job_of(acme)
    assert stray.get(named(EtlJob, "cards")).status_code == 403
    assert stray.get(named(EtlJob, "table")).status_code == 403


def many_jobs(integration: Integration, count: int) -> None:
    """As many jobs, each with two runs; three of them run."""
    owner = {"tenant": integration.tenant, "integration": integration}
    jobs = [EtlJob(**owner, name=f"Job {number}", status={"overall": "FINISHED"}) for number in range(count)]
    runs = [
        EtlJobRun(**owner, job=job, kind=kind, status=Overall.FINISHED, finished_at=timezone.now())
        for job in EtlJob.objects.bulk_create(jobs)
        for kind in (RunKind.SYNC, RunKind.WEBHOOK)
    ]
    EtlJobRun.objects.bulk_create(runs)
    for job in jobs[:3]:
        EtlJob.objects.filter(pk=job.pk).update(status={"overall": "RUNNING"})
    EtlJobRun.objects.filter(job=jobs[0], kind=RunKind.SYNC).update(status=Overall.RUNNING)


def test_five_hundred_jobs_cost_as_few_queries_as_five(operator: Client, acme: Rows) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(operator.get(address).content) > 0
        return len(captured)

    pages = [addresses.list_of(EtlJob), f"{addresses.list_of(EtlJob)}?limit=500", named(EtlJob, "table")]
    many_jobs(acme.row(Integration), 5)
    few = [queries(page) for page in pages]
    many_jobs(acme.row(Integration, 2), 495)

    many = [queries(page) for page in pages]

    assert EtlJob.objects.count() > 500
    assert len(settings_of(operator.get(pages[1]))["list"]["jobs"]) == 500
    assert max(many) <= MOST_QUERIES
    assert all(more <= less + 1 for more, less in zip(many, few, strict=True))


# What a script is told


def test_a_script_that_presses_a_button_is_told_what_was_done_with_the_jobs_card(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    answer = operator.post(named(EtlJob, "act", job.pk), {"act": "start"}, headers=AS_SCRIPT).json()
    run = EtlJobRun.objects.get()
    assert answer["told"] == [
        {"level": "success", "text": f"{job.name} was started: run {run.pk}.", "link": addresses.page_of(run)}
    ]
    (card,) = answer["jobs"]
    assert (card["id"], card["overall"], card["actions"]) == (job.pk, "RUNNING", ["pause", "stop", "reset"])
    # It is not told a second time.
    assert not list(operator.get(addresses.list_of(EtlJob)).context["messages"])


def test_a_script_is_told_why_something_was_not_done(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    answer = operator.post(named(EtlJob, "act", job.pk), {"act": "resume"}, headers=AS_SCRIPT).json()
    (told,) = answer["told"]
    assert (told["level"], told["link"]) == ("error", "")
    assert told["text"].startswith(f"{job.name} was not resumed: job {job.pk}")


def test_what_cannot_be_undone_is_asked_first_of_those_without_script(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    lifecycle.start(job.pk, trigger="test")
    act = named(EtlJob, "act", job.pk)

    asked = operator.post(act, {"act": "stop"})

    assert 'data-confirm="Stop the job? ' in operator.get(addresses.page_of(job)).content.decode()
    assert "the run cannot go on afterwards" in asked.content.decode()
    assert overall(job) == Overall.RUNNING
    operator.post(act, {**dict(asked.context["given"]), asked.context["confirmed"]: "1"})
    assert overall(job) == Overall.STOPPED


def test_the_table_asks_before_it_stops_many(operator: Client, acme: Rows) -> None:
    jobs = [job_of(acme, number) for number in (1, 2)]
    for job in jobs:
        lifecycle.start(job.pk, trigger="test")
    table = named(EtlJob, "table")

    asked = operator.post(table, {"action": "stop", "_selected_action": [job.pk for job in jobs]})

    assert asked.context["rows"] == [str(job) for job in jobs]
    assert [overall(job) for job in jobs] == [Overall.RUNNING] * 2
    given = [(name, value) for name, value in asked.context["given"]]
    form = {name: [value for other, value in given if other == name] for name, _ in given}
    operator.post(table, {**form, "confirmed": "1"})
    assert [overall(job) for job in jobs] == [Overall.STOPPED] * 2


def test_a_script_gets_the_form_of_a_run_with_options_and_starts_it(operator: Client, acme: Rows) -> None:
    job = job_of(acme)
    EtlJob.objects.filter(pk=job.pk).update(settings={"config": {"full_sync": True}})
    address = named(EtlJob, "run", job.pk)

    fields = {field["name"]: field for field in operator.get(address, headers=AS_SCRIPT).json()["fields"]}

    assert (fields["full_sync"]["kind"], fields["full_sync"]["value"]) == ("flag", True)
    assert fields["steps"]["kind"] == "choices"
    assert ["jira_issues_with_changelogs", "Issues & Changelogs"] in fields["steps"]["choices"]
    assert (fields["updated_from"]["kind"], fields["batch_size"]["kind"]) == ("text", "number")
    refused = operator.post(address, {"updated_from": "yesterday"}, headers=AS_SCRIPT).json()
    assert "updated_from is 'yesterday'" in refused["errors"]["updated_from"][0]
    assert not EtlJobRun.objects.exists()
    answer = operator.post(address, {"full_sync": "on"}, headers=AS_SCRIPT).json()
    run = EtlJobRun.objects.get()
    assert (answer["errors"], answer["told"][0]["link"]) == ({}, addresses.page_of(run))
    assert run.config["full_sync"] is True
    assert answer["jobs"][0]["overall"] == "RUNNING"


def test_a_script_of_a_viewer_or_a_stranger_moves_nothing(
    viewer: Client, operator: Client, acme: Rows, rival: Rows
) -> None:
    own, other = job_of(acme), job_of(rival)
    for client, job, status in ((viewer, own, 403), (operator, other, 404)):
        assert client.post(named(EtlJob, "act", job.pk), {"act": "start"}, headers=AS_SCRIPT).status_code == status
        assert client.post(named(EtlJob, "run", job.pk), {}, headers=AS_SCRIPT).status_code == status
        assert client.get(named(EtlJob, "run", job.pk), headers=AS_SCRIPT).status_code == status
        assert overall(job) == Overall.NOT_STARTED


def test_a_plan_that_was_opened_before_the_schedule_wrote_leaves_the_next_run_as_it_is(
    operator: Client, acme: Rows
) -> None:
    job = job_of(acme)
    opened = operator.get(addresses.page_of(job)).context["adminform"].form
    initial = {f"initial-next_run_{part}": "" for part in (0, 1)}
    assert opened.fields["next_run"].show_hidden_initial
    due = timezone.now() + timedelta(hours=1)
    EtlJob.objects.filter(pk=job.pk).update(next_run=due)
    form = {"name": "Nightly", "order": "1", "active": "on", "settings": "{}", "next_run_0": "", "next_run_1": ""}

    assert operator.post(addresses.page_of(job), {**form, **initial}).status_code == 302

    job.refresh_from_db()
    assert (job.name, job.next_run) == ("Nightly", due)
