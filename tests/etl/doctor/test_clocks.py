"""Clocks that differ: the database's, and those of sites that tell theirs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pytest_django import Settings

from etl.doctor import clocks
from etl.doctor.results import State
from integrations.models import Integration
from tests.support.making import NOWHERE, an_integration
from tests.support.serving import Serving

pytestmark = pytest.mark.django_db
Site = Callable[[float], str]


@pytest.fixture
def site() -> Iterator[Site]:
    """Makes sites whose clocks are so many seconds ahead; they refuse everything."""
    servers = ExitStack()

    def make(seconds_ahead: float) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response_only(401)
                self.send_header("Date", format_datetime(datetime.now(UTC) + timedelta(seconds=seconds_ahead), True))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        server = servers.enter_context(Serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)))
        return f"http://127.0.0.1:{server.port}"

    with servers:
        yield make


def connected(name: str, address: str) -> Integration:
    integration = an_integration(name)
    integration.settings = {"base_url": address}
    integration.save()
    return integration


def test_the_databases_clock_is_this_machines() -> None:
    found = clocks.database()
    assert found.state is State.OK
    assert abs(found.figures["seconds_ahead"]) < 1


@pytest.mark.parametrize(("ahead", "state"), [(1.0, "ok"), (-3.0, "warning"), (90.0, "failed")])
def test_a_database_with_another_clock_is_told(monkeypatch: pytest.MonkeyPatch, ahead: float, state: str) -> None:
    monkeypatch.setattr(clocks, "fetch", lambda *_: [(datetime.now(UTC) + timedelta(seconds=ahead),)])
    assert clocks.database().state == state


def test_sites_that_agree_are_well_and_one_that_is_silent_is_named(site: Site) -> None:
    connected("Jira", site(0))
    connected("Silent", NOWHERE)
    found = clocks.others()
    assert found.state is State.OK
    assert found.said.endswith("; no answer from 127.0.0.1:9")
    assert len(found.figures["seconds_ahead"]) == 1


def test_a_site_with_another_clock_is_told(site: Site) -> None:
    connected("Right", site(0))
    connected("Wrong", site(3600))
    found = clocks.others()
    assert found.state is State.WARNING
    assert sorted(round(seconds, -1) for seconds in found.figures["seconds_ahead"].values()) == [0, 3600]
    assert "this machine's" not in found.advice


@pytest.mark.parametrize(("seconds", "state"), [(-45, "warning"), (-300, "failed")])
def test_where_all_others_differ_ours_is_wrong(site: Site, seconds: float, state: str) -> None:
    connected("One", site(seconds))
    connected("Two", site(seconds))
    found = clocks.others()
    assert found.state == state
    assert found.advice.startswith("this machine's clock is wrong")


def test_of_two_that_differ_nobody_knows_which_is_wrong_and_that_is_a_failure(site: Site) -> None:
    connected("Jira", site(3600))
    found = clocks.others()
    assert (found.state, found.advice) == (State.FAILED, clocks.ADVICE)


def test_what_is_no_address_keeps_nobody_else_from_being_asked(site: Site, settings: Settings) -> None:
    settings.RABBITMQ_URL, settings.QDRANT_URL = "garbage", "http://[::1"
    connected("Bad", "http://[::1")
    Integration.objects.filter(pk=connected("Of a provider that is gone", "").pk).update(provider="gone")
    connected("Right", site(0))
    found = clocks.others()
    assert found.state is State.OK
    assert len(found.figures["seconds_ahead"]) == 1


def test_sites_of_inactive_integrations_are_not_asked(site: Site) -> None:
    integration = connected("Jira", site(0))
    integration.active = False
    integration.save()
    assert clocks.others().said == "nobody to ask"
