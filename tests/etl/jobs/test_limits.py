"""What holds an integration back: the site's word, or ten errors in a row."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from etl.jobs import limits, units
from etl.jobs.units import Lease
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint
from integrations.errors import RateLimited
from integrations.models import IntegrationLimit
from tests.support.making import a_run, an_integration, checkpoint
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


def a_lease(run: EtlJobRun | None = None) -> Lease:
    lease = units.take(ExtractionCheckpoint, [checkpoint(run or a_run()).pk])
    assert lease is not None
    return lease


def limit_of(lease: Lease) -> IntegrationLimit:
    return IntegrationLimit.objects.get(pk=lease.integration_id)


def test_the_time_until_which_an_integration_is_blocked_only_grows() -> None:
    lease, now = a_lease(), timezone.now()

    for minutes, expected in ((5, 5), (1, 5), (9, 9)):
        limits.block(lease, now + timedelta(minutes=minutes))
        assert limit_of(lease).blocked_until == now + timedelta(minutes=expected)


def test_ten_errors_in_a_row_open_the_circuit_for_five_minutes() -> None:
    lease = a_lease()
    for _ in range(9):
        limits.failed(lease, "503")
    assert (limit_of(lease).errors_in_a_row, limit_of(lease).blocked_until) == (9, None)

    limits.failed(lease, "503")

    until = limit_of(lease).blocked_until
    assert until is not None
    assert timedelta(minutes=4, seconds=50) < until - timezone.now() <= timedelta(minutes=5)
    assert limit_of(lease).errors_in_a_row == 0


def test_the_circuit_does_not_shorten_what_the_site_asked_for() -> None:
    lease, until = a_lease(), timezone.now() + timedelta(hours=1)
    limits.block(lease, until)

    for _ in range(10):
        limits.failed(lease, "503")

    assert limit_of(lease).blocked_until == until


def test_a_success_ends_the_row() -> None:
    lease = a_lease()
    for _ in range(9):
        limits.failed(lease, "503")

    limits.succeeded(lease)
    limits.failed(lease, "503")

    assert (limit_of(lease).errors_in_a_row, limit_of(lease).blocked_until) == (1, None)


def test_each_error_is_a_line_in_the_log_of_the_run() -> None:
    lease = a_lease()

    limits.failed(lease, "Jira: 503")

    event = EtlJobEvent.objects.get(run_id=lease.run_id)
    assert (event.level, event.stage, event.step, event.message) == ("error", "extraction", lease.step, "Jira: 503")


def test_the_errors_of_another_integration_do_not_count() -> None:
    lease, other = a_lease(), a_lease(a_run(an_integration("Other")))
    for _ in range(9):
        limits.failed(lease, "503")

    limits.failed(other, "503")

    assert limit_of(lease).blocked_until is None


def test_while_an_integration_is_held_back_the_check_says_until_when() -> None:
    lease, until = a_lease(), datetime(2999, 1, 1, 12, 30, tzinfo=UTC)
    limits.check(lease)
    limits.block(lease, timezone.now() - timedelta(seconds=1))
    limits.check(lease)

    limits.block(lease, until)

    with pytest.raises(RateLimited, match="held back until") as caught:
        limits.check(lease)
    assert caught.value.until == until


@pytest.mark.django_db(transaction=True)
def test_errors_that_come_at_once_are_all_counted() -> None:
    lease = a_lease()

    at_once(*[lambda: limits.failed(lease, "503")] * 8)

    assert limit_of(lease).errors_in_a_row == 8
