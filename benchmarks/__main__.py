"""`python -m benchmarks [name…] [--json]`: beside floors, or beside what is to be compared; all by default."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services import rabbitmq_management
from tests.services.rabbitmq import ensure_rabbitmq

PAGE = 100


def _environment(home: Path) -> dict[str, str]:
    environment = os.environ | {"PULSE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "pulse.settings"}
    environment["PULSE_ALLOW_PRIVATE_HOSTS"] = "127.0.0.1"
    for name in ("DATABASE_URL", "RABBITMQ_URL", "RABBITMQ_MANAGEMENT_URL", "QDRANT_URL"):
        environment.pop(name, None)
    return environment


@contextmanager
def _rabbitmq() -> Iterator[str]:
    """The url of an empty virtual host: of the server at RABBITMQ_URL, where that is set, else of one of its own."""
    server, vhost = ensure_rabbitmq(), f"pulse_bench_{os.getpid()}"
    try:
        rabbitmq_management.create_vhost(server.management_url, vhost)
        yield rabbitmq_management.with_vhost(server.url, vhost)
        rabbitmq_management.delete_vhost(server.management_url, vhost)
    finally:
        server.stop()


def _run(home: Path, *command: str, asked: Any = None) -> str:
    """Runs a part in a process of its own, so that its peak memory is its own; what it printed."""
    given = "" if asked is None else json.dumps(asked)
    done = subprocess.run(
        [sys.executable, *command], env=_environment(home), input=given, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def _python(module: str, home: Path, *arguments: str, asked: Any = None) -> dict[str, Any]:
    """What a module printed last, as JSON."""
    found: dict[str, Any] = json.loads(_run(home, "-m", module, *arguments, asked=asked).strip().splitlines()[-1])
    return found


@contextmanager
def _home() -> Iterator[Path]:
    """A migrated database that nobody else uses."""
    home = Path(tempfile.mkdtemp(prefix="pulse-bench-"))
    try:
        _run(home, "manage.py", "migrate", "-v0")
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def load_benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Storing, transforming and loading issues in one worker process, beside COPY of the same rows."""
    with _home() as home:
        pages = home / "pages"
        made = _python("benchmarks.pages", home, str(pages), str(options.issues), str(PAGE))
        first = _python("benchmarks.load", home, str(pages), "first")
        second = _python("benchmarks.load", home, str(pages), "second")
        floor = _python("benchmarks.floor", home, str(pages))
        again = _python("benchmarks.floor", home, str(pages))
    floor_seconds = round((floor["seconds"] + again["seconds"]) / 2, 3)
    return {
        "issues": options.issues,
        **made,
        "first": first,
        "second": second,
        "floor_seconds": floor_seconds,
        "first_to_floor": round(first["seconds"] / floor_seconds, 2),
        "second_to_first": round(second["seconds"] / first["seconds"], 2),
        "second_load_to_first": round(second["load_seconds"] / first["load_seconds"], 2),
    }


def pull_requests_benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Transforming and loading pull requests in one worker process, beside COPY of the same rows."""
    with _home() as home, _served(home, "benchmarks.github_site", options.pull_requests) as site:
        pages = home / "pages"
        made = _python("benchmarks.pull_requests", home, str(pages), asked=site)
        floors = [_python("benchmarks.floor", home, str(pages), *made["rows"])["seconds"] for _ in range(2)]
    floor_seconds = sum(floors) / len(floors)
    return {
        "pull_requests": options.pull_requests,
        **made,
        "floor_seconds": round(floor_seconds, 3),
        "load_to_floor": round(made["load_seconds"] / floor_seconds, 2),
        "second_to_first": round(made["second_load_seconds"] / made["load_seconds"], 2),
    }


@contextmanager
def _served(home: Path, module: str, *arguments: object) -> Iterator[dict[str, str]]:
    """A sandbox in a process of its own: its address and account."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(
        command, env=_environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def extraction_benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Fetching and storing the pages of a site in one worker process, beside httpx asking for the same pages."""
    with _home() as home, _served(home, "benchmarks.site", options.issues, *options.latency) as site:
        # The site makes an issue when it is first asked for: whoever comes first would wait longer.
        whole = {"jql": "created >= 0 ORDER BY id", "maxResults": 100, "fields": ["*all"], "expand": "changelog"}
        _python("benchmarks.bare", home, asked={"site": site, "questions": [whole], "parallel": 1})
        pulse = _python("benchmarks.extraction", home, asked={"site": site, "parallel": options.parallel})
        bare_asked = {"site": site, "questions": pulse.pop("questions"), "parallel": options.parallel}
        floors = [_python("benchmarks.bare", home, asked=bare_asked) for _ in range(2)]
    rates = [part["pages"] / part["seconds"] for part in (pulse, *floors)]
    floor_rate = sum(rates[1:]) / len(floors)
    return {
        "issues": options.issues,
        "latency": options.latency,
        "parallel": options.parallel,
        "partitions": len(bare_asked["questions"]),
        "pulse": pulse,
        "floors": floors,
        "pages_a_second": round(rates[0], 2),
        "floor_pages_a_second": round(floor_rate, 2),
        "rate_to_floor": round(rates[0] / floor_rate, 2),
    }


def retransform_benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Re-transforming issues after a mapping was saved, beside their first transform in the same worker process."""
    with _home() as home:
        pages = home / "pages"
        made = _python("benchmarks.pages", home, str(pages), str(options.issues), str(PAGE))
        return {**made, **_python("benchmarks.retransform", home, str(pages))}


def statuses_benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Changing what statuses mean of issues that all went through them, in one worker process."""
    with _home() as home:
        pages = home / "pages"
        made = _python("benchmarks.pages", home, str(pages), str(options.issues), str(PAGE))
        return {**made, **_python("benchmarks.statuses", home, str(pages))}


def webhooks_benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """How long `manage.py serve` takes to answer deliveries, while it fetches again what they name."""
    with _home() as home, _served(home, "benchmarks.site", options.issues, *options.latency) as site:
        return _python("benchmarks.webhooks", home, asked={"site": site})


def messages_benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Taking messages that ask for nothing, beside bare pika taking the same ones from the same queue."""
    with _home() as home, _rabbitmq() as url:
        return _python("benchmarks.messages", home, asked={"url": url, "messages": options.messages})


def latency_benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """How long after a job was queued an idle worker takes it."""
    with _home() as home, _rabbitmq() as url:
        return _python("benchmarks.latency", home, asked={"url": url, "jobs": options.jobs})


def lists_benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """How long pages of the API's lists take, in one process and without the network."""
    with _home() as home:
        pages = home / "pages"
        _python("benchmarks.pages", home, str(pages), "200", str(PAGE))
        return _python("benchmarks.lists", home, str(pages), str(options.raw), str(options.items))


BENCHMARKS = {
    "load": load_benchmark,
    "pull_requests": pull_requests_benchmark,
    "extraction": extraction_benchmark,
    "webhooks": webhooks_benchmark,
    "retransform": retransform_benchmark,
    "statuses": statuses_benchmark,
    "messages": messages_benchmark,
    "latency": latency_benchmark,
    "lists": lists_benchmark,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"which: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--issues", type=int, default=10_000)
    parser.add_argument("--pull-requests", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=3_000)
    parser.add_argument("--raw", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=500_000)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--latency", type=float, nargs=2, default=(0.5, 1.0), metavar=("LEAST", "MOST"), help="seconds a page takes"
    )
    parser.add_argument("--parallel", type=int, default=4, help="partitions read side by side")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are: {', '.join(BENCHMARKS)}")
    for name in options.names or BENCHMARKS:
        figures = BENCHMARKS[name](options)
        print(json.dumps({name: figures}) if options.json else f"{name}\n{_table(figures)}")


def _table(figures: dict[str, Any]) -> str:
    return "\n".join(f"  {name:<22}{value}" for name, value in figures.items())


main()
