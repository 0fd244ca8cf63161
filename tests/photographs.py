"""`python -m tests.photographs`: photographs the demo's pages into docs/pictures, in both themes and as on a phone."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.live.browsers import Visitor, chromium
from tests.services.waiting import wait_until
from tests.support.processes import answers, free_port

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
# Pictures of pages have few colours.
COLOURS = 128
PAGES: Mapping[str, str] = {
    "home": "/admin/",
    "jobs": "/admin/etl/etljob/",
    "run": "/admin/etl/etljobrun/1/change/",
    "flow": "/admin/etl/workitem/flow/",
    "item": "/admin/etl/workitem/1/change/",
    "answer": "/admin/etl/rawextractiondata/3/change/",
    "queues": "/admin/etl/workerrow/queues/",
}
# How a browser is set up, and the theme that unfold is told.
WAYS: Mapping[str, tuple[Mapping[str, object], str]] = {
    "light": ({"viewport": {"width": 1400, "height": 900}}, "light"),
    "dark": ({"viewport": {"width": 1400, "height": 900}}, "dark"),
    "phone": ({"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}, "light"),
}


@contextmanager
def _demo() -> Iterator[tuple[str, str]]:
    """(The address, the administrator's password) of a demo of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pulse-photographs-") as home:
        environment = {**os.environ, "PULSE_HOME": home}
        command = [sys.executable, "manage.py", "demo", "--issues", "400", "--pull-requests", "80", "--port", str(port)]
        with subprocess.Popen(command, env=environment) as demo:
            try:
                if not wait_until(lambda: answers(port) or demo.poll() is not None, 300) or demo.poll() is not None:
                    raise SystemExit("the demo did not begin to serve")
                yield f"http://127.0.0.1:{port}", (Path(home) / "demo_password").read_text()
            finally:
                demo.terminate()


def _logged_in(browser: Browser, way: str, address: str, password: str) -> Page:
    setting, theme = WAYS[way]
    somebody = Visitor(browser.new_context(**setting).new_page(), address)  # type: ignore[arg-type]
    somebody.log_in("admin", password)
    somebody.prefer(theme)
    return somebody.page


def _keep(picture: bytes, name: str) -> None:
    with Image.open(BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS).save(FOLDER / f"{name}.png", optimize=True)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
    FOLDER.mkdir(exist_ok=True)
    with _demo() as (address, password), chromium() as browser:
        for way in WAYS:
            page = _logged_in(browser, way, address, password)
            for name, path in PAGES.items():
                page.goto(f"{address}{path}", wait_until="networkidle")
                _keep(page.screenshot(animations="disabled"), f"{name}-{way}")


if __name__ == "__main__":
    main()
