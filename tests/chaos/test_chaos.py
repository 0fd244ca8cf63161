"""The chaos test, in its shorter form: a small site, one run."""

import json
import subprocess
import sys

import pytest

from tests.support.processes import ROOT, environment

pytestmark = pytest.mark.slow

AT_LEAST = {"broker killed": 1, "broker killed and emptied": 1, "database restarted": 1, "scheduler killed": 1}


def test_a_run_in_which_processes_broker_and_database_are_killed_ends_with_the_rows_of_a_calm_one() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--issues", "120", "--pull-requests", "15", "--json"]
    ended = subprocess.run(command, cwd=ROOT, env=environment({}), capture_output=True, text=True, check=False)

    assert ended.returncode == 0, f"{ended.stdout}{ended.stderr}"
    report = json.loads(ended.stdout.splitlines()[-1])
    (run,) = report["runs"]
    assert report["ended_alike"] == "1 of 1"
    assert {kind: run["faults"][kind] for kind in AT_LEAST} == AT_LEAST
    assert run["faults"]["worker killed"] > 0
    assert run["rows"] == report["calm"]["rows"] > 500
