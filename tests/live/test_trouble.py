"""Pages when things go wrong: a server that refuses or is silent, a session that ended, answers that come late."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, Request, Route, WebSocketRoute, expect
from pytest_django.live_server_helper import LiveServer

from etl.models import DeadLetter, EtlJob, EtlJobEvent, EtlJobRun, Overall, RunKind
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named
from tests.etl.admin.rows import staff
from tests.live.browsers import Visitor, visitor
from tests.support.making import an_integration, job_of

pytestmark = pytest.mark.slow
JOBS = "/admin/etl/etljob/"
ENDED = "Your session has ended: log in again"
LATER_MILLISECONDS = 31_000


@pytest.fixture
def job(transactional_db: None) -> EtlJob:
    return job_of(an_integration())


@pytest.fixture
def olga(job: EtlJob, live_server: LiveServer, browser: Browser) -> Visitor:
    """An operator of the job's tenant, logged in."""
    client, found = Client(), visitor(browser, live_server.url)
    client.force_login(staff("olga", job.tenant, role="operator"))
    session = client.cookies["sessionid"].value
    found.page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    return found


@dataclass
class Socket:
    """The server's end of a page's socket, which says what the test says."""

    routes: list[WebSocketRoute] = field(default_factory=list)

    def say(self, **message: object) -> None:
        told = {"type": "jobs", "snapshot": False, "jobs": [], "gone": [], **message}
        self.routes[-1].send(json.dumps(told))


def _on_the_jobs(olga: Visitor) -> Socket:
    """Their page is open, and its socket is ours."""
    socket = Socket()
    olga.page.route_web_socket(re.compile("/ws/jobs"), lambda route: socket.routes.append(route))
    olga.open(JOBS)
    expect(olga.page.locator("[data-live-state]")).to_have_text("Live")
    return socket


def _cards(page: Page) -> list[dict[str, Any]]:
    """As the page was served with them."""
    cards: list[dict[str, Any]] = page.evaluate(
        "JSON.parse(document.getElementById('jobs-settings').textContent).list.jobs"
    )
    return cards


def _of(page: Page, path: str, method: str) -> list[Request]:
    """What the page asks for from now on."""
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one) if path in one.url and one.method == method else None)
    return asked


def _failed_run(job: EtlJob) -> EtlJobRun:
    now = timezone.now()
    return EtlJobRun.objects.create(
        job=job,
        tenant=job.tenant,
        integration=job.integration,
        kind=RunKind.REPAIR,
        trigger="test",
        status=Overall.FAILED,
        started_at=now,
        finished_at=now,
    )


def _note(run: EtlJobRun, message: str) -> None:
    EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, level="info", stage="transform", message=message)


def _answer(status: int, content: str = "", kind: str = "text/html") -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, body=content, content_type=kind)


_REFUSALS = {
    "The server could not be reached": lambda route: route.abort(),
    "it runs already": _answer(409, '{"detail": "it runs already"}', "application/json"),
    "may not do this": _answer(403, "<h1>403</h1>"),
    "in 7 seconds": _answer(429, '{"detail": "Try again in 7 seconds."}', "application/problem+json"),
    "The server answered 500": _answer(500, "<h1>Server Error</h1>"),
}


def test_an_action_that_fails_is_told_and_can_be_tried_again(olga: Visitor) -> None:
    _on_the_jobs(olga)
    page = olga.page
    start = page.get_by_role("button", name="Start", exact=True)
    for words, refuse in _REFUSALS.items():
        page.route("**/act/", refuse)
        start.click()
        expect(page.locator("[data-told] .job-told-error").last).to_contain_text(words)
        page.unroute("**/act/")
    page.context.clear_cookies(name="sessionid")
    start.click()
    expect(page.locator("[data-told] .job-told-error").last).to_contain_text(ENDED)
    page.get_by_role("button", name="Close").last.focus()
    for left in (2, 1, 0):
        page.keyboard.press("Enter")
        expect(page.locator("[data-told] .job-told")).to_have_count(left)
    expect(start).to_be_focused()


@pytest.mark.parametrize("address", ["/admin/", named(DeadLetter, "groups")])
def test_a_page_whose_session_ended_says_so(olga: Visitor, address: str) -> None:
    olga.open(address)
    state = olga.page.locator("[data-live-state]")
    expect(state).to_have_text("Live")
    olga.page.context.clear_cookies(name="sessionid")
    expect(state).to_have_text(ENDED, timeout=10_000)
    expect(state).to_have_attribute("data-live-state", "closed")


def test_a_socket_that_is_refused_says_why(olga: Visitor, live_server: LiveServer) -> None:
    """Its server knows no sockets at all: what the page itself is answered tells what is the matter."""
    olga.open(JOBS)
    state = olga.page.locator("[data-live-state]")
    expect(state).to_have_text("Connection lost, trying again")
    olga.page.context.clear_cookies(name="sessionid")
    expect(state).to_have_text(ENDED, timeout=15_000)


def test_a_server_that_is_silent_does_not_look_alive(olga: Visitor) -> None:
    page = olga.page
    page.clock.install()
    olga.open("/admin/etl/deadletter/groups/")
    state = page.locator("[data-live-state]")
    expect(state).to_have_text("Live")
    with page.expect_request("**/groups/"):
        page.route("**/groups/", lambda route: None)
        page.clock.run_for(6_000)
    page.clock.run_for(LATER_MILLISECONDS)
    expect(state).to_have_text("Connection lost, trying again")
    page.unroute("**/groups/")
    page.clock.run_for(6_000)
    expect(state).to_have_text("Live")


def test_what_a_page_fails_to_read_is_said_and_an_answer_that_comes_makes_it_good(olga: Visitor) -> None:
    page = olga.page
    figures = "**/flow/figures/**"
    page.route(figures, _answer(500, "<h1>Server Error</h1>"))
    olga.open("/admin/etl/workitem/flow/")
    state = page.locator("#flow-state")
    expect(state).to_have_text("The server answered 500. What is shown is of before.")
    page.unroute(figures)
    page.get_by_label("By", exact=True).select_option("month")
    expect(page.locator("#flow-counts .card")).not_to_have_count(0)
    expect(state).not_to_contain_text("500")


def test_what_is_clicked_twice_is_done_once(olga: Visitor, job: EtlJob) -> None:
    page, run = olga.page, _failed_run(job)
    olga.open(addresses.page_of(run))
    asked = _of(page, "/act/", "POST")
    page.route("**/act/", _answer(200, '{"told": []}', "application/json"))
    with page.expect_response("**/act/"):
        page.get_by_role("button", name="Retry what failed").dblclick()
    expect(page.locator("[data-run]")).not_to_have_attribute("aria-busy", "true")
    assert len(asked) == 1


def test_a_form_that_is_on_its_way_is_not_sent_again(olga: Visitor, job: EtlJob) -> None:
    page = olga.page
    olga.open(addresses.page_of(job.integration))
    # Counts what would leave, and keeps it.
    page.evaluate(
        "() => { window.sent = 0; onsubmit = (event) => { sent += !event.defaultPrevented; event.preventDefault(); }; }"
    )
    for _ in range(2):
        page.get_by_role("button", name="Start now").click()
    assert page.evaluate("sent") == 1


def test_the_focus_goes_to_what_became_of_a_button(olga: Visitor, job: EtlJob) -> None:
    page, run = olga.page, _failed_run(job)
    olga.open(addresses.page_of(run))
    page.route("**/act/", _answer(200, '{"told": []}', "application/json"))
    page.get_by_role("button", name="Retry what failed").focus()
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.FINISHED)
    page.keyboard.press("Enter")
    expect(page.locator("#run-parts")).to_be_focused()


def test_an_answer_that_is_older_than_what_is_shown_changes_nothing(olga: Visitor) -> None:
    socket = _on_the_jobs(olga)
    page = olga.page
    (card,) = _cards(page)
    socket.say(jobs=[{**card, "version": card["version"] + 2, "overall": "PAUSED"}])
    state = page.locator(".job-state")
    expect(state).to_contain_text("paused")
    told = {"told": [{"level": "success", "text": "It was begun.", "link": ""}]}
    older = {**card, "version": card["version"] + 1, "overall": "RUNNING"}
    page.route("**/act/", _answer(200, json.dumps({**told, "jobs": [older]}), "application/json"))
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("[data-told]")).to_contain_text("It was begun.")
    expect(state).to_contain_text("paused")


def test_what_has_the_focus_keeps_it_while_a_card_changes(olga: Visitor) -> None:
    socket = _on_the_jobs(olga)
    page = olga.page
    (card,) = _cards(page)
    repair = {"id": 1, "kind": "repair", "status": "RUNNING", "address": "/admin/etl/etljobrun/1/change/"}
    socket.say(jobs=[{**card, "others": [repair]}])
    link = page.get_by_role("link", name="repair running")
    link.focus()
    socket.say(jobs=[{**card, "others": [repair], "failures": 2, "error": "not today"}])
    expect(page.locator(".job-error")).to_have_text("not today (2 syncs in a row)")
    expect(link).to_be_focused()

    page.locator("summary", has_text="More").click()
    page.get_by_role("button", name="Verify", exact=True).focus()
    socket.say(jobs=[{**card, "actions": ["pause"]}])
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Verify", exact=True)).to_be_focused()


def test_jobs_that_come_into_sight_do_not_put_a_filter_aside(olga: Visitor) -> None:
    """An answer to filters counts, also where something else was asked for meanwhile."""
    other = job_of(an_integration("Other"))
    socket = _on_the_jobs(olga)
    page = olga.page
    cards = {card["id"]: card for card in _cards(page)}
    totals = page.evaluate("JSON.parse(document.getElementById('jobs-settings').textContent).list.totals")
    found = json.dumps({"jobs": [cards[other.pk]], "next": None, "totals": {**totals, "FAILED": 1}})
    held: list[Route] = []
    page.route("**/cards/**", lambda route: held.append(route))
    with page.expect_request("**/cards/**"):
        page.locator('.job-chip[data-state="FAILED"]').click()
    with page.expect_request("**/cards/**"):
        socket.say(totals={**totals, "FAILED": 1})
    for route in reversed(held):
        with page.expect_response("**/cards/**"):
            route.fulfill(status=200, body=found, content_type="application/json")
    expect(page.locator(".job-card")).to_have_count(1)
    expect(page.locator(f"#job-{other.pk}")).to_be_visible()


def test_the_log_of_a_run_that_ended_while_it_was_paused_is_read_to_its_end(olga: Visitor, job: EtlJob) -> None:
    page, run = olga.page, _failed_run(job)
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.RUNNING, finished_at=None)
    olga.open(addresses.page_of(run))
    expect(page.locator("[data-log-state]")).to_have_text("New events appear here")
    page.get_by_role("button", name="Pause", exact=True).click()
    _note(run, "the last words")
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.STOPPED, finished_at=timezone.now())
    expect(page.locator("[data-log-state]")).to_have_text("Paused. The run is over")
    page.get_by_role("button", name="Follow", exact=True).click()
    expect(page.locator("[data-log] .run-message")).to_have_text(["the last words"])
    expect(page.locator("[data-log-state]")).to_have_text("The run is over")


def test_a_filter_of_the_log_that_failed_is_tried_again(olga: Visitor, job: EtlJob) -> None:
    page, run = olga.page, _failed_run(job)
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.RUNNING, finished_at=None)
    _note(run, "what was there")
    olga.open(addresses.page_of(run))
    messages = page.locator("[data-log] .run-message")
    expect(messages).to_have_text(["what was there"])
    page.route("**/events**", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.get_by_label("Level", exact=True).select_option("error")
    page.unroute("**/events**")
    expect(page.get_by_text("There is nothing here that matches.")).to_be_visible()
    expect(messages).to_have_count(0)
