"""The jobs' pages, in a browser: cards that change without a reload, buttons, and a connection that comes back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, expect
from pytest_django import DjangoDbBlocker

from etl.jobs import lifecycle
from etl.models import EtlJob
from integrations.sandbox import Faults
from tests.etl.admin import addresses
from tests.etl.admin.rows import staff
from tests.live.browsers import PATIENCE_MILLISECONDS, Visitor, come, with_pages
from tests.services.waiting import wait_until
from tests.support.installations import Installation
from tests.support.processes import Running, answers, free_port
from tests.support.sites import Connected, connect, small_site

pytestmark = pytest.mark.slow
JOBS = "/admin/etl/etljob/"
# Of each call: so a run is still at work when somebody looks.
SLOW_SECONDS = 0.5
FIRST = '[data-step="jira_projects_and_issue_types"][data-stage="extraction"]'
CELLS = 4 * 3


@dataclass
class Served:
    """An installation with an integration, whose server can be cut off, at a port."""

    installation: Installation
    connected: Connected
    port: int
    server: Running
    faults: Faults

    @property
    def job(self) -> EtlJob:
        return self.connected.job

    def serve(self) -> None:
        self.server = self.installation.start("serve", "--port", self.port)
        assert wait_until(lambda: answers(self.port) or not self.server.alive, 60), self.server.errors


@pytest.fixture
def served(django_db_blocker: DjangoDbBlocker) -> Iterator[Served]:
    """Its people are olga, an operator, and vera, a viewer."""
    faults = Faults(delay_seconds=SLOW_SECONDS)
    with small_site(12, faults=faults) as site, with_pages(django_db_blocker) as made:
        connected, port = connect(site), free_port()
        staff("olga", connected.tenant, role="operator")
        staff("vera", connected.tenant, role="viewer")
        found = Served(made, connected, port, made.start("serve", "--port", port), faults)
        assert wait_until(lambda: answers(port) or not found.server.alive, 60), found.server.errors
        yield found


def _come(browser: Browser, served: Served, name: str, path: str) -> tuple[Visitor, Locator]:
    """Somebody on a page, and the job's card there."""
    made = come(browser, f"http://127.0.0.1:{served.port}", name)
    made.open(path)
    card = made.page.locator(f"#job-{served.job.pk}")
    expect(made.page.locator("[data-live-state]")).to_have_text("Live")
    made.page.evaluate("window.sameage = true")
    return made, card


def _button(card: Locator, name: str) -> Locator:
    return card.get_by_role("button", name=name, exact=True)


def _press(card: Locator, name: str) -> None:
    """By keyboard; the focus stays among the card's buttons."""
    _button(card, name).focus()
    card.page.keyboard.press("Enter")


def _is_at_the_buttons(card: Locator) -> bool:
    return bool(card.locator(".job-actions").evaluate("bar => bar.contains(document.activeElement)"))


def _state(card: Locator) -> Locator:
    return card.locator(".job-state")


def _said(person: Visitor) -> Locator:
    return person.page.locator("[data-told]")


def test_a_job_is_moved_and_watched_without_a_reload_and_a_lost_connection_comes_back(
    served: Served, browser: Browser
) -> None:
    olga, card = _come(browser, served, "olga", JOBS)
    vera, large = _come(browser, served, "vera", addresses.page_of(served.job))
    expect(_state(card)).to_contain_text("not started")

    _runs_and_pauses(served, olga, card, large)
    _stops_only_who_means_it(olga, card)
    _is_cut_off_and_recovers(served, olga, card)

    expect(_state(large)).to_contain_text("stopped")
    assert vera.page.locator(".job-actions, .job-card button, .job-card summary").count() == 0
    for person in (olga, vera):
        assert person.page.evaluate("window.sameage") is True
        assert person.faults == []


def _runs_and_pauses(served: Served, olga: Visitor, card: Locator, large: Locator) -> None:
    """A run from its start to its end, with a pause; whoever looks at the job's own page sees the same."""
    _press(card, "Start")
    expect(_said(olga)).to_contain_text(re.compile(r"was started: run \d+"))
    expect(card.locator(FIRST)).to_have_attribute("data-state", re.compile("running|finished"))
    expect(large.locator(FIRST)).to_have_attribute("data-state", re.compile("running|finished"))
    expect(card.locator(".job-figures")).to_contain_text("units")

    _press(card, "Pause")
    expect(_button(card, "Resume")).to_be_visible()
    assert _is_at_the_buttons(card)
    for shown in (card, large):
        expect(_state(shown)).to_contain_text("paused")

    served.faults.delay_seconds = 0
    _press(card, "Resume")
    for shown in (card, large):
        expect(shown.locator('.job-cell[data-state="finished"]')).to_have_count(CELLS, timeout=PATIENCE_MILLISECONDS)
        expect(_state(shown)).to_contain_text("finished")
    served.faults.delay_seconds = SLOW_SECONDS


def _stops_only_who_means_it(olga: Visitor, card: Locator) -> None:
    page = olga.page
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    card.get_by_role("button", name="Run with options…").click()
    page.get_by_role("dialog").get_by_label("Changed from").fill("yesterday")
    page.get_by_role("button", name="Start", exact=True).last.click()
    expect(page.get_by_role("dialog")).to_contain_text("updated_from is 'yesterday'")
    page.get_by_label("Changed from").fill("")
    page.get_by_label("Full sync").check()
    page.get_by_role("button", name="Start", exact=True).last.click()
    expect(_said(olga)).to_contain_text("full_sync: True")
    expect(_state(card)).to_contain_text("running")

    _press(card, "Stop…")
    expect(page.get_by_role("dialog")).to_contain_text("the run cannot go on afterwards")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(_button(card, "Stop…")).to_be_focused()
    expect(_state(card)).to_contain_text("running")


def _is_cut_off_and_recovers(served: Served, olga: Visitor, card: Locator) -> None:
    """While the server is away, the run is stopped: the page says that it does not know, and then what is true."""
    served.server.close()
    expect(olga.page.locator("[data-live-state]")).to_have_text("Connection lost, trying again")
    lifecycle.stop(served.job.pk)

    served.serve()

    expect(olga.page.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENCE_MILLISECONDS)
    expect(_state(card)).to_contain_text("stopped")
    expect(card.locator('.job-cell[data-state="stopped"]')).not_to_have_count(0)
    expect(card.locator('.job-cell[data-state="running"]')).to_have_count(0)
    expect(_button(card, "Start")).to_be_visible()
