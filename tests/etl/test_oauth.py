"""A whole sync whose access token is refused again and again in the middle of it."""

import pytest

from etl import pipeline
from etl.jobs import lifecycle
from etl.models import EtlJobRun, ExtractionCheckpoint, Overall
from etl.queue.topology import Stage
from integrations.models import IntegrationToken
from tests.support.driving import run_to_end, waiting, worked_off
from tests.support.sites import Connected, connect, connect_by_oauth, expire_access_token, small_site
from tests.support.tables import derived_rows


def _extract_with_short_tokens(connected: Connected, run: EtlJobRun) -> None:
    """Each extraction unit finds its token expired."""
    while units := waiting(run.pk, Stage.EXTRACTION):
        pipeline.handle(Stage.EXTRACTION, units[:1])
        expire_access_token(connected)
        for unit in waiting(run.pk, Stage.TRANSFORM):
            pipeline.handle(Stage.TRANSFORM, [unit])


@pytest.mark.django_db
def test_tokens_that_expire_in_the_middle_of_a_run_change_nothing() -> None:
    with small_site(12) as server:
        expected = connect(server, name="by API token")
        assert run_to_end(expected.job).status == Overall.FINISHED
        renewed = connect_by_oauth(server, name="by OAuth")
        run = lifecycle.start(renewed.job.pk, trigger="test")
        _extract_with_short_tokens(renewed, run)
        assert worked_off(run).status == Overall.FINISHED
        assert server.oauth.minted > 5
        assert derived_rows(renewed.integration.pk) == derived_rows(expected.integration.pk)


@pytest.mark.django_db
def test_a_refused_renewal_ends_a_run_with_what_to_do_and_no_secret() -> None:
    with small_site(3) as server:
        renewed = connect_by_oauth(server)
        server.oauth.revoke()
        run = run_to_end(renewed.job)
        assert run.status == Overall.FAILED
        said = [str(unit.error_details) for unit in ExtractionCheckpoint.objects.filter(run=run, status="failed")]
        assert said
        assert all("give its new refresh token as oauth_refresh_token" in error for error in said)
        assert server.oauth.client_secret not in str(said)
        assert server.oauth.refresh_token not in str(said)
        assert not IntegrationToken.objects.exists()
