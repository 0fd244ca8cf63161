"""A run in a browser: its log grows before one's eyes, what failed is retried, what is quarantined is explained."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django import DjangoDbBlocker

from etl.jobs import lifecycle
from etl.models import DeadLetter, EtlJobEvent, EtlJobRun
from integrations.sandbox import Faults
from integrations.sandbox.damage import Damage
from tests.etl.admin import addresses
from tests.etl.admin.rows import staff
from tests.live.browsers import come, serve, with_pages
from tests.support.runs import wait_for_run
from tests.support.sites import Connected, connect, small_site

pytestmark = pytest.mark.slow
DEV_STATUS = "/rest/dev-status"
SEARCH = "/rest/api/3/search"
# What comes with the end of a run, in milliseconds.
SLOWLY = 30_000


@pytest.fixture
def served(django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Connected, str]]:
    """(An integration with a site, the address of the pages); the people are otto, who operates, and vera."""
    with small_site() as site, with_pages(django_db_blocker) as made:
        connected = connect(site)
        for name, role in (("otto", "operator"), ("vera", "viewer")):
            staff(name, connected.tenant, role=role)
        yield connected, serve(made)


def _messages(page: Page) -> Locator:
    return page.locator("[data-log] .run-message")


def _note(run: EtlJobRun, message: str) -> None:
    EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, level="warning", stage="transform", message=message)


def test_a_run_is_followed_explained_and_retried_without_a_reload(
    served: tuple[Connected, str], browser: Browser
) -> None:
    connected, address = served
    bad = connected.site.keys()[3]
    connected.server.faults = Faults(
        issues={bad: Damage.BAD_CREATED}, html_under=DEV_STATUS, delay_seconds=1, only_under=SEARCH
    )
    otto = come(browser, address, "otto")
    run = lifecycle.start(connected.job.pk, trigger="test")
    otto.open(addresses.page_of(run))
    page, parts = otto.page, otto.page.locator("#run-parts")
    page.evaluate("window.isTheSame = true")

    _followed(page, run)
    assert wait_for_run(run.pk).status == "FAILED"
    expect(parts).to_have_attribute("data-status", "FAILED", timeout=SLOWLY)
    expect(_messages(page).filter(has_text="run ended: FAILED")).to_be_visible()
    _explained(page, run)
    _filtered(page)
    vera = come(browser, address, "vera")
    vera.open(addresses.page_of(run))
    expect(vera.page.locator("#failures-title")).to_be_visible()
    expect(vera.page.locator("[data-act]")).to_have_count(0)

    connected.server.faults = Faults()
    page.get_by_role("button", name="Retry all that failed").click()
    expect(page.get_by_text(f"{run} was retried.")).to_be_visible()
    for person in (otto, vera):
        expect(person.page.locator("#run-parts")).to_have_attribute("data-status", "FINISHED", timeout=SLOWLY)
        expect(person.page.locator("#failures-title")).to_have_count(0)
    assert page.evaluate("window.isTheSame") is True
    assert (otto.faults, vera.faults) == ([], [])


def _followed(page: Page, run: EtlJobRun) -> None:
    """Events appear, unless it is paused; then they come all at once."""
    _note(run, "one that comes by itself")
    expect(_messages(page).filter(has_text="one that comes by itself")).to_be_visible()
    page.get_by_role("button", name="Pause", exact=True).click()
    looks = page.expect_response(lambda answer: "/parts/" in answer.url)
    _note(run, "one that waits")
    with looks:
        pass
    with page.expect_response(lambda answer: "/parts/" in answer.url):
        pass
    expect(_messages(page).filter(has_text="one that waits")).to_have_count(0)
    page.get_by_role("button", name="Follow", exact=True).click()
    expect(_messages(page).filter(has_text="one that waits")).to_be_visible()


def _explained(page: Page, run: EtlJobRun) -> None:
    """Failures are grouped by cause; a quarantined record shows its field, and its place in the answer."""
    group = page.locator(".run-causes tbody tr")
    expect(group).to_have_count(1)
    expect(group).to_contain_text(re.compile(r"text/html instead of JSON \(# bytes\)"))
    failed = DeadLetter.objects.filter(run_id=run.pk).count()
    expect(group.locator(".ops-number")).to_have_text(str(failed))
    expect(group.get_by_role("link", name=f"{failed} open")).to_be_visible()
    record = page.locator("details.run-refused")
    record.locator("summary").click()
    expect(record.locator("summary")).to_have_text(re.compile('created of work_items .*: "yesterday"'))
    expect(record.locator(".json-path")).to_have_text(re.compile(r"^issues\[\d+\]\.fields\.created$"))
    expect(record.locator(".json-row[aria-selected=true]")).to_have_text(re.compile("created.*yesterday"))


def _filtered(page: Page) -> None:
    page.get_by_label("Level", exact=True).select_option("warning")
    expect(_messages(page)).to_have_text(["one that waits", "one that comes by itself"])
    page.get_by_label("Search", exact=True).fill("WAITS")
    expect(_messages(page)).to_have_text(["one that waits"])
    page.get_by_label("Stage", exact=True).select_option("embedding")
    expect(page.get_by_text("There is nothing here that matches.")).to_be_visible()
    assert "search=WAITS" in page.url
