import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[3]
# The command alone, under settings without apps and without a database: it needs neither.
PROGRAM = """
import sys
from django.conf import settings
settings.configure()
from integrations.management.commands.run_sandbox import Command
Command().run_from_argv(["manage.py", "run_sandbox", *sys.argv[1:]])
"""


@contextmanager
def run_sandbox(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_command_prints_where_and_how_serves_and_stops_on_sigterm() -> None:
    with run_sandbox("--port", "0", "--issues", "40", "--seed", "8") as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        url = re.findall(r"http://127\.0\.0\.1:\d+", first)[0]
        assert "40 issues" in first
        assert "email=demo@example.com api_token=sandbox-token" in second
        assert httpx.get(f"{url}/rest/api/3/myself", auth=("demo@example.com", "sandbox-token")).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_a_port_that_cannot_be_used_is_told_in_one_line() -> None:
    with run_sandbox("--port", "99999") as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "cannot listen on port 99999" in errors
    assert "Traceback" not in errors
