"""One worker process extracts a site's issues. Prints seconds, pages, and the questions that it asked."""

import json
import resource
import sys
import time
from collections.abc import Mapping
from typing import Any

import django

django.setup()

from etl import pipeline  # noqa: E402
from etl.jobs import lifecycle  # noqa: E402
from etl.models import EtlJobRun  # noqa: E402
from etl.queue.topology import Stage  # noqa: E402
from etl.sql import fetch  # noqa: E402
from etl.workers.pool import WorkerPool  # noqa: E402
from etl.workers.runtime import SchedulerLoop  # noqa: E402
from integrations.models import Integration  # noqa: E402
from pulse.postgres.scope import platform_scope  # noqa: E402
from pulse.tenancy.models import Tenant  # noqa: E402

PAGE = 100
LOOK_SECONDS = 0.02
_OPEN = "status IN ('pending', 'processing')"
# The pages of one partition ask the same. In the order in which they were begun: it decides how long the last one is
# read alone, which is to be the same for the floor.
_QUESTIONS = """SELECT extraction_metadata ->> 'jql' FROM raw_extraction_data
    WHERE run_id = %s AND entity_type = 'jira_issues' GROUP BY 1 ORDER BY min(id)"""


def _integration(site: Mapping[str, str], parallel: int) -> Integration:
    return Integration.objects.create(
        tenant=Tenant.objects.create(name="Benchmark"),
        provider="jira",
        name="Benchmark",
        settings={"base_url": site["url"], "email": site["email"], "batch_size": str(PAGE), "parallel": str(parallel)},
        secrets={"api_token": site["token"]},
    )


def _up_to_issues(run: EtlJobRun, step: str) -> None:
    """Fetches and loads what must be there before issues are planned."""
    open_units = {
        Stage.EXTRACTION: f"SELECT id FROM extraction_checkpoints WHERE run_id = %s AND step <> %s AND {_OPEN}",
        Stage.TRANSFORM: "SELECT id FROM raw_extraction_data WHERE run_id = %s AND step <> %s"
        " AND processing_status = 'pending' AND is_complete AND parent_id IS NULL",
    }
    while todo := [(stage, row[0]) for stage, sql in open_units.items() for row in fetch(sql, [run.pk, step])]:
        for stage, unit_id in todo:
            pipeline.handle(stage, [unit_id])


def _seconds_of_issues(run: EtlJobRun, step: str, parallel: int) -> float:
    """From the start of the workers until no unit of the step is left."""
    pool, sweeping = WorkerPool(["extraction"], threads=parallel), SchedulerLoop(schedule=False)
    left = f"SELECT 1 FROM extraction_checkpoints WHERE run_id = %s AND step = %s AND {_OPEN} LIMIT 1"
    began = time.perf_counter()
    pool.start()
    sweeping.start()
    while fetch(left, [run.pk, step]):
        time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - began
    sweeping.stop()
    pool.stop()
    return seconds


def main(site: Mapping[str, str], parallel: int) -> None:
    integration = _integration(site, parallel)
    step = integration.provider_code.items_step
    run = lifecycle.start(integration.jobs.get().pk, trigger="benchmark")
    _up_to_issues(run, step)
    seconds = _seconds_of_issues(run, step, parallel)
    kept = "SELECT entity_type, count(*) FROM raw_extraction_data WHERE run_id = %s AND step = %s GROUP BY 1"
    calls = dict(fetch(kept, [run.pk, step]))
    print(json.dumps(_figures(run, seconds, calls)))


def _figures(run: EtlJobRun, seconds: float, calls: Mapping[str, int]) -> dict[str, Any]:
    common = {"maxResults": PAGE, "fields": ["*all"], "expand": "changelog"}
    return {
        "pages": calls["jira_issues"],
        "other_calls": sum(calls.values()) - calls["jira_issues"],
        "seconds": round(seconds, 3),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "questions": [{**common, "jql": row[0]} for row in fetch(_QUESTIONS, [run.pk])],
    }


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    with platform_scope():
        main(asked["site"], asked["parallel"])
