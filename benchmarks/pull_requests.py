"""One worker process transforms and loads a site's pull requests, twice. Prints seconds, peak memory and rows written.

The pages that it loads, with what completes them, go to the folder that is named, for the floor.
"""

import json
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import django

django.setup()

from etl import pipeline  # noqa: E402
from etl.jobs import lifecycle  # noqa: E402
from etl.models import EtlJobRun  # noqa: E402
from etl.queue.topology import Stage  # noqa: E402
from etl.sql import fetch  # noqa: E402
from etl.workers.pool import tune_process  # noqa: E402
from integrations.models import Integration  # noqa: E402
from pulse.postgres.scope import platform_scope  # noqa: E402
from pulse.tenancy.models import Tenant  # noqa: E402

TABLES = ("prs", "prs_commits", "prs_reviews", "prs_comments", "qdrant_vectors")
_EXTRACTION = "SELECT id FROM extraction_checkpoints WHERE run_id = %s AND status = 'pending' ORDER BY id"
_TRANSFORM = """SELECT id FROM raw_extraction_data WHERE run_id = %s AND processing_status = 'pending'
    AND is_complete AND parent_id IS NULL AND (step = %s) = %s ORDER BY id"""
_PAGES = "SELECT id, raw_data::text FROM raw_extraction_data WHERE run_id = %s AND step = %s ORDER BY id"


def _integration(site: Mapping[str, str]) -> Integration:
    return Integration.objects.create(
        tenant=Tenant.objects.create(name="Benchmark"),
        provider="github",
        name="Benchmark",
        settings={"base_url": site["url"], "organization": "acme"},
        secrets={"token": site["token"]},
    )


def _handle(stage: Stage, units: list[tuple[Any, ...]]) -> int:
    for (unit_id,) in units:
        pipeline.handle(stage, [unit_id])
    return len(units)


def _extracted(integration: Integration, step: str) -> EtlJobRun:
    """A run of which all is stored, and all is loaded but pull requests."""
    run = lifecycle.start(integration.jobs.get().pk, trigger="benchmark", config={"full_sync": True})
    while _handle(Stage.EXTRACTION, fetch(_EXTRACTION, [run.pk])) or _handle(
        Stage.TRANSFORM, fetch(_TRANSFORM, [run.pk, step, False])
    ):
        pass
    return run


def _loaded(run: EtlJobRun, step: str) -> float:
    """The seconds it took to transform and load what waits."""
    waiting = fetch(_TRANSFORM, [run.pk, step, True])
    began = time.perf_counter()
    _handle(Stage.TRANSFORM, waiting)
    return time.perf_counter() - began


def _versions() -> list[list[tuple[object, ...]]]:
    return [fetch(f"SELECT count(*), max(xmin::text::bigint) FROM {table}", []) for table in TABLES]


def main(site: Mapping[str, str], folder: Path) -> None:
    tune_process()
    integration = _integration(site)
    step = integration.provider_code.items_step
    run = _extracted(integration, step)
    first = _loaded(run, step)
    folder.mkdir()
    for page_id, text in fetch(_PAGES, [run.pk, step]):
        (folder / f"{page_id:08}.json").write_text(text)
    # Nothing is embedded here, so that the run would stay open.
    lifecycle.stop(run.job_id)
    again, before = _extracted(integration, step), _versions()
    second = _loaded(again, step)
    failed = fetch("SELECT count(*) FROM raw_extraction_data WHERE processing_status NOT IN ('completed')", [])[0][0]
    print(
        json.dumps(
            {
                "rows": dict(zip(TABLES, (counted[0][0] for counted in before), strict=True)),
                "answers": len(list(folder.iterdir())),
                "load_seconds": round(first, 3),
                "second_load_seconds": round(second, 3),
                "second_wrote_rows": _versions() != before,
                "answers_not_loaded": failed,
                "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            }
        )
    )


if __name__ == "__main__":
    with platform_scope():
        main(json.load(sys.stdin), Path(sys.argv[1]))
