"""Debian's Chromium, driven by Playwright, on the pages of a served installation."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, sync_playwright

from tests.services import debian

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


@dataclass
class Visitor:
    """A person with a browser of their own. ``faults``: errors of scripts, missing files, what was forbidden."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")

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
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
