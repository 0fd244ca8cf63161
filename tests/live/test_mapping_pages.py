"""From discovered fields to filled columns, in a browser, with the server and its workers."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from pytest_django import DjangoDbBlocker

from custommapping.models import CustomFieldMapping
from etl.jobs import lifecycle
from etl.models import EtlJobRun, RunKind, WorkItem
from tests.etl.admin.rows import staff
from tests.live.browsers import Visitor, come, serve, with_pages
from tests.services.waiting import wait_until
from tests.support.runs import wait_for_run
from tests.support.sites import Connected, connect, small_site

pytestmark = pytest.mark.slow


@pytest.fixture
def served(django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Connected, str]]:
    """(An integration whose site is loaded, the address of the pages); the people are otto and olga."""
    with small_site() as site, with_pages(django_db_blocker) as made:
        connected = connect(site)
        for name in ("otto", "olga"):
            staff(name, connected.tenant, role="operator")
        address = serve(made)
        wait_for_run(lifecycle.start(connected.job.pk, trigger="test").pk)
        yield connected, address


def _the_run(kind: RunKind) -> EtlJobRun:
    assert wait_until(lambda: EtlJobRun.objects.filter(kind=kind).exists(), 30)
    return wait_for_run(EtlJobRun.objects.get(kind=kind).pk)


def _choose(person: Visitor, column: str, words: str) -> None:
    """By keyboard alone, once the select has the focus."""
    page = person.page
    page.locator(f"#column-{column} .select2-selection").focus()
    page.keyboard.press("Enter")
    # What is typed before the box has opened is lost.
    expect(page.locator(".select2-search__field")).to_be_focused()
    page.keyboard.type(words)
    expect(page.locator(".select2-results__option--highlighted")).to_contain_text(words)
    page.keyboard.press("Enter")
    expect(page.locator(f"#column-{column} .select2-selection__rendered")).to_contain_text(words)


def _preview(person: Visitor) -> None:
    person.page.get_by_role("button", name="Preview").click()
    expect(person.page.locator("#preview")).to_contain_text("would change")


def _save(person: Visitor) -> None:
    person.page.get_by_role("button", name="Save and apply").click()


def test_fields_are_discovered_mapped_and_applied_and_the_second_of_two_is_told(
    served: tuple[Connected, str], browser: Browser
) -> None:
    connected, address = served
    otto, olga = come(browser, address, "otto"), come(browser, address, "olga")
    otto.open("/admin/custommapping/customfield/")
    otto.page.get_by_role("button", name="Queue for Extraction & Transform").click()
    expect(otto.page.get_by_text("queued for extraction and transform")).to_be_visible()
    assert _the_run(RunKind.DISCOVERY).status == "FINISHED"

    mapping = f"/admin/custommapping/customfieldmapping/of/{connected.integration.pk}/"
    for person in (otto, olga):
        person.open(mapping)
        person.page.get_by_role("button", name="Accept all suggestions").click()
    _choose(otto, "custom_field_01", "Severity")
    _choose(olga, "custom_field_02", "Customer impact")
    for person in (otto, olga):
        _preview(person)
    _save(otto)
    expect(otto.page.get_by_text("Saved as version 1")).to_be_visible()
    assert _the_run(RunKind.REPROCESS).status == "FINISHED"
    items = WorkItem.objects.filter(integration=connected.integration)
    for column in ("team", "story_points", "custom_field_01"):
        assert items.exclude(**{column: None}).exists(), column

    _save(olga)
    expect(olga.page.get_by_text("Somebody else saved this mapping meanwhile")).to_be_visible()
    expect(olga.page.locator("#differences")).to_contain_text("Severity")
    expect(olga.page.locator("#column-custom_field_02 .select2-selection")).to_contain_text("Customer impact")
    assert CustomFieldMapping.objects.get().version == 1

    olga.page.set_input_files("#id_document", {"name": "torn.json", "mimeType": "application/json", "buffer": b"{"})
    olga.page.get_by_role("button", name="Import").click()
    expect(olga.page.get_by_text("torn.json is no JSON")).to_be_visible()
    assert (otto.faults, olga.faults) == ([], [])
