"""The operators' pages on a real broker and worker: figures move, a dead letter goes back, a search finds an item."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django import DjangoDbBlocker

from etl.jobs import lifecycle
from etl.models import DeadLetter, EtlJobRun, QdrantVector, WorkItem
from integrations.sandbox import Faults
from integrations.sandbox.http import Request, Response
from integrations.sandbox.jira.catalog import PROJECTS
from pulse.tenancy.models import User
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named
from tests.etl.admin.rows import staff
from tests.etl.embedding.qdrant_standin import QdrantStandIn
from tests.live.browsers import PASSWORD, PATIENCE_MILLISECONDS, visitor, with_pages
from tests.live.conftest import KEY
from tests.services.rabbitmq import own_vhost
from tests.services.waiting import wait_until
from tests.support.processes import answers, free_port
from tests.support.runs import wait_for_run
from tests.support.sites import Connected, connect, small_site

pytestmark = pytest.mark.slow
ISSUES = 12


class Refusing(Faults):
    """A site that refuses to tell the statuses of one project, as long as ``is_on``."""

    is_on = True

    def instead(self, request: Request, now: float, *, is_data_center: bool = False) -> Response | None:
        if self.is_on and request.path.endswith(f"/project/{PROJECTS[0].id}/statuses"):
            return Response.json({"errorMessages": ["not today"]}, 400)
        return super().instead(request, now, is_data_center=is_data_center)


@dataclass(frozen=True)
class Served:
    connected: Connected
    address: str
    faults: Refusing


@pytest.fixture
def served(django_db_blocker: DjangoDbBlocker) -> Iterator[Served]:
    """Pages, a worker and a scheduler that share a broker, and a site. The people are root and olga."""
    vectors, port, faults = QdrantStandIn(KEY), free_port(), Refusing()
    services = {"QDRANT_URL": vectors.url, "QDRANT_API_KEY": KEY}
    with (
        small_site(ISSUES, faults=faults) as site,
        own_vhost() as url,
        with_pages(django_db_blocker, RABBITMQ_URL=url, **services) as made,
    ):
        connected = connect(site)
        staff("olga", connected.tenant, role="operator")
        User.objects.create_superuser("root", password=PASSWORD)
        server = made.start_python("-m", "daphne", "-p", port, "pulse.asgi:application")
        worker, _ = made.start("run_worker"), made.start("run_scheduler")
        worker.wait_for("taking messages")
        assert wait_until(lambda: answers(port) or not server.alive, 60), server.errors
        yield Served(connected, f"http://127.0.0.1:{port}", faults)
    vectors.stop()


def _figures_move(page: Page, served: Served) -> EtlJobRun:
    """What workers do is told on the page of queues while it is open."""
    page.goto(served.address + "/admin/etl/workerrow/queues/")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    page.evaluate("window.same = true")
    expect(page.locator("#queue-etl\\.jobs")).to_be_visible()
    expect(page.locator("#queue-extraction_queue_free [data-figure=consumers]")).not_to_have_text(
        "0", timeout=PATIENCE_MILLISECONDS
    )
    charts = page.locator("#queue-extraction_queue_free .spark-line")
    expect(charts).to_have_count(3)
    open_letters, done = page.locator(".spark-cards li").last, page.locator("[data-figure=done]")
    expect(open_letters.locator("strong")).to_have_text("0")
    expect(done).to_have_text(["0"] * done.count())

    run = lifecycle.start(served.connected.job.pk, trigger="test")

    expect(open_letters.locator("strong")).to_have_text("1", timeout=PATIENCE_MILLISECONDS)
    expect(done.filter(has_text=re.compile("[1-9]"))).to_have_count(1, timeout=PATIENCE_MILLISECONDS)
    assert len((charts.first.get_attribute("d") or "").split("L")) > 1, "the chart has more than one point"
    assert page.evaluate("window.same"), "the page was loaded anew"
    return run


def _a_letter_goes_back(page: Page, served: Served) -> None:
    """From its group, after the example was read and the count was asked about."""
    page.goto(served.address + named(DeadLetter, "groups"))
    group = page.locator(".letter-group")
    group.locator("summary").click()
    expect(group).to_contain_text("not today")
    expect(group.locator("pre")).to_contain_text('"unit_id"')
    group.get_by_role("button", name="Send back").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Send back 1 dead letter?")
    dialog.get_by_role("button", name="Cancel").click()
    assert DeadLetter.objects.get().state == DeadLetter.State.OPEN
    group.get_by_role("button", name="Send back").click()
    dialog.get_by_role("button", name="Send back").click()
    expect(page.get_by_text("1 dead letter was sent back.")).to_be_visible()
    expect(page.get_by_text("There are no open dead letters.")).to_be_visible()


def _a_search_finds(page: Page, served: Served) -> None:
    """And what it finds leads to a page that names what is similar."""
    item = WorkItem.objects.filter(integration=served.connected.integration).order_by("pk")[0]
    page.goto(served.address + named(QdrantVector, "search"))
    page.get_by_label("What you look for").fill(item.summary)
    page.get_by_label("Kind").select_option("work_items")
    page.get_by_role("button", name="Search", exact=True).click()
    first = page.locator(".found-row").first
    expect(first).to_contain_text(item.key)
    first.get_by_role("link").click()
    page.wait_for_url(f"**{addresses.page_of(item)}")
    expect(page.locator("[data-from] .found-row").first).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    expect(page.locator("[data-from]")).not_to_contain_text(item.key + " ")


def test_figures_move_a_dead_letter_goes_back_and_a_search_leads_to_what_it_finds(
    served: Served, browser: Browser
) -> None:
    root, olga = visitor(browser, served.address), visitor(browser, served.address)
    root.log_in("root", PASSWORD)
    olga.log_in("olga", PASSWORD)

    run = _figures_move(root.page, served)
    assert wait_for_run(run.pk).status == "FAILED"
    served.faults.is_on = False
    _a_letter_goes_back(olga.page, served)
    assert wait_for_run(run.pk).status == "FINISHED"
    _a_search_finds(olga.page, served)

    assert (root.faults, olga.faults) == ([], [])
