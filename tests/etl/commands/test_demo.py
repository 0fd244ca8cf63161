"""`make demo`, small: in a folder of its own, with a database server of its own."""

import re
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from etl.demo.setting import Sites, accounts
from pulse.embedded import EmbeddedPostgres
from tests.services.waiting import wait_until
from tests.support.installations import Installation
from tests.support.processes import STOP_SECONDS, free_port

pytestmark = pytest.mark.slow

ISSUES, PULL_REQUESTS = 30, 21


@pytest.fixture(scope="module")
def demo_home() -> Iterator[Installation]:
    """An empty folder in which nothing was ever started."""
    home = Path(tempfile.mkdtemp(prefix="pulse-test-", dir="/tmp")).resolve()
    made = Installation(home, "pulse", {"PULSE_HOME": str(home), "PULSE_ALLOW_PRIVATE_HOSTS": ""})
    try:
        yield made
    finally:
        made.end()
        EmbeddedPostgres(home).stop()
        shutil.rmtree(home)


def processes_of(home: Path) -> list[str]:
    """The command lines of what runs for that folder: it stands in them, or in the environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, variables = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:  # it has ended meanwhile, or is not ours
            continue
        if command and str(home).encode() in command + variables:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def nothing_is_left(home: Path) -> bool:
    return wait_until(lambda: not processes_of(home), STOP_SECONDS)


def test_accounts_are_told_by_the_names_and_in_the_places_that_the_form_has() -> None:
    assert accounts(Sites("http://127.0.0.1:1", "http://127.0.0.1:2")) == [
        "Jira: Base URL http://127.0.0.1:1, Email demo@example.com, API token sandbox-token",
        "GitHub: Organization acme, Token ghp_sandbox; under More settings: Base URL http://127.0.0.1:2",
    ]


def test_the_demo_ends_with_a_summary_and_a_second_one_starts_on_its_data(demo_home: Installation) -> None:
    command = ("demo", "--no-serve", "--json", "--issues", ISSUES, "--pull-requests", PULL_REQUESTS)
    first = demo_home.run(*command)

    assert first.code == 0, first.errors
    summary = first.answer
    runs = summary["runs"]
    assert list(runs) == ["Sandbox Jira", "Sandbox GitHub"]
    assert {(run["status"], run["error"], run["quarantined"]) for run in runs.values()} == {("FINISHED", "", 0)}
    assert summary["rows"]["work_items"] == ISSUES
    assert summary["rows"]["changelogs"] > ISSUES
    assert sum(run["vectorization_queued"] for run in runs.values()) == summary["rows"]["qdrant_vectors"] > ISSUES
    assert 0 < summary["median_cycle_time_days"] <= summary["median_lead_time_days"]
    check_code(summary)
    hits = summary["search"]["hits"]
    assert len(hits) == 3
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    assert hits[0]["score"] > 0.2
    assert all(hit["title"] for hit in hits)
    assert nothing_is_left(demo_home.home)

    second = demo_home.run(*command)

    assert second.code == 0, second.errors
    assert all(run["vectorization_queued"] == 0 for run in second.answer["runs"].values())
    assert min(run["run_id"] for run in second.answer["runs"].values()) > max(run["run_id"] for run in runs.values())
    assert second.answer["rows"]["work_items"] == ISSUES
    same = ("pull_requests", "links", "search")
    assert [second.answer[name] for name in same] == [summary[name] for name in same]
    assert password(second.errors) == password(first.errors)


def check_code(summary: Mapping[str, Any]) -> None:
    """What is shown of pull requests and of links to them."""
    found, rows = summary["pull_requests"], summary["rows"]
    assert sum(found["states"].values()) == sum(found["size_classes"].values()) == rows["prs"] > PULL_REQUESTS / 2
    assert set(found["states"]) == {"OPEN", "CLOSED", "MERGED"}
    assert found["median_time_to_first_review_hours"] > 0
    assert found["median_cycle_time_hours"] > 0
    links = summary["links"]
    assert sum(one["links"] for one in links.values()) == rows["work_items_prs_links"]
    assert 0 < links["mention"]["to_rows"] == links["mention"]["links"]
    assert links["github"]["to_rows"] > 0


def password(output: str) -> str:
    found = re.search(r"administrator: admin password: (\S+)", output)
    assert found, output
    return found.group(1)


def test_the_demo_serves_the_admin_until_ctrl_c_and_leaves_no_process(demo_home: Installation) -> None:
    port = free_port()
    with demo_home.start("demo", "--issues", ISSUES, "--pull-requests", 5, "--port", port) as demo:
        demo.wait_for(f"serving on http://127.0.0.1:{port}/admin/")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as browser:
            assert wait_until(lambda: answered(browser), 20)
            # Nobody scrolls back over all that was loaded.
            assert password(demo.out.rpartition("search by meaning")[2]) == password(demo.out)
            login = browser.get("/admin/login/")
            assert login.status_code == 200
            styles = re.findall(r'href="(/static/[^"]+\.css)"', login.text)
            assert styles
            assert {browser.get(path).status_code for path in styles} == {200}
            signed_in = browser.post(
                "/admin/login/?next=/admin/",
                data={
                    "username": "admin",
                    "password": password(demo.out),
                    "csrfmiddlewaretoken": browser.cookies["csrftoken"],
                },
            )
            assert signed_in.headers["location"] == "/admin/"
        assert any("run_sandbox" in command for command in processes_of(demo_home.home))

        ended = demo.stop(signal.SIGINT)

    assert ended.code == 0, ended.errors
    assert "Traceback" not in ended.errors
    assert nothing_is_left(demo_home.home), processes_of(demo_home.home)


def answered(browser: httpx.Client) -> bool:
    try:
        browser.get("/admin/login/")
    except httpx.TransportError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_ended_in_the_middle_leaves_no_process(demo_home: Installation, number: signal.Signals) -> None:
    with demo_home.start("demo", "--issues", 150, "--no-serve") as demo:
        demo.wait_for("administrator: ")
        ended = demo.stop(number)

    assert ended.code == 128 + number
    assert "Traceback" not in ended.errors
    assert nothing_is_left(demo_home.home), processes_of(demo_home.home)
