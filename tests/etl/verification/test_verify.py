"""Verifications are asked for by people, by messages and by their schedule; each is queued once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from etl.jobs.states import IllegalTransition
from etl.models import EtlJobRun, Overall, Verification
from etl.queue.broker import Dead, Done
from etl.verification import verify
from integrations.models import Integration
from tests.etl.verification.making import deliver
from tests.support.brokers import RecordingBroker
from tests.support.making import a_run, an_integration

pytestmark = pytest.mark.django_db


def test_a_request_is_queued_once_and_another_joins_it(integration: Integration, recording: RecordingBroker) -> None:
    first = verify.request(integration, trigger="test")
    again = verify.request(integration, trigger="another", repairs=True)

    assert (first.pk, again.repairs, again.trigger) == (again.pk, True, "test")
    (body,) = recording.bodies()
    assert (body["job_type"], body["unit_id"], body["tenant_id"]) == ("jira_verify", first.pk, integration.tenant_id)


def test_an_inactive_integration_is_not_verified(integration: Integration, recording: RecordingBroker) -> None:
    integration.active = False

    with pytest.raises(IllegalTransition, match="integration Jira is inactive"):
        verify.request(integration, trigger="test")


def test_a_message_that_the_queue_did_not_take_or_lost_is_sent_again(
    integration: Integration, recording: RecordingBroker
) -> None:
    recording.refuses = True
    verification = verify.request(integration, trigger="test")
    recording.refuses = False

    assert (verify.queue_waiting(), verify.queue_waiting()) == (1, 0)
    Verification.objects.update(wake_at=timezone.now() - timedelta(seconds=1))
    assert verify.queue_waiting() == 1
    assert [body["unit_id"] for body in recording.bodies()] == [verification.pk] * 2


def test_what_the_queue_of_an_ended_process_held_is_sent_again_at_once(
    integration: Integration, recording: RecordingBroker
) -> None:
    verify.request(integration, trigger="test")

    assert (verify.queue_waiting(), verify.forget_messages(), verify.queue_waiting()) == (0, 1, 1)


def test_a_message_that_names_no_verification_asks_for_one_and_a_foreign_one_is_a_dead_letter(
    integration: Integration, recording: RecordingBroker
) -> None:
    foreign = verify.request(an_integration("Other", tenant="Other"), trigger="test")
    ours = Verification(integration=integration, tenant=integration.tenant)

    assert isinstance(deliver(ours, unit_id=foreign.pk), Dead)
    assert deliver(ours, unit_id=None) == Done()
    assert Verification.objects.get(integration=integration).trigger == "queue"


# Its schedule


def a_finished_sync(integration: Integration, ago: timedelta) -> None:
    run = a_run(integration)
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.FINISHED, finished_at=timezone.now() - ago)


@pytest.mark.parametrize(
    ("hours", "ago", "due"),
    [("", 23, 0), ("", 25, 1), ("2", 3, 1), ("2", 1, 0), ("0", 99, 0), ("0.5", 1, 1), ("nonsense", 25, 1)],
)
def test_it_is_due_so_many_hours_after_the_first_whole_sync(
    integration: Integration, recording: RecordingBroker, hours: str, ago: int, due: int
) -> None:
    Integration.objects.filter(pk=integration.pk).update(settings={**integration.settings, "verify_hours": hours})
    a_finished_sync(integration, timedelta(hours=ago))

    assert verify.start_due() == due
    assert Verification.objects.filter(trigger="schedule", repairs=True).count() == due


def test_it_is_due_again_so_many_hours_after_the_last_one(integration: Integration, recording: RecordingBroker) -> None:
    a_finished_sync(integration, timedelta(days=9))
    assert (verify.start_due(), verify.start_due()) == (1, 0)

    Verification.objects.update(state="finished")
    assert verify.start_due() == 0
    Verification.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert verify.start_due() == 1


@pytest.mark.parametrize("kind", ["sync", "repair"])
def test_none_is_begun_while_a_run_is_open(integration: Integration, recording: RecordingBroker, kind: str) -> None:
    a_finished_sync(integration, timedelta(days=9))
    EtlJobRun.objects.filter(pk=a_run(integration).pk).update(kind=kind)

    assert verify.start_due() == 0


def test_a_site_that_was_never_read_whole_is_not_verified_by_itself(
    integration: Integration, recording: RecordingBroker
) -> None:
    a_finished_sync(integration, timedelta(days=9))
    EtlJobRun.objects.update(config={"projects": ["PAY"]})

    assert verify.start_due() == 0


def test_nothing_is_queued_where_nobody_would_take_it(integration: Integration, recording: RecordingBroker) -> None:
    recording.delivers = False
    a_finished_sync(integration, timedelta(days=9))
    verify.request(integration, trigger="test")

    assert (verify.start_due(), verify.queue_waiting(), recording.published) == (0, 0, [])
