"""run_job as a process: exit codes, one owner at a time, and what a killed one leaves."""

import secrets
from collections.abc import Iterator
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoDbBlocker

from custommapping.models import CustomField
from etl.jobs import lifecycle
from etl.models import EtlJobRun, Overall, RunKind, WorkItem
from etl.queue.topology import Stage
from integrations.sandbox import Faults, SandboxServer
from tests.services.waiting import wait_until
from tests.support.driving import run_to_end
from tests.support.installations import Installation
from tests.support.runs import kill_in_the_middle, wait_for_run
from tests.support.sites import Connected, connect, small_site
from tests.support.tables import derived_rows

pytestmark = pytest.mark.slow

ISSUES = 40
SLOW = Faults(delay_seconds=0.5)
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxServer]:
    with small_site(ISSUES) as server:
        yield server


@pytest.fixture
def connected(pulse: Installation, site: SandboxServer) -> Connected:
    """An integration of a tenant of the test's own."""
    return connect(site, tenant=f"Tenant {secrets.token_hex(4)}")


@pytest.fixture(scope="module")
def undisturbed(shared: Installation, site: SandboxServer, django_db_blocker: DjangoDbBlocker) -> Rows:
    """The rows of a run that nothing happened to."""
    with shared.entered(django_db_blocker):
        integration = connect(site, tenant="Undisturbed").integration
        ended = shared.run("run_job", "--integration", integration.pk, "--wait")
        assert ended.code == 0, ended.errors
        return derived_rows(integration.pk)


def run_here(*arguments: object) -> dict[str, Any]:
    """What the command answers, which ends with 0: in this process, whose encoder costs nothing."""
    out = StringIO()
    call_command("run_job", *map(str, arguments), "--wait", "--json", stdout=out, stderr=StringIO())
    answer: dict[str, Any] = orjson.loads(out.getvalue().splitlines()[-1])
    return answer


def refused(*arguments: object) -> str:
    """What the command says that it does not do. It ends with 1 then, as every one: see the one that is not there."""
    with pytest.raises(CommandError) as error:
        call_command("run_job", *map(str, arguments))
    return str(error.value)


def open_run_of(connected: Connected) -> EtlJobRun:
    """The run that a process has begun."""
    assert wait_until(lambda: lifecycle.open_run(connected.job.pk) is not None, 30)
    run = lifecycle.open_run(connected.job.pk)
    assert run is not None
    return run


def test_a_run_that_succeeds_ends_with_0_and_its_figures(pulse: Installation, connected: Connected) -> None:
    ended = pulse.run("run_job", "--integration", connected.integration.pk, "--wait", "--json")

    assert ended.code == 0, ended.errors
    assert ended.answer["status"] == "FINISHED"
    run = EtlJobRun.objects.get(pk=ended.answer["run_id"])
    assert ended.answer["records_processed"] == run.records_processed > 0
    assert WorkItem.objects.filter(integration=connected.integration).count() == ISSUES


def test_wrong_credentials_end_a_run_with_1_and_are_said(pulse: Installation, connected: Connected) -> None:
    connected.integration.secrets = {"email": "me@example.com", "api_token": "wrong"}
    connected.integration.save()

    ended = pulse.run("run_job", "--integration", connected.integration.pk, "--wait", "--json")

    assert ended.code == 1
    assert ended.answer["status"] == "FAILED"
    assert "jira_projects_and_issue_types" in ended.answer["error"]
    assert "401" in ended.answer["error"]
    assert "wrong" not in ended.out + ended.errors


def test_an_integration_that_is_not_there_ends_with_1(pulse: Installation) -> None:
    ended = pulse.run("run_job", "--integration", 987654, "--json")

    assert ended.code == 1
    assert "--integration 987654: there is no such integration" in ended.errors


def test_a_repair_ends_with_0_and_its_figures(pulse: Installation, connected: Connected) -> None:
    run_to_end(connected.job)

    answer = run_here("--integration", connected.integration.pk, "--repair")

    run = EtlJobRun.objects.get(pk=answer["run_id"])
    assert (run.kind, answer["status"]) == (RunKind.REPAIR, "FINISHED")
    assert answer["api_calls_made"] > 0


def test_a_discovery_ends_with_0_and_its_figures(pulse: Installation, connected: Connected) -> None:
    answer = run_here("--integration", connected.integration.pk, "--discover")

    run = EtlJobRun.objects.get(pk=answer["run_id"])
    assert (run.kind, answer["status"]) == (RunKind.DISCOVERY, "FINISHED")
    assert CustomField.objects.filter(integration=connected.integration).count() == 30
    assert not WorkItem.objects.filter(integration=connected.integration).exists()


def test_a_discovery_of_what_is_inactive_says_so(pulse: Installation, connected: Connected) -> None:
    connected.integration.active = False
    connected.integration.save()

    assert "is inactive" in refused("--integration", connected.integration.pk, "--discover")


def test_a_sync_of_some_projects_reads_only_these(pulse: Installation, connected: Connected) -> None:
    key = connected.site.keys()[0].partition("-")[0]

    assert run_here("--integration", connected.integration.pk, "--projects", f" {key},")["status"] == "FINISHED"

    keys = WorkItem.objects.filter(integration=connected.integration).values_list("key", flat=True)
    assert {each.partition("-")[0] for each in keys} == {key}


@pytest.mark.parametrize(
    ("whole", "beside"),
    [("--repair", ("--full",)), ("--repair", ("--projects", "AB")), ("--discover", ("--from", "2025-01-01"))],
)
def test_a_repair_or_discovery_of_a_part_is_refused(
    pulse: Installation, connected: Connected, whole: str, beside: tuple[str, ...]
) -> None:
    told = refused("--integration", connected.integration.pk, whole, *beside)

    assert told == f"{whole} looks at everything: it takes none of the options that narrow a sync down"


def test_what_a_sync_cannot_be_asked_is_refused_with_its_name_and_value(
    pulse: Installation, connected: Connected
) -> None:
    told = refused("--integration", connected.integration.pk, "--steps", "issues", "--from", "soon", "--batch-size", 0)

    for error in ("steps has 'issues', unknown to jira; known are", "updated_from is 'soon'", "batch_size is 0"):
        assert error in told
    assert not EtlJobRun.objects.filter(integration=connected.integration).exists()


def test_a_sync_can_be_asked_for_steps_and_dates(pulse: Installation, connected: Connected) -> None:
    steps = "jira_projects_and_issue_types, jira_issues_with_changelogs"

    answer = run_here(
        *("--integration", connected.integration.pk),
        *("--steps", steps, "--from", "2030-01-01", "--to", "2030-12-31", "--batch-size", 20),
    )

    assert EtlJobRun.objects.get(pk=answer["run_id"]).config == {
        "steps": ["jira_projects_and_issue_types", "jira_issues_with_changelogs"],
        "updated_from": "2030-01-01T00:00:00+00:00",
        "updated_to": "2031-01-01T00:00:00+00:00",
        "batch_size": 20,
    }
    assert not WorkItem.objects.filter(integration=connected.integration).exists()


@pytest.mark.parametrize("stage", list(Stage))
def test_after_kill_9_the_next_run_job_ends_the_run_with_the_rows_of_an_undisturbed_one(
    pulse: Installation, connected: Connected, undisturbed: Rows, stage: Stage
) -> None:
    command = ("run_job", "--integration", connected.integration.pk, "--wait", "--json")
    with pulse.start(*command) as process:
        run = open_run_of(connected)
        kill_in_the_middle(process, run.pk, stage)

    ended = pulse.run(*command)

    assert ended.code == 0, ended.errors
    assert ended.answer["run_id"] == run.pk
    assert derived_rows(connected.integration.pk) == undisturbed


def test_when_the_owner_is_killed_the_run_job_that_watched_takes_over(
    pulse: Installation, connected: Connected, site: SandboxServer, undisturbed: Rows
) -> None:
    command = ("run_job", "--integration", connected.integration.pk, "--wait", "--json")
    site.faults = SLOW
    with pulse.start(*command) as owner:
        run = open_run_of(connected)
        with pulse.start(*command) as watcher:
            watcher.wait_for(f"joining run {run.pk}")
            kill_in_the_middle(owner, run.pk, Stage.EXTRACTION)
            site.faults = Faults()
            ended = watcher.ended()

    assert ended.code == 0, ended.errors
    assert derived_rows(connected.integration.pk) == undisturbed


def test_beside_an_owner_a_second_run_job_watches_and_the_owner_does_its_work(
    pulse: Installation, connected: Connected, site: SandboxServer
) -> None:
    other = connect(site, tenant=connected.tenant.name, name="Second")
    with pulse.start("run_job", "--integration", connected.integration.pk, "--wait", "--json") as owner:
        first = open_run_of(connected)
        second = pulse.run("run_job", "--integration", other.integration.pk, "--wait", "--json")
        assert owner.ended().code == 0, owner.errors

    assert second.code == 0, second.errors
    assert wait_for_run(first.pk).status == Overall.FINISHED
