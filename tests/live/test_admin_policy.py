"""Every page of the admin in a browser: under its content security policy, for everybody, and what its scripts do."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from pytest_django import DjangoDbBlocker

from pulse.tenancy.models import Tenant, User
from tests.live.browsers import PASSWORD, Visitor, come, serve, with_pages
from tests.support.making import an_integration

pytestmark = pytest.mark.slow
PHONE = ViewportSize(width=390, height=844)
# Colours are all that the dark theme changes: one page of each kind.
IN_THE_DARK = ("/admin/", "/admin/etl/etljob/", "/admin/etl/workerrow/queues/", "/admin/integrations/integration/add/")


@pytest.fixture
def root(django_db_blocker: DjangoDbBlocker, browser: Browser) -> Iterator[Visitor]:
    """A superuser who has just logged in, on an installation with one integration."""
    with with_pages(django_db_blocker) as made:
        tenant = an_integration("Jira").tenant
        User.objects.create_superuser("root", "root@example.com", PASSWORD, tenant=tenant)
        yield come(browser, serve(made), "root")


def _linked(page: Page, selector: str) -> list[str]:
    found: list[str] = page.locator(selector).evaluate_all("links => links.map(link => link.getAttribute('href'))")
    return [href for href in dict.fromkeys(found) if href and href.startswith("/admin/")]


def test_no_page_of_the_admin_breaks_its_policy_or_has_a_serious_barrier(root: Visitor) -> None:
    pages = _linked(root.page, "#nav-sidebar-apps a")
    assert len(pages) > 20
    forms = []
    for path in pages:
        root.open(path)
        expect(root.page.locator("#content")).to_be_visible()
        forms += _linked(root.page, "a[href$='/add/'], #result_list th a")
        assert root.faults + root.barriers() == [], path
    assert len(forms) > 5
    for path in dict.fromkeys(forms):
        root.open(path)
        expect(root.page.locator("form [name=_save], form [type=submit]").first).to_be_attached()
        assert root.faults + root.barriers() == [], path
    root.prefer("dark")
    for path in IN_THE_DARK:
        root.open(path)
        expect(root.page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
        assert root.barriers() == [], path


def test_what_the_pages_scripts_do_is_done(root: Visitor) -> None:
    page = root.page
    root.open("/admin/integrations/integration/")
    page.keyboard.press("Control+e")
    expect(page.locator("html")).to_have_class(re.compile(r"\blight\b"))
    _finds_by_the_box(page)
    _finds_by_command(page)
    page.get_by_text("dock_to_right").first.click()
    root.open("/admin/")
    assert page.evaluate("localStorage.getItem('sidebarDesktopOpen')") == "0"
    assert root.faults == []


def test_on_a_phone_pages_show_their_title_whole_and_the_keyboard_opens_the_menu(root: Visitor) -> None:
    Tenant.objects.create(name="Globex")
    page = root.page
    page.set_viewport_size(PHONE)
    for path in ("/admin/etl/etljob/", "/admin/etl/workerrow/queues/", "/admin/integrations/integration/"):
        root.open(path)
        title = page.locator("h1 > :visible")
        expect(title).to_have_count(1)
        assert title.evaluate("title => title.scrollWidth <= title.clientWidth"), path
        expect(page.get_by_label("Tenant to look at")).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("button", name="Switch")).to_be_in_viewport(ratio=1)

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.get_by_role("main").evaluate("main => main.contains(document.activeElement)")

    menu = page.get_by_role("button", name="Menu")
    menu.focus()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#nav-sidebar a:focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    expect(menu).to_be_focused()
    assert root.faults == []


def _finds_by_the_box(page: Page) -> None:
    box = page.locator("#nav-filter")
    page.keyboard.press("t")
    expect(box).to_be_focused()
    page.keyboard.type("integr")
    expect(page.locator("#search-results")).to_contain_text("Integrations")
    page.keyboard.press("Escape")
    expect(page.locator("#search-results")).to_be_hidden()
    expect(box).to_have_value("")
    page.keyboard.press("Escape")
    expect(box).not_to_be_focused()


def _finds_by_command(page: Page) -> None:
    box = page.locator("#search-input-command")
    page.keyboard.press("Control+k")
    expect(box).to_be_focused()
    page.keyboard.type("integr")
    expect(page.locator("#command-results")).to_contain_text("Integrations")
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
