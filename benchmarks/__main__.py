"""`python -m benchmarks [--issues N] [--json]`: every benchmark, each beside its floor."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PAGE = 100


def _run(home: Path, *command: str) -> str:
    """Runs a part in a process of its own, so that its peak memory is its own; what it printed."""
    environment = os.environ | {"PULSE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "pulse.settings"}
    for name in ("DATABASE_URL", "RABBITMQ_URL", "QDRANT_URL"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def _python(module: str, home: Path, *arguments: str) -> dict[str, Any]:
    """What a module printed last, as JSON."""
    found: dict[str, Any] = json.loads(_run(home, "-m", module, *arguments).strip().splitlines()[-1])
    return found


def load_benchmark(issues: int) -> dict[str, Any]:
    """Storing, transforming and loading issues in one worker process, beside COPY of the same rows."""
    home = Path(tempfile.mkdtemp(prefix="pulse-bench-"))
    try:
        pages = home / "pages"
        made = _python("benchmarks.pages", home, str(pages), str(issues), str(PAGE))
        _run(home, "manage.py", "migrate", "-v0")
        first = _python("benchmarks.load", home, str(pages), "first")
        second = _python("benchmarks.load", home, str(pages), "second")
        floor = _python("benchmarks.floor", home, str(pages))
        again = _python("benchmarks.floor", home, str(pages))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    floor_seconds = round((floor["seconds"] + again["seconds"]) / 2, 3)
    return {
        "issues": issues,
        **made,
        "first": first,
        "second": second,
        "floor_seconds": floor_seconds,
        "first_to_floor": round(first["seconds"] / floor_seconds, 2),
        "second_to_first": round(second["seconds"] / first["seconds"], 2),
        "second_load_to_first": round(second["load_seconds"] / first["load_seconds"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--issues", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = load_benchmark(options.issues)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<22}{value}")


main()
