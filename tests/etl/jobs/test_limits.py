"""What holds an integration back: the site's word, its own ceiling, or ten errors in a row."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from etl import pipeline
from etl.jobs import calls, lifecycle, limits, quotas, units
from etl.jobs.limits import HeldBack
from etl.jobs.units import Lease
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint
from etl.queue.broker import Done
from etl.queue.topology import Stage
from integrations.errors import Passing, Permanent, RateLimited, StageError
from integrations.http import Response
from integrations.models import Integration, IntegrationLimit
from integrations.sandbox import Faults
from tests.support.driving import forget_delays
from tests.support.making import a_run, an_integration, checkpoint
from tests.support.sites import Connected
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

    with pytest.raises(HeldBack, match="held back until") as caught:
        limits.check(lease)
    assert caught.value.until == until


@pytest.mark.parametrize("text", ["many", "0", "-1", "nan"])
def test_a_ceiling_that_is_no_number_is_named(text: str) -> None:
    lease = a_lease(a_run(an_integration()))
    Integration.objects.filter(pk=lease.integration_id).update(settings={"rate_limit": text})

    with pytest.raises(Permanent, match=f"setting rate_limit is '{text}'"):
        limits.check(lease)


def test_what_the_site_asks_for_holds_the_integration_back_and_the_unit_with_it() -> None:
    lease, until = a_lease(), timezone.now() + timedelta(seconds=90)

    assert limits.hold(lease, RateLimited("429", until)) == until

    assert limit_of(lease).blocked_until == until
    assert limit_of(lease).limits_in_a_row == 0


def test_our_own_word_holds_the_unit_only() -> None:
    lease, until = a_lease(), timezone.now() + timedelta(seconds=90)

    assert limits.hold(lease, HeldBack("not now", until)) == until

    assert not IntegrationLimit.objects.exists()


def waits_of(lease: Lease, until: datetime | None, times: int, least: float | None = None) -> list[float]:
    """The seconds that so many refusals in a row make the integration wait, each after the wait before."""
    found = []
    for _ in range(times):
        now = timezone.now()
        found.append((limits.hold(lease, RateLimited("429", until, least)) - now).total_seconds())
        IntegrationLimit.objects.update(blocked_until=now - timedelta(seconds=1))
    return found


def about(seconds: list[float]) -> object:
    return pytest.approx(seconds, rel=0.31, abs=0.5)


@pytest.mark.django_db(transaction=True)
def test_refusals_that_say_nothing_wait_twice_as_long_each_time_up_to_thirty_seconds() -> None:
    assert waits_of(a_lease(), None, 6) == about([2, 4, 8, 16, 30, 30])


@pytest.mark.django_db(transaction=True)
def test_where_it_is_known_how_long_to_wait_at_least_all_waits_are_longer() -> None:
    waits = waits_of(a_lease(), None, 6, least=60)

    assert min(waits) >= 60
    assert waits == about([86, 171, 343, 686, 1286, 1286])


@pytest.mark.django_db(transaction=True)
def test_a_site_that_says_at_once_is_believed_the_first_time_only() -> None:
    assert waits_of(a_lease(), timezone.now(), 4) == about([0, 2, 4, 8])


@pytest.mark.django_db(transaction=True)
def test_a_success_makes_the_next_wait_short_again() -> None:
    lease = a_lease()
    waits_of(lease, None, 4)

    limits.succeeded(lease)

    assert waits_of(lease, None, 1) == about([2])


@pytest.mark.django_db(transaction=True)
def test_refusals_of_calls_that_were_made_at_once_count_as_one() -> None:
    lease = a_lease()

    untils = at_once(*[lambda: limits.hold(lease, RateLimited("429", None))] * 6)

    assert len(set(untils)) == 1
    assert limit_of(lease).limits_in_a_row == 1
    assert untils[0] - timezone.now() < timedelta(seconds=2.7)


def test_a_budget_that_is_spent_holds_the_integration_back_before_the_next_call() -> None:
    lease = a_lease()
    throttle = limits.check(lease)
    response = Response("GET /one", 200, {}, b"{}", None, spent_seconds=40)

    assert throttle.call("GET /one", lambda: response) is response

    for held_back in (lambda: limits.check(lease), lambda: throttle.call("GET /two", lambda: response)):
        with pytest.raises(HeldBack) as caught:
            held_back()
        assert abs(caught.value.until - timezone.now() - timedelta(seconds=40)) < timedelta(seconds=5)


def test_what_is_left_of_a_budget_is_noted_but_not_with_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = a_lease()
    throttle = limits.check(lease)

    def called(left: int) -> tuple[int | None, int | None, str]:
        headers = {
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-limit": "5000",
            "x-ratelimit-resource": "graphql",
        }
        throttle.call(f"GET /{left}", lambda: Response("GET /one", 200, headers, b"{}", None))
        limit = limit_of(lease)
        return limit.quota_left, limit.quota_limit, limit.quota_name

    assert called(4000) == called(3999) == (4000, 5000, "graphql")
    monkeypatch.setattr(quotas, "NOTED_SECONDS", 0.0)
    assert called(3998) == (3998, 5000, "graphql")
    assert limit_of(lease).blocked_until is None


def refuse() -> Response:
    error = RateLimited("429", timezone.now() + timedelta(seconds=90))
    error.status = 429
    raise error


def test_what_a_site_refuses_holds_the_integration_back_before_anything_else_is_done() -> None:
    lease = a_lease()

    with pytest.raises(HeldBack, match="429") as caught:
        limits.check(lease).call("GET /thing", refuse)

    assert (caught.value.status, caught.value.until) == (429, limit_of(lease).blocked_until)


def test_what_a_fetch_got_before_it_was_put_aside_it_gets_again_once_and_in_its_order() -> None:
    lease, failure = a_lease(), Passing("cut off")
    answers: list[Response | StageError] = [failure, Response("GET /one", 200, {}, b"1", None)]

    def make() -> Response:
        answer = answers.pop(0)
        if isinstance(answer, StageError):
            raise answer
        return answer

    def fetch(rest: Callable[[], Response]) -> bytes:
        throttle = limits.check(lease)
        with pytest.raises(Passing):
            throttle.call("GET /one", make)
        assert throttle.call("GET /one", make).body == b"1"
        return throttle.call("GET /two", rest).body

    for _ in range(3):
        with pytest.raises(HeldBack):
            fetch(refuse)
        IntegrationLimit.objects.update(blocked_until=None)
    assert fetch(lambda: Response("GET /two", 200, {}, b"2", None)) == b"2"

    # What came to its end is not remembered.
    with pytest.raises(IndexError):
        fetch(refuse)


def test_what_a_fetch_got_is_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    lease, asked = a_lease(), []

    def make() -> Response:
        asked.append("GET /one")
        return Response("GET /one", 200, {}, b"1", None)

    monkeypatch.setattr(calls, "KEPT_SECONDS", -1)
    for _ in range(2):
        throttle = limits.check(lease)
        throttle.call("GET /one", make)
        with pytest.raises(HeldBack):
            throttle.call("GET /two", refuse)
        IntegrationLimit.objects.update(blocked_until=None)

    assert len(asked) == 2


@pytest.mark.django_db(transaction=True)
def test_errors_that_come_at_once_are_all_counted() -> None:
    lease = a_lease()

    at_once(*[lambda: limits.failed(lease, "503")] * 8)

    assert limit_of(lease).errors_in_a_row == 8


def test_a_unit_may_be_refused_any_number_of_times(connected: Connected) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")
    unit = ExtractionCheckpoint.objects.get(run=run)
    times = 3 * units.MAX_TAKES
    connected.server.faults = Faults(throttle_first=times, retry_after=5)

    for _ in range(times):
        assert pipeline.handle(Stage.EXTRACTION, [unit.pk]) == Done()
        forget_delays(run.pk)

    unit.refresh_from_db()
    assert (unit.status, unit.takes, unit.tries) == ("pending", 0, 0)
    assert IntegrationLimit.objects.get(pk=run.integration_id).errors_in_a_row == 0
    pipeline.handle(Stage.EXTRACTION, [unit.pk])
    unit.refresh_from_db()
    assert unit.status == "completed"
