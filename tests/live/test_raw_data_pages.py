"""A large answer in a browser: folded, searched, its paths copied; and from a work item to its answer and back."""

from collections.abc import Iterator

import orjson
import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django import DjangoDbBlocker

from etl.jobs import lifecycle
from etl.models import EtlJobRun, RawExtractionData, WorkItem
from etl.queue.topology import Stage
from tests.etl.admin import addresses
from tests.etl.admin.rows import staff
from tests.live.browsers import PASSWORD, Visitor, serve, visitor, with_pages
from tests.services.waiting import wait_until
from tests.support.driving import work_off
from tests.support.making import raw_row
from tests.support.sites import connect, small_site

pytestmark = pytest.mark.slow
LARGE_BYTES = 4_000_000
NEEDLE = "Needle in 4 MB"
# Many more rows than are seen would be a page that freezes.
MOST_ROWS = 200


@pytest.fixture
def served(django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[EtlJobRun, str]]:
    """(A sync whose items are loaded, the address of the pages); vera may look at them."""
    with small_site() as site, with_pages(django_db_blocker) as made:
        connected = connect(site)
        staff("vera", connected.tenant, role="viewer")
        run = lifecycle.start(connected.job.pk, trigger="test")
        work_off(run, stages=(Stage.EXTRACTION, Stage.TRANSFORM))
        yield run, serve(made)


def large_answer(run: EtlJobRun) -> RawExtractionData:
    """An answer of 4 MB; the needle is at one place of it."""
    page = RawExtractionData.objects.filter(run=run, entity_type="jira_issues").order_by("pk")[0].raw_data
    copies = LARGE_BYTES // len(orjson.dumps(page)) + 1
    issues = [*page["issues"] * copies, {"id": "1", "fields": {"summary": NEEDLE, "far away": 12345678901234567890}}]
    return raw_row(run, status="completed", raw_data={"issues": issues})


def _folds_by_keyboard(page: Page) -> None:
    tree = page.get_by_role("tree", name="Answer")
    first = tree.get_by_role("treeitem").first
    tree.focus()
    page.keyboard.press("Home")
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowLeft")
    expect(first).to_have_attribute("aria-expanded", "false")
    expect(tree.get_by_role("treeitem")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(first).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".json-path").first).to_have_text("issues")
    page.get_by_role("button", name="Unfold all").first.click()
    assert tree.get_by_role("treeitem").count() < MOST_ROWS
    page.keyboard.press("Tab")


def _searches_and_copies(page: Page, place: int) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("searchbox", name="Search Answer").fill("needle IN 4")
    expect(page.get_by_text("1 of 1")).to_be_visible()
    path = f"issues[{place}].fields.summary"
    expect(page.locator(".json-path").first).to_have_text(path)
    expect(page.locator("mark")).to_have_text("Needle in 4")
    _copies(page, "path", path)
    _copies(page, "value", NEEDLE)
    tree = page.get_by_role("tree", name="Answer")
    tree.focus()
    page.keyboard.press("ArrowDown")
    # A number that JavaScript's own cannot hold.
    _copies(page, "value", "12345678901234567890")
    _copies(page, "path", f'issues[{place}].fields["far away"]')


def _copies(page: Page, what: str, expected: str) -> None:
    page.get_by_role("button", name=f"Copy {what}").first.click()
    expect(page.get_by_text(f"The {what} is copied.")).to_be_visible()
    assert wait_until(lambda: page.evaluate("navigator.clipboard.readText()") == expected, 10), expected


def _follows_an_item(person: Visitor, item: WorkItem) -> None:
    page = person.page
    person.open(addresses.page_of(item))
    page.locator("[data-span]").first.focus()
    expect(page.locator("[data-told]")).to_contain_text(" to ")
    expect(page.locator("#total_cycle_time_seconds")).to_contain_text("From the first start to the last completion.")
    page.locator(".traced-chain").first.get_by_role("link", name=str(item.raw_data_id), exact=True).click()
    expect(page.get_by_role("tree", name="Answer").get_by_role("treeitem").first).to_be_visible()
    page.locator("summary", has_text="Work items").click(trial=True)
    page.get_by_role("link", name=str(item), exact=True).first.click()
    page.wait_for_url(f"**{addresses.page_of(item)}")


def test_a_large_answer_is_folded_searched_and_copied_from_and_items_lead_there_and_back(
    served: tuple[EtlJobRun, str], browser: Browser
) -> None:
    run, address = served
    answer = large_answer(run)
    vera = visitor(browser, address)
    vera.log_in("vera", PASSWORD)
    vera.open(f"{addresses.page_of(answer)}?path=issues[2].id")
    page = vera.page
    expect(page.locator(".json-path").first).to_have_text("issues[2].id")
    assert page.get_by_role("tree", name="Answer").get_by_role("treeitem").count() < MOST_ROWS
    _folds_by_keyboard(page)
    _searches_and_copies(page, len(answer.raw_data["issues"]) - 1)
    assert vera.barriers() == []
    _follows_an_item(vera, WorkItem.objects.exclude(work_last_completed_at=None).order_by("pk")[0])
    assert vera.barriers() == []
    vera.prefer("dark")
    for path in (page.url.removeprefix(address), addresses.page_of(answer)):
        vera.open(path)
        expect(page.locator("[data-span], [data-json-src] [role=treeitem]").first).to_be_visible()
        assert vera.barriers() == []
    assert vera.faults == []
