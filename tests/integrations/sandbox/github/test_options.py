import argparse
import dataclasses
import re
from pathlib import Path

import httpx
import pytest

from integrations.sandbox import Throttle
from integrations.sandbox.github import GitHubFaults
from integrations.sandbox.github.options import OPTIONS, add_github_options, github_faults_from
from integrations.sandbox.options import add_fault_options
from tests.integrations.sandbox.test_run_sandbox import refusal, run_sandbox


def parsed(*arguments: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_fault_options(parser)
    add_github_options(parser)
    return vars(parser.parse_args(arguments))


def test_every_option_sets_its_field_and_those_of_all_sites_hold_here_too() -> None:
    faults = github_faults_from(
        parsed("--github-points", "9", "--github-heavy-status", "504", "--errors", "5%", "--throttle-form", "bare")
    )
    assert (faults.points, faults.heavy_status, faults.error_share) == (9, 504, 0.05)
    assert faults.throttle is Throttle.BARE
    assert github_faults_from(parsed()) == GitHubFaults()
    # What is about Jira's projects and permissions says nothing of this site.
    assert github_faults_from(parsed("--lacking", "CREATE_ISSUES", "--quota", "1")) == GitHubFaults()
    assert {field for _, field, _, _, _ in OPTIONS} <= {field.name for field in dataclasses.fields(GitHubFaults)}


def test_the_command_serves_both_sites(tmp_path: Path) -> None:
    key = tmp_path / "app.pem"
    options = ("--github", "12", "--github-port", "0", "--github-app-key", str(key), "--github-points", "77")
    with run_sandbox("--port", "0", "--issues", "20", *options) as process:
        assert process.stdout is not None
        # Behind what it tells of the other site.
        first = next(line for line in process.stdout if line.startswith("Sandbox GitHub: "))
        url = re.findall(r"http://127\.0\.0\.1:\d+", first)[0]
        assert "token=ghp_sandbox" in process.stdout.readline()
        headers = {"Authorization": "bearer ghp_sandbox"}
        answer = httpx.post(f"{url}/graphql", json={"query": "{ rateLimit { limit } }"}, headers=headers)
        assert answer.json() == {"data": {"rateLimit": {"limit": 77}}}
        assert key.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--github", "few"), "argument --github: expected a whole number from 0, it is 'few'"),
        (("--github-heavy-status", "500"), "expected one of 502, 504, it is '500'"),
        (("--github-lacking", "fly"), "--github-lacking: names fly: known are metadata, contents, pull_requests"),
        (("--github", "1", "--github-port", "99999"), "cannot serve GitHub on port 99999"),
        (("--github", "1", "--github-port", "0", "--github-app-key", "/nowhere/key"), "/nowhere/key"),
    ],
)
def test_a_wrong_value_is_told_with_its_option(arguments: tuple[str, ...], message: str) -> None:
    assert message in refusal(*arguments)
