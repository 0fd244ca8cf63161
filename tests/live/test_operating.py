"""What docs/operating.md leads through, in a browser: from no connection to cycle times, and where they come from."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from pytest_django import DjangoDbBlocker

from integrations.sandbox import Faults, SandboxServer
from pulse.tenancy.models import Tenant
from tests.etl.admin.rows import staff
from tests.live.browsers import PATIENCE_MILLISECONDS, Visitor, come, serve, with_pages
from tests.services.waiting import wait_until
from tests.support.sites import FEW_PROJECTS, small_site

pytestmark = pytest.mark.slow
ISSUES = 40
# Of each call: so the sync is still at work when somebody looks.
SLOW_SECONDS = 0.3
PROJECT = FEW_PROJECTS[0].key
FIRST = '[data-step="jira_projects_and_issue_types"][data-stage="extraction"]'
CELLS = 4 * 3
PHONE = ViewportSize(width=320, height=640)
_CUT = "cells => cells.filter(cell => cell.scrollHeight > cell.clientHeight).map(cell => cell.innerText)"
# The place on a chart of its last point.
_LAST_POINT = """canvas => {
    const points = Chart.getChart(canvas).getDatasetMeta(0).data;
    const values = Chart.getChart(canvas).data.datasets[0].data;
    const { x, y } = points[values.findLastIndex(value => value !== null)];
    return { x, y };
}"""


@pytest.fixture
def served(django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[SandboxServer, str]]:
    """(A site that nobody has connected, the address of the pages); ada is Acme's administrator."""
    slowly = Faults(delay_seconds=SLOW_SECONDS)
    with small_site(ISSUES, faults=slowly, projects=FEW_PROJECTS) as site, with_pages(django_db_blocker) as made:
        staff("ada", Tenant.objects.create(name="Acme"))
        yield site, serve(made)


def test_from_connecting_a_site_to_its_cycle_times_and_where_they_come_from(
    served: tuple[SandboxServer, str], browser: Browser
) -> None:
    site, address = served
    ada = come(browser, address, "ada")
    _connects(ada, site)
    _watches_the_job(ada.page, site)
    _maps_a_field(ada)
    _reads_the_cycle_times(ada)
    _sees_where_an_item_comes_from(ada.page)
    assert ada.faults == []


def _go_to(person: Visitor, topic: str, title: str) -> None:
    """By the sidebar, whose topics are folded until one is within."""
    sidebar = person.page.locator("#nav-sidebar-apps")
    link = sidebar.locator("a").filter(has_text=re.compile(rf"\b{title}\s*$"))
    if not link.is_visible():
        sidebar.get_by_role("heading", name=topic).click()
    link.click()


def _connects(ada: Visitor, site: SandboxServer) -> None:
    """With the first of the site's projects."""
    page = ada.page
    _go_to(ada, "Connections", "Integrations")
    page.locator("a.addlink").click()
    page.get_by_role("link", name="Jira Projects, issues").click()
    for name, text in {"name": "Our Jira", "setting_base_url": site.url, "setting_email": site.email}.items():
        page.fill(f"[name={name}]", text)
    page.fill("[name=setting_api_token]", site.token)
    page.get_by_role("button", name="Check connection").click()
    expect(page.get_by_text("It knows the account")).to_be_visible()
    page.get_by_label("Search in the list").fill(PROJECT)
    page.get_by_label(PROJECT, exact=True).check()
    page.get_by_role("button", name="Save connection").click()
    expect(page.get_by_text("Our Jira is connected.")).to_be_visible()
    page.get_by_role("button", name="Start now").click()


def _watches_the_job(page: Page, site: SandboxServer) -> None:
    """The cells change without a reload."""
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    page.evaluate("window.sameage = true")
    card = page.locator(".job-card")
    expect(card.locator(FIRST)).to_have_attribute("data-state", re.compile("running|finished"))
    expect(card.locator('.job-cell[data-state="idle"]')).not_to_have_count(0)
    site.faults = Faults()
    expect(card.locator('.job-cell[data-state="finished"]')).to_have_count(CELLS, timeout=PATIENCE_MILLISECONDS)
    expect(card.locator(".job-state")).to_contain_text("finished", timeout=PATIENCE_MILLISECONDS)
    assert page.evaluate("window.sameage") is True


def _maps_a_field(ada: Visitor) -> None:
    page = ada.page
    _go_to(ada, "Meaning", "Custom fields")
    page.get_by_role("button", name="Queue for Extraction & Transform").click()
    page.get_by_role("link", name=re.compile(r"^run \d+$")).first.click()
    _ends_finished(page)
    _go_to(ada, "Meaning", "Custom field mappings")
    page.get_by_role("link", name="Map fields").click()
    page.get_by_role("button", name="Accept all suggestions").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Story points")
    page.get_by_role("button", name="Save and apply").click()
    page.get_by_role("link", name=re.compile(r"^run \d+$")).first.click()
    _ends_finished(page)


def _ends_finished(page: Page) -> None:
    """The run whose page it is."""
    expect(page.locator("#run-parts").get_by_text("FINISHED", exact=True)).to_be_visible(timeout=PATIENCE_MILLISECONDS)


def _drawn(canvas: Locator) -> None:
    expect(canvas).to_be_visible()
    canvas.scroll_into_view_if_needed()
    assert wait_until(lambda: canvas.evaluate("canvas => Boolean(Chart.getChart(canvas))"), 10)


def _reads_the_cycle_times(ada: Visitor) -> None:
    """Down to an item behind the last point, whose page says how long it took."""
    page = ada.page
    _go_to(ada, "Work", "Flow")
    times = page.get_by_role("row").filter(has_text="Cycle time").first
    expect(times).to_contain_text(re.compile(r"\d+(\.\d+)? days"))
    cycle = page.locator("canvas[data-flow=cycle]")
    _drawn(cycle)
    cycle.click(position=cycle.evaluate(_LAST_POINT))
    page.wait_for_url(re.compile(r"/workitem/\?.*finished="))
    expect(page.locator("#result_list .field-cycle_time").first).to_have_text(re.compile(r"\d+ (d|h|min)"))
    _is_whole_on_a_phone(page)
    page.locator("#result_list tbody").get_by_role("link", name=re.compile(rf"^{PROJECT}-\d+$")).first.click()
    expect(page.locator("#total_cycle_time_seconds")).to_contain_text("From the first start to the last completion.")


def _is_whole_on_a_phone(page: Page) -> None:
    """No text of the list is cut."""
    wide = page.viewport_size
    assert wide
    page.set_viewport_size(PHONE)
    assert page.locator("#result_list td").evaluate_all(_CUT) == []
    page.set_viewport_size(wide)


def _sees_where_an_item_comes_from(page: Page) -> None:
    """The call that brought it, and the answer as it was stored, which has the item."""
    key = page.title().split()[0]
    chain = page.locator(".traced-chain").first.get_by_role("listitem")
    expect(chain.filter(has_text="Call")).to_contain_text("/rest/api/3/search/jql")
    chain.filter(has_text="Stored answer").get_by_role("link").click()
    page.get_by_role("searchbox", name="Search Answer").fill(key)
    expect(page.locator("mark").first).to_have_text(key)
