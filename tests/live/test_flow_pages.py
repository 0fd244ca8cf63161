"""The home and the flow page, in a browser: charts that are drawn, filters without a reload, and links to the rows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from pytest_django import DjangoDbBlocker

from custommapping.models import Project
from etl.models import EtlJob, Overall
from integrations.records import PullRequestRecord
from pulse.tenancy.models import Tenant
from tests.etl.admin.rows import staff
from tests.live.browsers import PATIENCE_MILLISECONDS, come, serve, with_pages
from tests.services.waiting import wait_until
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, at, commit, items, moved, pull_request, pulls, review, statuses

pytestmark = pytest.mark.slow
FLOW = "/admin/etl/workitem/flow/"
CHARTS = 8
PHONE = ViewportSize(width=390, height=800)

# How many pixels of a canvas are painted, and of how many colours.
_PIXELS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Map();
    for (let place = 0; place < data.length; place += 4) {
        if (data[place + 3] === 255) {
            const colour = data.slice(place, place + 3).join();
            colours.set(colour, (colours.get(colour) ?? 0) + 1);
        }
    }
    return [...colours].sort((one, other) => other[1] - one[1]).slice(0, 3).map(([colour]) => colour);
}"""
# Where the bar of so many-th label is, from the canvas's corner.
_BAR = """(canvas, place) => {
    const { x, y, base } = Chart.getChart(canvas).getDatasetMeta(0).data[place];
    return { x, y: (y + base) / 2 };
}"""


@dataclass
class Served:
    job: EtlJob
    address: str


@pytest.fixture(scope="module")
def served(django_db_blocker: DjangoDbBlocker) -> Iterator[Served]:
    """Acme, with items of two projects and pull requests, and its viewer vera; and Nova, with ada, who has nothing."""
    with with_pages(django_db_blocker) as made:
        integration = offline_integration()
        _load(Loading.of(integration))
        job = integration.jobs.get()
        EtlJob.objects.update(active=False, last_sync_date=timezone.now())
        staff("vera", integration.tenant, role="viewer")
        staff("ada", Tenant.objects.create(name="Nova"))
        yield Served(job, serve(made))


def _load(loading: Loading) -> None:
    other = {"project_id": "7", "project_key": "XYZ"}
    loading.load(statuses(*STATUSES.values()))
    done = [moved(str(number), "1", "3", *["4"] * (number % 3), "5") for number in range(1, 8)]
    loading.load(items(*done, *(moved(str(number), "3", "4", "5", **other) for number in range(8, 11))))
    loading.load(items(moved("20", "1", "3"), moved("21", "1", "4", **other)))
    loading.load(pulls(*(_merged(number) for number in range(1, 5))))


def _merged(number: int) -> PullRequestRecord:
    closed = at(4 * number)
    made = {"reviews": (review(number, number),), "commits": (commit(number, 0),), "merged": closed, "closed": closed}
    return pull_request(str(number), version=0, state="MERGED", **made)


def _drawn(canvas: Locator) -> list[str]:
    """The colours that a chart is drawn in, the most frequent first."""
    expect(canvas).to_be_visible()
    canvas.scroll_into_view_if_needed()
    assert wait_until(lambda: canvas.evaluate(_PIXELS), 10)
    colours: list[str] = canvas.evaluate(_PIXELS)
    return colours


def _count(page: Page, name: str) -> Locator:
    return page.locator("#flow-counts .card", has_text=name).locator(".card-value")


def _fits(page: Page) -> bool:
    """Whether nothing sticks out of the page's side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_flow_is_drawn_filtered_without_a_reload_and_leads_to_the_items(served: Served, browser: Browser) -> None:
    vera = come(browser, served.address, "vera")
    page = vera.page
    vera.open(FLOW)
    expect(_count(page, "Completed")).to_have_text("10")
    canvases = page.locator("canvas[data-flow]")
    expect(canvases).to_have_count(CHARTS)
    light = [_drawn(canvas) for canvas in canvases.all()]
    assert vera.barriers() == []

    page.evaluate("window.sameage = true")
    page.get_by_label("Project").select_option("XYZ")
    expect(_count(page, "Completed")).to_have_text("3")
    page.get_by_label("Compare").select_option("Team")
    page.get_by_label("To", exact=True).fill("2023-02-01")
    expect(page.locator("#id_first_error")).to_contain_text("is after 2023-02-01")
    page.get_by_label("To", exact=True).fill("2024-03-31")
    expect(page.locator("#id_first_error")).to_be_hidden()
    expect(page.locator("#flow-state")).to_have_text("")
    project = Project.objects.get(key="XYZ").pk
    assert f"project={project}&" in page.url
    assert page.evaluate("window.sameage") is True
    vera.open(page.url.removeprefix(served.address))
    expect(_count(page, "Completed")).to_have_text("3")

    _leads_to_the_items(page)
    vera.open(FLOW)
    expect(_count(page, "Completed")).to_have_text("10")
    _is_dark(page, canvases, light)
    assert vera.barriers() == []
    page.set_viewport_size(PHONE)
    assert wait_until(lambda: _fits(page), 10)
    # What cannot be asked was answered so.
    assert [fault for fault in vera.faults if "last=2023-02-01" not in fault] == []


def _leads_to_the_items(page: Page) -> None:
    """By the chart, and by its table."""
    throughput = page.locator("canvas[data-flow=throughput]")
    _drawn(throughput)
    labels: list[str] = throughput.evaluate("canvas => Chart.getChart(canvas).data.labels")
    place = throughput.evaluate(_BAR, labels.index("2024-02-26"))
    throughput.click(position=place)
    page.wait_for_url(re.compile(r"/workitem/\?.*finished="))
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    page.go_back()
    figures = page.locator(".panel", has=page.locator("canvas[data-flow=cycle]")).locator("details")
    figures.locator("summary").click()
    figures.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/workitem/\?.*finished="))
    expect(page.locator("#result_list tbody tr")).to_have_count(3)


def _is_dark(page: Page, canvases: Locator, light: list[list[str]]) -> None:
    """The charts change with the theme, without being loaded anew."""
    html = page.locator("html")
    for _ in range(3):
        if "dark" not in (html.get_attribute("class") or "").split():
            page.keyboard.press("Control+e")
    expect(html).to_have_class(re.compile(r"\bdark\b"))
    for canvas, before in zip(canvases.all(), light, strict=True):
        assert wait_until(partial(_differs, canvas, before), 10)


def _differs(canvas: Locator, before: list[str]) -> bool:
    return _drawn(canvas) != before


def test_home_keeps_itself_up_to_date_and_says_what_to_do_first(served: Served, browser: Browser) -> None:
    vera = come(browser, served.address, "vera")
    page = vera.page
    failed = page.locator("#home-cards .card", has_text="Failed jobs")
    expect(failed.locator(".card-value")).to_have_text("0")
    expect(page.locator("#home-flow .card", has_text="Finished, 30 days").locator(".card-value")).to_have_text("10")
    _drawn(page.locator("#home-cycle"))
    expect(page.locator("#home-first")).to_be_hidden()
    assert vera.barriers() == []

    page.evaluate("window.sameage = true")
    EtlJob.objects.update(status={"overall": Overall.FAILED, "steps": {}}, error_message="401: the token is wrong")
    expect(failed.locator(".card-value")).to_have_text("1", timeout=PATIENCE_MILLISECONDS)
    expect(page.locator("#home-attention")).to_contain_text("401: the token is wrong")
    assert page.evaluate("window.sameage") is True
    page.locator("#home-attention").get_by_role("link").click()
    page.wait_for_url(re.compile(rf"/etljob/{served.job.pk}/change/"))
    vera.prefer("dark")
    vera.open("/admin/")
    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    expect(page.locator("#home-attention")).to_contain_text("401: the token is wrong")
    assert vera.barriers() == []
    page.set_viewport_size(PHONE)
    assert wait_until(lambda: _fits(page), 10)

    ada = come(browser, served.address, "ada")
    expect(ada.page.locator("#home-steps li")).to_have_count(3)
    ada.page.get_by_role("link", name="Add a connection").click()
    ada.page.wait_for_url(re.compile("/integrations/integration/"))
    assert (vera.faults, ada.faults) == ([], [])
