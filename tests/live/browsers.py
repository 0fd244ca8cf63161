"""Debian's Chromium, driven by Playwright, and installations whose pages it opens."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import global_settings
from django.db import connections
from django.test import override_settings
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django import DjangoDbBlocker

from tests.services import debian
from tests.services.waiting import wait_until
from tests.support.installations import Installation, installation
from tests.support.processes import answers, free_port

# It may run as root in a container, and calls nobody on its own.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MILLISECONDS = 30_000
PASSWORD = "right horse"


@dataclass
class Visitor:
    """A person with a browser of their own. ``faults``: errors of scripts, missing files, what was forbidden."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")

    def barriers(self) -> list[str]:
        """What of the page axe calls a serious or critical barrier to people, each with where it is first."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def prefer(self, theme: str) -> None:
        """From the next page on: light or dark."""
        self.page.evaluate(f"localStorage.setItem('adminTheme', '\"{theme}\"')")

    def log_in(self, name: str, password: str) -> None:
        self.open("/admin/login/?next=/admin/")
        self.page.fill("[name=username]", name)
        self.page.fill("[name=password]", password)
        self.page.click("[type=submit]")
        self.page.wait_for_url(lambda url: "/login/" not in url)


def visitor(browser: Browser, address: str) -> Visitor:
    made = Visitor(browser.new_context().new_page(), address)
    made.page.set_default_timeout(PATIENCE_MILLISECONDS)
    made.page.on("pageerror", lambda error: made.faults.append(str(error)))
    # There Chromium tells what the pages' content security policy forbade.
    policy = "Content Security Policy"
    made.page.on("console", lambda said: made.faults.append(said.text) if policy in said.text else None)
    made.page.on("response", lambda answer: made.faults.append(answer.url) if answer.status >= 400 else None)
    return made


def _installed() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's own, which is installed where it can be. Fails, saying what to install, where there is none."""
    if not _installed():
        debian.install("chromium")
    path = _installed()
    assert path, "the tests of pages need Chromium: apt-get install chromium"
    with pytest.MonkeyPatch.context() as patched, sync_playwright() as playwright:
        # Playwright's loop runs in this thread, and Django would take the test for one that must not wait.
        patched.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            # Beside Playwright's loop Django has another connection than elsewhere: to a database that will be gone.
            connections.close_all()
            browser.close()


@contextmanager
def with_pages(blocker: DjangoDbBlocker, **variables: str) -> Iterator[Installation]:
    """An installation, entered, whose pages browsers of this process open; people's passwords are `PASSWORD`."""
    with (
        # The server knows only Django's own, which are slower than that of the tests.
        override_settings(PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS),
        installation(blocker, **variables) as made,
        made.entered(blocker),
    ):
        yield made


def serve(made: Installation) -> str:
    """The address of its pages, once they are there."""
    port = free_port()
    server = made.start("serve", "--port", port)
    assert wait_until(lambda: answers(port) or not server.alive, 60), server.errors
    return f"http://127.0.0.1:{port}"


def come(browser: Browser, address: str, name: str) -> Visitor:
    """Somebody who has logged in."""
    made = visitor(browser, address)
    made.log_in(name, PASSWORD)
    return made
