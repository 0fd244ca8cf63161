"""Runs of a provider that has repositories and pull requests instead of projects and work items, and no repair."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from etl import pipeline
from etl.jobs import lifecycle, repair, watermarks
from etl.jobs.advance import advance
from etl.jobs.importing import Recorded, import_answers
from etl.jobs.lifecycle import IllegalTransition
from etl.jobs.webhooks import receive
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint, Overall, Pr, Repository, RunKind
from etl.queue.topology import Stage
from etl.schedule import schedule
from integrations.admin.form import form_for
from integrations.models import Integration
from integrations.provider import Answer, WebhookEvent
from tests.support.brokers import RecordingBroker
from tests.support.driving import run_to_end, waiting, work_off
from tests.support.scripted import Scripted
from tests.support.scripted_host import PULLS, REPOSITORIES

pytestmark = pytest.mark.django_db


def a_host(hosted: Scripted, pulls: int = 3) -> None:
    """Two repositories, each of so many pull requests."""
    for number in ("1", "2"):
        hosted.world.fill(number, pulls)


def numbers() -> list[int]:
    return list(Pr.objects.filter(active=True).order_by("number").values_list("number", flat=True))


def scopes(hosted: Scripted) -> set[str]:
    return set(watermarks.read(hosted.integration.pk, PULLS))


# Syncs


def test_the_repositories_that_are_listed_are_read_and_each_keeps_its_watermark(hosted: Scripted) -> None:
    a_host(hosted)

    run = run_to_end(hosted.job)

    assert (run.status, run.warning, run.error_message) == (Overall.FINISHED, "", "")
    assert numbers() == [1, 2, 3, 4, 5, 6]
    assert hosted.world.calls == ["repositories", "items:1:0", "items:1:1", "items:2:0", "items:2:1"]
    assert scopes(hosted) == {"repository:1", "repository:2"}


def test_the_next_sync_asks_for_what_changed_since_and_not_for_what_is_not_listed_any_more(hosted: Scripted) -> None:
    a_host(hosted)
    run_to_end(hosted.job)
    since = watermarks.read(hosted.integration.pk, PULLS)["repository:1"]
    hosted.world.items = {item.number: item for item in hosted.world.items.values() if item.project == "1"}

    run = run_to_end(hosted.job)

    (asked,) = ExtractionCheckpoint.objects.filter(run=run, step=PULLS)
    assert (asked.scope, asked.cursor["question"]["since"]) == ("repository:1", since.isoformat())


@pytest.mark.parametrize("calls", range(1, 5))
def test_stopped_before_a_repository_was_read_whole_the_next_sync_goes_on_there(hosted: Scripted, calls: int) -> None:
    a_host(hosted)
    hosted.world.items["2"].cut = True
    run = lifecycle.start(hosted.job.pk, trigger="test")
    while len(hosted.world.calls) < calls:
        step = Stage.EXTRACTION if waiting(run.pk, Stage.EXTRACTION) else Stage.TRANSFORM
        pipeline.handle(step, waiting(run.pk, step)[:1])
    lifecycle.stop(hosted.job.pk)

    assert run_to_end(hosted.job).status == Overall.FINISHED

    assert numbers() == [1, 2, 3, 4, 5, 6]
    assert Pr.objects.get(number=2).state == "5"
    assert sorted(call for call in hosted.world.calls if call != "repositories") == [
        "items:1:0", "items:1:1", "items:2:0", "items:2:1", "rest:2",
    ]  # fmt: skip
    assert scopes(hosted) == {"repository:1", "repository:2"}


def test_a_command_restricts_a_sync_to_the_repositories_that_it_names(
    hosted: Scripted, recording: RecordingBroker
) -> None:
    a_host(hosted)
    run_to_end(hosted.job)
    hosted.world.calls.clear()

    call_command("run_job", "--integration", str(hosted.integration.pk), "--projects", "acme/WEB-2", stdout=StringIO())
    run = EtlJobRun.objects.latest("pk")
    work_off(run)

    assert (run.status, run.warning) == (Overall.FINISHED, "")
    assert {call for call in hosted.world.calls if call.startswith("items")} == {"items:2:0", "items:2:1"}


def test_a_restricted_sync_warns_of_repositories_that_are_not_known(hosted: Scripted) -> None:
    a_host(hosted)

    run = run_to_end(hosted.job, {"projects": ["acme/web-1", "acme/nope"]})

    assert run.warning == "this run was restricted to projects or repositories that are not known: acme/nope"
    assert numbers() == [1, 2, 3]
    assert scopes(hosted) == set()


def test_all_is_made_anew_from_the_stored_answers_without_a_call(hosted: Scripted) -> None:
    a_host(hosted)
    run_to_end(hosted.job)
    Pr.objects.update(title="Something else", content_hash="")
    calls = list(hosted.world.calls)

    run = lifecycle.reprocess(hosted.job.pk, trigger="test")
    work_off(run)

    assert (run.status, hosted.world.calls) == (Overall.FINISHED, calls)
    assert set(Pr.objects.values_list("title", flat=True)) == {item.key for item in hosted.world.items.values()}


# Repairs


def test_what_has_no_repair_says_so(hosted: Scripted) -> None:
    a_host(hosted)
    said = "integration Scripted host cannot be repaired: scripted_host has no repair; a full sync reads everything"

    with pytest.raises(IllegalTransition, match=said):
        lifecycle.start_repair(hosted.job.pk, trigger="test")
    with pytest.raises(CommandError, match=said):
        call_command("run_job", "--integration", str(hosted.integration.pk), "--repair")
    assert not EtlJobRun.objects.exists()


def test_no_repair_is_ever_due_of_what_has_none(hosted: Scripted, recording: RecordingBroker) -> None:
    a_host(hosted)
    run_to_end(hosted.job)
    EtlJobRun.objects.update(finished_at=timezone.now() - timedelta(days=99))

    assert repair.due_at(hosted.job) is None
    assert not lifecycle.is_repair_due(hosted.job)
    assert schedule.start_due_repairs() == 0
    assert not EtlJobRun.objects.filter(kind=RunKind.REPAIR).exists()


# Requests


def test_a_pull_request_that_is_asked_for_is_fetched_and_loaded(hosted: Scripted) -> None:
    a_host(hosted)

    run = lifecycle.request_items(hosted.integration, ["2", "5"], trigger="webhook")
    again = lifecycle.request_items(hosted.integration, ["5", "6"], trigger="webhook")
    work_off(run)

    assert again.pk == run.pk
    assert (run.kind, run.status, run.warning) == (RunKind.WEBHOOK, Overall.FINISHED, "")
    assert hosted.world.calls == ["ids:2,5,6"]
    assert numbers() == [2, 5, 6]
    assert list(EtlJobEvent.objects.filter(run=run, level="warning")) == []


def test_a_pull_request_that_changed_is_another_after_it_was_asked_for(hosted: Scripted) -> None:
    a_host(hosted)
    run_to_end(hosted.job)
    hosted.world.items["4"].version, hosted.world.items["4"].status = 7, "MERGED"

    work_off(lifecycle.request_items(hosted.integration, ["4"], trigger="webhook"))

    assert Pr.objects.get(number=4).state == "MERGED"
    assert Repository.objects.count() == 2


def test_a_delivery_about_a_pull_request_is_kept_and_asks_for_it(hosted: Scripted) -> None:
    a_host(hosted)
    event = WebhookEvent("d-1", "changed", ["3"], Answer("deliveries", "3", b'{"number": 3}'))

    assert [receive(hosted.integration, event) for _ in range(2)] == ["accepted", "duplicate"]

    (unit,) = ExtractionCheckpoint.objects.all()
    assert (unit.step, unit.cursor["items"]) == (PULLS, ["3"])


def test_a_delivery_that_could_not_be_followed_is_followed_when_it_is_made_again(hosted: Scripted) -> None:
    a_host(hosted)
    hosted.world.refuses = {"ids:3"}
    event = WebhookEvent("d-1", "changed", ["3"], Answer("deliveries", "3", b'{"number": 3}'))
    receive(hosted.integration, event)
    run = EtlJobRun.objects.get()
    work_off(run)
    advance(run.pk)
    run.refresh_from_db()
    assert run.status == Overall.FAILED

    hosted.world.refuses = set()
    assert [receive(hosted.integration, event) for _ in range(2)] == ["accepted", "duplicate"]
    work_off(EtlJobRun.objects.latest("pk"))

    assert numbers() == [3]
    assert receive(hosted.integration, event) == "duplicate"


# Commands and forms


def test_recorded_answers_are_imported(hosted: Scripted) -> None:
    body = json.dumps({"items": [{"id": "9", "key": "X", "project": "1", "status": "OPEN", "version": 1}]}).encode()

    run = import_answers(hosted.integration, PULLS, [Recorded("page.json", body)])
    work_off(run)

    assert (run.status, numbers()) == (Overall.FINISHED, [9])


def test_a_connection_is_checked(hosted: Scripted) -> None:
    out = StringIO()

    call_command("check_integration", "--integration", str(hosted.integration.pk), "--json", stdout=out)

    answer = json.loads(out.getvalue().splitlines()[-1])
    assert (answer["site"], answer["account"], answer["problems"]) == ("here", "me", [])


def test_an_integration_is_created_with_a_job_of_its_steps(hosted: Scripted) -> None:
    out = StringIO()

    call_command("create_integration", "--tenant", "Acme", "--provider", "scripted_host", "--name", "Two", "--json",
                 stdout=out)  # fmt: skip

    made = Integration.objects.get(pk=json.loads(out.getvalue().splitlines()[-1])["id"])
    assert set(made.jobs.get().status["steps"]) == {REPOSITORIES, PULLS}


def test_its_form_asks_for_no_setting_that_it_does_not_have(hosted: Scripted) -> None:
    fields = form_for(hosted.integration).base_fields

    assert [name for name in fields if name.startswith("setting_")] == []
