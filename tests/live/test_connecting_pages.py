"""From no connection to a job that ran, and to no connection again, in a browser, with the server and its workers."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from pytest_django import DjangoDbBlocker

from etl.models import EtlJobRun, QdrantVector, WorkItem
from integrations.models import Integration
from integrations.sandbox import SandboxServer
from pulse.tenancy.models import Tenant, User
from tests.etl.admin.rows import staff
from tests.live.browsers import PASSWORD, come, serve, with_pages
from tests.services.waiting import wait_until
from tests.support.runs import wait_for_run
from tests.support.sites import small_site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[SandboxServer, str]]:
    """(A site that nobody has connected, the address of the pages); the people are ada of Acme, and root."""
    with small_site(issues=6) as site, with_pages(django_db_blocker) as made:
        staff("ada", Tenant.objects.create(name="Acme", colour="#0f766e"))
        Tenant.objects.create(name="Globex")
        User.objects.create_superuser("root", password=PASSWORD)
        yield site, serve(made)


def test_a_site_is_connected_started_and_erased(served: tuple[SandboxServer, str], browser: Browser) -> None:
    site, address = served
    ada = come(browser, address, "ada")
    ada.open("/admin/integrations/integration/add/")
    page, wanted = ada.page, site.site.keys()[0].split("-")[0]
    page.get_by_role("link", name="Jira Projects, issues").click()
    for name, text in {"name": "Our Jira", "setting_base_url": site.url, "setting_email": site.email}.items():
        page.fill(f"[name={name}]", text)
    page.fill("[name=setting_api_token]", "wrong")
    page.get_by_role("button", name="Check connection").click()
    expect(page.get_by_text("the credentials are refused")).to_be_visible()

    page.get_by_role("link", name="Back to the settings").click()
    expect(page.locator("[name=setting_base_url]")).to_have_value(site.url)
    page.fill("[name=setting_api_token]", site.token)
    page.get_by_role("button", name="Check connection").click()
    expect(page.get_by_text("It knows the account")).to_be_visible()

    page.get_by_label("Search in the list").fill(wanted.lower())
    expect(page.locator("[data-pick-name]:visible")).to_have_count(1)
    page.get_by_label(wanted, exact=True).check()
    expect(page.get_by_label("Only these:")).to_be_checked()
    page.get_by_role("button", name="Save connection").click()
    expect(page.get_by_text("Our Jira is connected.")).to_be_visible()
    assert Integration.objects.get().settings["projects"] == wanted

    page.get_by_role("button", name="Start now").click()
    assert wait_until(EtlJobRun.objects.exists, 30)
    assert wait_for_run(EtlJobRun.objects.get().pk).status == "FINISHED"
    assert WorkItem.objects.exists()

    ada.open(f"/admin/integrations/integration/{Integration.objects.get().pk}/change/")
    page.get_by_role("link", name="Disconnect or erase…").click()
    page.get_by_label("Erase it:").check()
    page.get_by_label("Its name").fill("Our Jira")
    page.get_by_role("button", name="Go ahead").click()
    expect(page.get_by_text("The connection Our Jira is erased")).to_be_visible()
    assert [model.__name__ for model in (Integration, WorkItem, QdrantVector) if model.objects.exists()] == []
    assert ada.faults == []


def test_a_superuser_looks_at_one_tenant_with_the_keyboard_alone(
    served: tuple[SandboxServer, str], browser: Browser
) -> None:
    _, address = served
    root = come(browser, address, "root")
    root.open("/admin/tenancy/tenant/")
    choice = root.page.get_by_label("Tenant to look at")
    choice.focus()
    root.page.keyboard.type("Acme")
    root.page.keyboard.press("Tab")
    root.page.keyboard.press("Enter")
    expect(root.page.locator("#result_list")).to_contain_text("Acme")
    expect(root.page.locator("#result_list")).not_to_contain_text("Globex")
    colour = "getComputedStyle(document.documentElement).getPropertyValue('--color-primary-600').trim()"
    assert root.page.evaluate(colour) == "rgb(15, 118, 110)"
    assert root.faults == []
