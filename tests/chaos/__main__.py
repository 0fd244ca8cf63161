"""`python -m tests.chaos [--runs 20] [--json]`: ends with 1 where a run did not end with the rows of a calm one."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tests.chaos.outcome import Outcome, Tables
    from tests.chaos.services import Services

LONGEST_SECONDS = 900.0
LOOK_SECONDS = 0.2
TENANT = "Acme"
T = TypeVar("T")


def main() -> int:
    options = _options()
    home = Path(tempfile.mkdtemp(prefix="pulse-chaos-"))
    _set_up(home)
    from pulse.postgres.scope import owner_scope
    from tests.chaos.services import services

    try:
        with owner_scope(), services(home, options.issues, options.pull_requests) as running:
            expected, calm = _calm_run(running)
            _say(f"undisturbed: {_rows(expected)} rows in {calm.seconds:.0f} s")
            outcomes = [_disturbed_run(running, seed, expected, calm) for seed in _seeds(options)]
            running.database.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    report = _report(calm, outcomes)
    print(json.dumps(report) if options.json else _table(report), flush=True)
    return int(bool(calm.problems) or any(outcome.problems for outcome in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each later one has the next")
    parser.add_argument("--issues", type=int, default=3000)
    parser.add_argument("--pull-requests", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object, as the last line")
    return parser.parse_args()


def _seeds(options: argparse.Namespace) -> range:
    return range(options.seed, options.seed + options.runs)


def _set_up(home: Path) -> None:
    """Django with a database server of this command's own; nothing of the machine's settings is used."""
    for name in [name for name in os.environ if name.startswith("PULSE_")]:
        del os.environ[name]
    os.environ |= {"DATABASE_URL": "", "RABBITMQ_URL": "", "QDRANT_URL": "", "LOG_LEVEL": "ERROR"}
    os.environ |= {"PULSE_ALLOW_PRIVATE_HOSTS": "127.0.0.1"}
    os.environ |= {"PULSE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "pulse.settings"}
    import django

    django.setup()


def _calm_run(services: "Services") -> "tuple[Tables, Outcome]":
    from tests.chaos.cluster import cluster
    from tests.chaos.outcome import Outcome, leftovers, tables

    services.empty()
    with cluster(services) as running:
        began = time.monotonic()
        _begin(services)
        _steady(lambda: _until_over(began, running.keep_alive))
        seconds = time.monotonic() - began
        published, handled = services.messages()
        found = tables(services)
        return found, Outcome(0, seconds, {}, _calls(services), {}, published, handled, _rows(found), leftovers())


def _disturbed_run(services: "Services", seed: int, expected: "Tables", calm: "Outcome") -> "Outcome":
    from tests.chaos.cluster import cluster
    from tests.chaos.counting import Counted
    from tests.chaos.mischief import Mischief
    from tests.chaos.outcome import Outcome, differences, leftovers, recovered, tables

    services.empty()
    calls_before = _calls(services)
    with cluster(services) as running:
        began = time.monotonic()
        _begin(services)
        services.trouble_sites(seed)
        mischief, messages = Mischief(services, running, seed, calm.seconds), Counted(services)

        def look() -> None:
            running.keep_alive()
            messages.look()
            mischief.look()

        over = _until_over(began, look, lambda: mischief.is_through)
        seconds = time.monotonic() - began
        mischief.end()
        services.calm_sites()
        found = _steady(lambda: tables(services))
        problems = [*([] if over else [f"not over after {seconds:.0f} s"]), *leftovers(), *differences(expected, found)]
        if problems:
            _say(running.said())
        done = Outcome(
            seed,
            seconds,
            {**mischief.done, "started again": running.restarted},
            _calls(services) - calls_before,
            recovered(),
            *messages.totals,
            _rows(found),
            problems,
        )
    _say(f"seed {seed}: {'; '.join(problems) or 'the same rows'} in {seconds:.0f} s; {dict(mischief.done)}")
    return done


def _begin(services: "Services") -> None:
    """Both sites' syncs, at once."""
    from etl.jobs import lifecycle
    from tests.support.github import connect_github
    from tests.support.sites import connect

    connections = (
        connect(services.jira, tenant=TENANT, batch_size="50"),
        connect_github(services.github, tenant=TENANT, batch_size="25"),
    )
    for connected in connections:
        lifecycle.start(connected.job.pk, trigger="chaos")


def _until_over(began: float, look: Callable[[], None], may_end: Callable[[], bool] = lambda: True) -> bool:
    """Looks at the processes until all runs are over, and all has happened that is to; False where that is too long."""
    from etl.models import EtlJobRun, Overall

    while time.monotonic() - began < LONGEST_SECONDS:
        look()
        open_runs = _steady(lambda: EtlJobRun.objects.filter(status__in=(Overall.RUNNING, Overall.READY)).exists())
        if not open_runs and may_end():
            return True
        time.sleep(LOOK_SECONDS)
    return False


def _steady(ask: Callable[[], T]) -> T:
    """The answer of a database that may just be away."""
    from django.db import InterfaceError, OperationalError, connection

    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise


def _calls(services: "Services") -> int:
    return sum(services.jira.counts.values()) + sum(services.github.counts.values())


def _rows(found: "Tables") -> int:
    return sum(map(len, found.values()))


def _report(calm: "Outcome", outcomes: "list[Outcome]") -> dict[str, object]:
    return {
        "calm": asdict(calm),
        "runs": [asdict(outcome) for outcome in outcomes],
        "ended_alike": f"{sum(not outcome.problems for outcome in outcomes)} of {len(outcomes)}",
    }


def _table(report: dict[str, object]) -> str:
    calm, runs = report["calm"], report["runs"]
    assert isinstance(calm, dict)
    assert isinstance(runs, list)
    lines = [f"undisturbed: {calm['seconds']:.0f} s, {calm['rows']} rows, {calm['published']} messages published"]
    for run in runs:
        lines.append(
            f"seed {run['seed']}: {'; '.join(run['problems']) or 'the same rows'} after {run['seconds']:.0f} s"
        )
        lines.append(f"  faults     {_counts(run['faults'])}")
        lines.append(f"  recovered  {_counts(run['recovered'])}")
        lines.append(f"  messages   {run['published']} published, {run['handled']} handled; {run['calls']} calls")
    return "\n".join([*lines, f"ended alike: {report['ended_alike']}"])


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
