import argparse
import dataclasses
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from integrations.sandbox import Faults, Throttle
from integrations.sandbox.options import OPTIONS, add_fault_options, faults_from

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


def refusal(*arguments: str) -> str:
    """What the command says where it does not start."""
    with run_sandbox("--port", "0", "--issues", "3", *arguments) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "Traceback" not in errors
    return errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--errors", "7"), "argument --errors: expected a share like 0.05 or 5%, it is '7'"),
        (("--cut", "few"), "argument --cut: expected a share"),
        (("--issues", "-1"), "argument --issues: expected a whole number from 0, it is '-1'"),
        (("--page-cap", "0"), "argument --page-cap: expected a whole number from 1"),
        (("--throttle-form", "x"), "argument --throttle-form: expected one of retry-after, reset, bare, it is 'x'"),
        (("--forbid", "PAY,NOPE"), "--forbid names NOPE: known are PAY"),
        (("--lacking", "FLY"), "--lacking names FLY: known are BROWSE_PROJECTS"),
        (("--delete", "2", "--move", "2"), "more than the 3 issues"),
    ],
)
def test_a_wrong_value_is_told_with_its_option(arguments: tuple[str, ...], message: str) -> None:
    assert message in refusal(*arguments)


def test_faults_and_changes_at_the_start_are_options() -> None:
    options = ("--deployment", "Server", "--throttle-every", "2", "--retry-after", "3", "--delete", "4", "--move", "1")
    with run_sandbox("--port", "0", "--issues", "40", *options) as process:
        assert process.stdout is not None
        first, _, third = (process.stdout.readline() for _ in range(3))
        url = re.findall(r"http://127\.0\.0\.1:\d+", first)[0]
        assert "36 issues" in first
        assert f"Server; bearer token sandbox-bearer at {url}" in third
        answers = [httpx.get(f"{url}/rest/api/2/project", auth=("demo@example.com", "sandbox-token")) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert answers[1].headers["retry-after"] == "3"


def test_the_same_options_give_the_same_bytes_also_of_what_was_moved_at_the_start() -> None:
    found = []
    for _ in range(2):
        with run_sandbox("--port", "0", "--issues", "40", "--delete", "4", "--move", "3") as process:
            assert process.stdout is not None
            url = re.findall(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
            body = {"jql": "created > '2000-01-01' ORDER BY id", "fields": ["*all"], "expand": "changelog"}
            auth = ("demo@example.com", "sandbox-token")
            found.append(httpx.post(f"{url}/rest/api/3/search/jql", json=body, auth=auth).content)
    assert b'"field":"Key"' in found[0]
    assert found[0] == found[1]


def test_the_oauth_app_is_told_and_takes_its_options() -> None:
    with run_sandbox("--port", "0", "--issues", "3", "--token-seconds", "7", "--reuse-seconds", "0") as process:
        assert process.stdout is not None
        told = dict(re.findall(r"(\w+)=(\S+)", "".join(process.stdout.readline() for _ in range(5))))
        question = {name: told[f"oauth_{name}"] for name in ("client_id", "client_secret", "refresh_token")}
        question["grant_type"] = "refresh_token"
        answers = [httpx.post(told["token_url"], json=question) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[0].json()["expires_in"] == 7


def test_every_fault_option_sets_its_field() -> None:
    parser = argparse.ArgumentParser()
    add_fault_options(parser)
    given = {"--errors": "5%", "--latency": "250", "--forbid": "PAY, WEB", "--throttle-form": "bare", "--quota": "9"}
    faults = faults_from(vars(parser.parse_args([word for pair in given.items() for word in pair])))
    assert (faults.error_share, faults.delay_seconds, faults.quota) == (0.05, 0.25, 9)
    assert (faults.forbidden_projects, faults.throttle) == (("PAY", "WEB"), Throttle.BARE)
    assert faults_from(vars(parser.parse_args([]))) == Faults()
    assert {field for _, field, _, _, _ in OPTIONS} <= {field.name for field in dataclasses.fields(Faults)}
