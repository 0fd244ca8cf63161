"""What failed in a run, by cause."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from etl.admin.run_failures import failures
from etl.letters import dead_letters
from etl.letters.causes import cause_of
from etl.models import DeadLetter, EtlJobRun, ExtractionCheckpoint
from etl.queue.topology import Stage
from tests.etl.admin import addresses
from tests.etl.admin.rows import HOSTILE, Rows
from tests.etl.admin.test_runs import PROJECTS, a_run

AWAY = "GET /rest/api/3/project/{} answered 503"


def fail(run: EtlJobRun, number: int, error: str, **more: Any) -> ExtractionCheckpoint:
    return ExtractionCheckpoint.objects.create(
        tenant_id=run.tenant_id, integration_id=run.integration_id, run=run, partition_key=f"part {number}",
        **{"step": PROJECTS, "status": "failed", "error_details": {"error": error}, **more},
    )  # fmt: skip


def test_units_that_failed_alike_are_one_group_the_largest_first(acme: Rows) -> None:
    run = a_run(acme)
    alone = fail(run, 0, "the token is refused")
    many = [fail(run, number, AWAY.format(number)) for number in range(1, 4)]
    fail(run, 9, AWAY.format(9), status="completed")

    away, refused = failures(run)

    assert (away.cause, away.units) == (cause_of(AWAY.format(1)), 3)
    assert away.example == (AWAY.format(3), addresses.page_of(many[-1]))
    assert (refused.cause, refused.units) == ("the token is refused", 1)
    assert refused.example[1] == addresses.page_of(alone)


def test_a_group_says_when_it_failed_first_and_last_and_where(acme: Rows) -> None:
    run, now = a_run(acme), timezone.now()
    times = [now - timedelta(minutes=minutes) for minutes in (9, 5, 1)]
    for number, at in enumerate(times):
        unit = fail(run, number, "no such page", step=PROJECTS if number else "jira_dev_status")
        ExtractionCheckpoint.objects.filter(pk=unit.pk).update(last_updated_at=at)

    (group,) = failures(run)

    assert (group.first, group.last) == (times[0], times[2])
    assert sorted((step, count) for _, step, count, _ in group.places) == [
        ("Development Status", 1),
        ("Projects & Types", 2),
    ]


@pytest.mark.parametrize("error", ["", "two\nlines", "x" * 2000, "naïve ☃ 'quoted'"])
def test_any_error_has_a_group(error: str, acme: Rows) -> None:
    run = a_run(acme)
    fail(run, 1, error)
    (group,) = failures(run)
    assert (group.units, group.cause) == (1, cause_of(error[:500]))


def test_a_unit_without_an_error_is_in_the_group_of_no_error(acme: Rows) -> None:
    run = a_run(acme)
    fail(run, 1, "", error_details=None)
    assert [(group.cause, group.units) for group in failures(run)] == [("", 1)]


def test_open_dead_letters_of_the_run_are_with_the_units_that_failed_as_they_did(acme: Rows, rival: Rows) -> None:
    run = a_run(acme)
    units = [fail(run, number, AWAY.format(number)) for number in range(2)]
    theirs = a_run(rival)
    for unit in [*units, fail(theirs, 1, AWAY.format(1))]:
        dead_letters.leave(Stage.EXTRACTION, unit.pk)
    dead_letters.discard([DeadLetter.objects.get(unit_id=units[0].pk, run_id=run.pk).pk], by=None)

    (group,) = failures(run)

    assert (group.units, group.letters) == (2, 1)


def test_a_group_leads_to_the_lists_of_its_units_and_letters(operator: Client, acme: Rows) -> None:
    run = a_run(acme)
    wanted, other = fail(run, 1, AWAY.format(1)), fail(run, 2, "", status="completed")
    dead_letters.leave(Stage.EXTRACTION, wanted.pk)
    (group,) = failures(run)

    units = operator.get(group.places[0][3])
    letters = operator.get(group.letters_address)

    assert [row.pk for row in units.context["cl"].result_list] == [wanted.pk]
    assert other.pk not in [row.pk for row in units.context["cl"].result_list]
    assert [row.unit_id for row in letters.context["cl"].result_list] == [wanted.pk]


def test_many_failures_take_as_many_queries_as_few(acme: Rows) -> None:
    run = a_run(acme)
    for number in range(60):
        fail(run, number, f"{AWAY.format(number)} of {'abc'[number % 3]}")
    with CaptureQueriesContext(connection) as captured:
        found = failures(run)
    assert [group.units for group in found] == [20, 20, 20]
    assert len(captured) <= 3


def test_the_page_shows_the_groups_and_hostile_errors_as_text(operator: Client, viewer: Client, acme: Rows) -> None:
    run = a_run(acme)
    fail(run, 1, f"{HOSTILE} is no page")
    EtlJobRun.objects.filter(pk=run.pk).update(status="FAILED")
    shown, seen = (client.get(addresses.page_of(run)).content.decode() for client in (operator, viewer))
    assert "Failures by cause" in shown
    assert HOSTILE not in shown
    assert ("Retry all that failed" in shown, "Retry all that failed" in seen) == (True, False)
