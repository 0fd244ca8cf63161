"""The ceiling of calls: taken before each call on the database's clock, by all workers of an integration together."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from etl.jobs import limits, units
from etl.jobs.limits import HeldBack
from etl.jobs.units import Lease
from etl.models import ExtractionCheckpoint
from integrations.models import Integration, IntegrationLimit
from tests.support.making import a_run, an_integration, checkpoint
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def leased(name: str = "Jira", **settings: str) -> Lease:
    integration = an_integration(name)
    Integration.objects.filter(pk=integration.pk).update(settings=settings)
    lease = units.take(ExtractionCheckpoint, [checkpoint(a_run(integration)).pk])
    assert lease is not None
    return lease


def granted(lease: Lease) -> bool:
    try:
        limits.check(lease).acquire()
    except HeldBack:
        return False
    return True


def slot_comes(lease: Lease) -> None:
    """Moves the integration's next slot to now, as time would."""
    IntegrationLimit.objects.filter(pk=lease.integration_id).update(next_call_at="2026-01-01T00:00Z")


def test_of_calls_that_are_to_be_made_at_once_the_ceiling_lets_one_go() -> None:
    lease = leased(rate_limit="0.5")

    assert at_once(*[lambda: granted(lease)] * 8).count(True) == 1

    slot_comes(lease)
    assert at_once(*[lambda: granted(lease)] * 8).count(True) == 1


def test_who_is_refused_is_told_the_next_slot() -> None:
    lease = leased(rate_limit="0.5")
    assert granted(lease)

    with pytest.raises(HeldBack, match="rate_limit") as caught:
        limits.check(lease).acquire()

    assert caught.value.until == IntegrationLimit.objects.get(pk=lease.integration_id).next_call_at
    assert limits.hold(lease, caught.value) == caught.value.until
    assert IntegrationLimit.objects.get(pk=lease.integration_id).blocked_until is None


def test_a_unit_that_needs_another_call_makes_it_and_the_next_unit_waits_for_both() -> None:
    lease = leased(rate_limit="0.1")
    throttle = limits.check(lease)
    throttle.acquire()
    after_one = IntegrationLimit.objects.get(pk=lease.integration_id).next_call_at

    throttle.acquire()

    after_two = IntegrationLimit.objects.get(pk=lease.integration_id).next_call_at
    assert after_one is not None
    assert after_two == after_one + timedelta(seconds=10)
    assert not granted(lease)


def test_integrations_do_not_share_a_ceiling() -> None:
    one, other = leased("One", rate_limit="0.1"), leased("Other", rate_limit="0.1")

    assert [granted(one), granted(other), granted(one)] == [True, True, False]


def test_without_a_ceiling_nothing_is_counted() -> None:
    lease = leased()

    assert [granted(lease) for _ in range(3)] == [True] * 3
    assert not IntegrationLimit.objects.exists()


def _for_a_second(lease: Lease) -> Callable[[], list[float]]:
    def work() -> list[float]:
        end, found = time.monotonic() + 1, []
        while (now := time.monotonic()) < end:
            if granted(lease):
                found.append(now)
        return found

    return work


def test_in_a_second_of_hard_trying_there_are_no_more_calls_than_the_ceiling_says() -> None:
    lease = leased(rate_limit="10")

    calls = sum(len(found) for found in at_once(*[_for_a_second(lease)] * 4))

    # One at the first moment, and one for each tenth of a second that was over by the end of a busy machine's second.
    assert 5 <= calls <= 12
