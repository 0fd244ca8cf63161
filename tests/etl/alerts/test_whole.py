"""From a sync that its site refuses to the message in a chat, and back."""

from etl.alerts.delivering import deliver_due
from etl.alerts.jobs import failed_runs
from etl.alerts.raising import Looked, look_at_all
from etl.jobs import lifecycle
from etl.models import Alert, Cause, EtlJobRun
from integrations.models import Integration
from tests.etl.alerts.making import a_channel, an_hour_later, changed
from tests.support.brokers import RecordingBroker
from tests.support.driving import worked_off
from tests.support.receiver import Receiver
from tests.support.sites import Connected


def a_sync(integration: Integration) -> EtlJobRun:
    return worked_off(lifecycle.start(integration.jobs.get().pk, trigger="test"))


def look() -> Looked:
    return look_at_all({Cause.RUN_FAILED: failed_runs})


def test_a_sync_that_fails_is_told_once_and_so_is_that_it_is_well_again(
    connected: Connected, recording: RecordingBroker
) -> None:
    integration = connected.integration
    good = integration.secrets
    integration.secrets = {**good, "api_token": "wr0ng"}
    integration.save()
    with Receiver() as chat:
        a_channel(chat.url, tenant=integration.tenant.name)
        run = a_sync(integration)
        assert run.status == "FAILED"
        assert look() == Looked(raised=1)
        for column in ("first_at", "last_at"):
            changed(Alert.objects.get(), column)
        assert deliver_due() == 1

        integration.secrets = good
        integration.save()
        assert a_sync(integration).status == "FINISHED"
        an_hour_later()
        assert look() == Looked(resolved=1)
        changed(Alert.objects.get(), "resolved_at")
        assert deliver_due() == 1
    failed, well = (received.json for received in chat.received)
    assert f"- raised: Run {run.pk} of job" in failed["text"]
    assert "the site refused the credentials" in failed["text"]
    assert "wr0ng" not in failed["text"]
    assert [alert["state"] for alert in well["alerts"]] == ["resolved"]
