"""The work of a verification is done by whoever is there, a part at a time, within the limits of its site."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from django.utils import timezone

from etl.models import Verification
from etl.queue.broker import Done
from etl.verification import verify, verifying
from integrations.errors import RateLimited, StageError, Transient
from integrations.models import Integration, IntegrationLimit
from integrations.provider import Connection, PlanContext, SourceCount
from tests.etl.verification.making import DAY, deliver
from tests.support.brokers import RecordingBroker
from tests.support.scripted import Scripted, ScriptedProvider

pytestmark = pytest.mark.django_db


def test_one_whose_integration_was_made_inactive_ends(synced: Scripted) -> None:
    verification = verify.request(synced.integration, trigger="test")
    Integration.objects.update(active=False)

    assert deliver(verification) == Done()

    verification.refresh_from_db()
    assert (verification.state, verification.error_message) == (
        "failed",
        "Scripted: integration Scripted is inactive",
    )


def test_one_whose_worker_died_is_taken_up_by_another_from_where_it_was(
    synced: Scripted, recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    verification = verify.request(synced.integration, trigger="test")
    synced.world.refuses = {"counts:2"}
    with monkeypatch.context() as killed:
        killed.setattr(verifying, "_fail", lambda *_: None)
        verifying.work(verification.pk, 60)
    synced.world.refuses = set()
    assert not verifying.work(verification.pk, 60), "its worker is alive, for all that is known"

    Verification.objects.update(wake_at=timezone.now() - timedelta(seconds=1))
    assert verify.queue_waiting() == 1
    assert deliver(verification) == Done()

    verification.refresh_from_db()
    assert (verification.state, verification.score) == ("finished", 0)
    assert synced.world.calls == ["counts:1", "counts:2", "counts:2"]


def test_a_worker_that_lost_it_writes_nothing(synced: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    verification = verify.request(synced.integration, trigger="test")

    def slowly(self: ScriptedProvider, connection: Connection, context: PlanContext) -> Mapping[str, SourceCount]:
        Verification.objects.update(wake_at=timezone.now() + DAY)
        return {}

    monkeypatch.setattr(ScriptedProvider, "counts", slowly)
    verifying.work(verification.pk, 60)

    verification.refresh_from_db()
    assert (verification.state, verification.report) == ("running", {})


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message is worked on until one project was asked for."""

    def clock() -> Iterator[float]:
        while True:
            yield from (0.0, 0.0, verify.SLICE_SECONDS)

    ticks = clock()
    monkeypatch.setattr(verifying, "monotonic", lambda: next(ticks))


def test_a_long_one_gives_way_to_other_messages_and_goes_on_with_the_next(
    synced: Scripted, recording: RecordingBroker, one_at_a_time: None
) -> None:
    verification = verify.request(synced.integration, trigger="test")
    assert deliver(verification) == Done()
    verification.refresh_from_db()
    assert (verification.state, list(verification.report["looks"])) == ("requested", ["1"])

    for body in recording.bodies()[1:]:
        assert body["unit_id"] == verification.pk
    while verification.state == "requested":
        assert deliver(verification) == Done()
        verification.refresh_from_db()

    assert (verification.state, synced.world.calls) == ("finished", ["counts:1", "counts:2"])


def refuse(monkeypatch: pytest.MonkeyPatch, error: StageError) -> None:
    def counts(self: ScriptedProvider, connection: Connection, context: PlanContext) -> Mapping[str, SourceCount]:
        raise error

    monkeypatch.setattr(ScriptedProvider, "counts", counts)


def test_where_the_site_asks_to_wait_the_integration_waits_and_nobody_sleeps(
    synced: Scripted, recording: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = timezone.now() + timedelta(hours=1)
    refuse(monkeypatch, RateLimited("too many calls", until))
    verification = verify.run(verify.request(synced.integration, trigger="test"))

    assert (verification.state, verification.wake_at) == ("requested", until)
    assert IntegrationLimit.objects.get(integration=synced.integration).blocked_until == until
    assert verify.queue_waiting() == 0


def test_while_the_integration_is_held_back_no_call_is_made(synced: Scripted) -> None:
    until = timezone.now() + timedelta(hours=1)
    IntegrationLimit.objects.update_or_create(
        integration=synced.integration, defaults={"tenant": synced.integration.tenant, "blocked_until": until}
    )

    verification = verify.run(verify.request(synced.integration, trigger="test"))

    assert (verification.state, verification.wake_at, synced.world.calls) == ("requested", until, [])


def test_a_site_that_is_away_is_tried_again_and_given_up_at_last(
    synced: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, Transient("the site is away"))
    verification = verify.request(synced.integration, trigger="test")
    tries = 0
    while verification.state == "requested":
        tries += 1
        verification = verify.run(verification)

    assert (verification.state, tries) == ("failed", verifying.MAX_TRIES)
    assert verification.error_message == "Scripted: the site is away"
    assert verify.request(synced.integration, trigger="test").pk != verification.pk


def test_what_is_wrong_with_all_calls_ends_it(synced: Scripted) -> None:
    synced.world.refuses = {"counts:1"}

    verification = verify.run(verify.request(synced.integration, trigger="test"))

    assert (verification.state, verification.error_message) == ("failed", "Scripted: counts:1 is refused")
    assert verification.finished_at
