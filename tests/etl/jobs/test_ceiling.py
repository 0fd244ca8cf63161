"""The ceiling of calls: taken before each call on the database's clock, by all workers of an integration together."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from etl import pipeline
from etl.jobs import ceiling, lifecycle, limits, units
from etl.jobs.ceiling import LATE_SECONDS, UNEVEN_SECONDS, interval_seconds, slots_at_once
from etl.jobs.limits import HeldBack
from etl.jobs.units import Lease
from etl.models import ExtractionCheckpoint
from etl.queue.topology import Stage
from integrations.http import Response
from integrations.models import Integration, IntegrationLimit
from integrations.sandbox import Faults
from tests.support.driving import forget_delays
from tests.support.making import PROJECTS, a_run, an_integration, checkpoint
from tests.support.sites import connect, small_site
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def leased(name: str = "Jira", **settings: str) -> Lease:
    integration = an_integration(name)
    Integration.objects.filter(pk=integration.pk).update(settings=settings)
    lease = units.take(ExtractionCheckpoint, [checkpoint(a_run(integration)).pk])
    assert lease is not None
    return lease


def answered() -> Response:
    return Response("GET /thing", 200, {}, b"{}", None)


def granted(lease: Lease) -> bool:
    try:
        limits.check(lease).call("GET /thing", answered)
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
        limits.check(lease).call("GET /thing", answered)

    assert caught.value.until == IntegrationLimit.objects.get(pk=lease.integration_id).next_call_at
    assert limits.hold(lease, caught.value) == caught.value.until
    assert IntegrationLimit.objects.get(pk=lease.integration_id).blocked_until is None


def test_another_call_of_the_same_fetch_waits_for_a_slot_as_well() -> None:
    lease = leased(rate_limit="0.1")
    throttle = limits.check(lease)
    throttle.call("GET /one", answered)

    with pytest.raises(HeldBack, match="rate_limit"):
        throttle.call("GET /two", answered)

    slot_comes(lease)
    throttle.call("GET /two", answered)


def test_a_slot_that_is_taken_a_little_late_makes_those_after_it_no_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceiling, "LATE_SECONDS", 60)
    lease, interval = leased(rate_limit="0.01"), timedelta(seconds=interval_seconds("0.01"))
    assert granted(lease)
    limit = IntegrationLimit.objects.filter(pk=lease.integration_id)

    due = timezone.now() - timedelta(seconds=1)
    limit.update(next_call_at=due)
    assert granted(lease)
    assert limit.get().next_call_at == due + interval

    before = timezone.now()
    limit.update(next_call_at=before - timedelta(hours=1))
    assert granted(lease)
    moved = limit.get().next_call_at
    assert moved is not None
    assert before <= moved - interval + timedelta(seconds=60) <= timezone.now()


@pytest.mark.parametrize("rate", [0.01, 0.5, 1, 2, 5, 20, 150, 1000])
def test_slots_are_so_far_apart_that_no_second_sees_more_calls_than_the_rate(rate: float) -> None:
    seconds, length = interval_seconds(str(rate)), max(1, 1 / rate)

    # The first one taken late, its call sent late: the rest of what goes out in a second is on time.
    most = 1 + (length + LATE_SECONDS + UNEVEN_SECONDS) / seconds
    assert most <= max(1, rate) + 1 + 1e-9
    assert seconds <= 1.1 * length / max(1, rate) + 1e-9


@pytest.mark.parametrize(("rate", "slots"), [("0.5", 1), ("20", 1), ("100", 5), ("", None), (None, None), ("many", 1)])
def test_as_many_are_woken_as_may_find_a_slot(rate: str | None, slots: int | None) -> None:
    assert slots_at_once(rate) == slots


def calls_of(rate_limit: str, faults: Faults | None = None) -> Counter[str]:
    """The calls that a site gets until the first page of projects is there, each taken up as soon as its slot comes."""
    with small_site(1, faults=faults) as server:
        run = lifecycle.start(connect(server, rate_limit=rate_limit).job.pk, trigger="test")
        unit = ExtractionCheckpoint.objects.get(run=run, step=PROJECTS)
        for _ in range(10):
            pipeline.handle(Stage.EXTRACTION, [unit.pk])
            forget_delays(run.pk)
            IntegrationLimit.objects.update(next_call_at=None)
        unit.refresh_from_db()
        assert (unit.status, unit.tries, unit.takes) == ("completed", 0, 0)
        return Counter(f"{request.method} {request.path}" for request in server.requests)


# A page of projects takes three: what kind of site it is, whose account it is, and the page.
THREE = {"GET /rest/api/2/serverInfo": 1, "GET /rest/api/3/myself": 1, "GET /rest/api/3/project/search": 1}


def test_a_fetch_of_several_calls_is_put_aside_between_them_and_makes_none_twice() -> None:
    assert calls_of("0.1") == THREE


def test_a_call_that_failed_is_made_again_in_the_next_slot_and_uses_up_no_try() -> None:
    calls = calls_of("0.1", Faults(fail_first=1))

    assert calls == {**THREE, "GET /rest/api/2/serverInfo": 2}


def test_a_fetch_that_the_site_puts_aside_makes_only_the_refused_call_again() -> None:
    calls = calls_of("", Faults(throttle_every=2, retry_after=3600))

    assert calls.total() == 5
    assert calls["GET /rest/api/2/serverInfo"] == 1


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
