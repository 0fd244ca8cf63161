"""The page of the API's schema in a browser: it shows what there is, and keeps to the content security policy."""

from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.live.browsers import visitor


def test_the_page_shows_every_part_of_the_api_and_breaks_no_policy(browser: Browser, live_server: LiveServer) -> None:
    anybody = visitor(browser, live_server.url)

    anybody.open("/app/etl/docs/")

    page = anybody.page
    for tag in ("jobs", "work-items", "metrics", "search", "qdrant", "health"):
        expect(page.locator(f"#operations-tag-{tag}")).to_be_visible()
    page.locator("#operations-tag-health").click()
    page.get_by_text("/app/etl/health/ready").click()
    expect(page.get_by_text("Whether the process can answer requests").first).to_be_visible()
    assert anybody.faults == []
