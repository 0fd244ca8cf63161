"""One worker process stores, transforms and loads the pages. Prints seconds, peak memory and rows written."""

import json
import resource
import sys
import time
from pathlib import Path

import django
import orjson

django.setup()

from django.db import transaction  # noqa: E402

from etl import pipeline  # noqa: E402
from etl.extraction.storage import Origin, store_answer  # noqa: E402
from etl.jobs import lifecycle  # noqa: E402
from etl.models import EtlJobRun, RunKind  # noqa: E402
from etl.queue.topology import Stage  # noqa: E402
from etl.sql import fetch  # noqa: E402
from etl.workers.pool import tune_process  # noqa: E402
from integrations.models import Integration  # noqa: E402
from integrations.provider import RawAnswer  # noqa: E402
from pulse.postgres.scope import platform_scope  # noqa: E402
from pulse.tenancy.models import Tenant  # noqa: E402

STEP = "jira_issues_with_changelogs"
DERIVED = ("projects", "wits", "statuses", "work_items", "changelogs", "qdrant_vectors")


def new_run() -> EtlJobRun:
    """A run of the benchmark's integration, in which the pages are units."""
    tenant, _ = Tenant.objects.get_or_create(name="Benchmark")
    integration = Integration.objects.filter(tenant=tenant).first()
    if integration is None:
        integration = Integration.objects.create(tenant=tenant, provider="jira", name="Benchmark")
    steps = [step for step in integration.provider_code.steps if step.name == STEP]
    return lifecycle.new_run(integration.jobs.get(), RunKind.IMPORT, "benchmark", {}, steps)


def _versions() -> list[list[tuple[object, ...]]]:
    return [fetch(f"SELECT count(*), max(xmin::text::bigint) FROM {table}", []) for table in DERIVED]


def store(run: EtlJobRun, answers: list[tuple[str, Path]]) -> float:
    """The seconds it took. Reading and parsing an answer is part of fetching it, and not counted."""
    origin, seconds = Origin(run.tenant_id, run.integration_id, run.pk, STEP), 0.0
    for entity_type, path in answers:
        body = path.read_bytes()
        answer = RawAnswer(entity_type, path.stem, orjson.loads(body))
        began = time.perf_counter()
        digests = run.integration.provider_code.digests(answer)
        with transaction.atomic():
            store_answer(origin, entity_type, path.stem, body, {}, digests=digests)
        seconds += time.perf_counter() - began
    return seconds


def load_catalogues(run: EtlJobRun, folder: Path) -> None:
    """Projects and statuses come before issues, as in a sync."""
    store(run, [(path.stem, path) for path in sorted(folder.glob("*.catalogue"))])
    load(run)


def load(run: EtlJobRun) -> list[float]:
    """The seconds it took to transform and load each answer that waits."""
    waiting = "SELECT id FROM raw_extraction_data WHERE run_id = %s AND processing_status = 'pending' ORDER BY id"
    seconds = []
    for (raw_id,) in fetch(waiting, [run.pk]):
        began = time.perf_counter()
        pipeline.handle(Stage.TRANSFORM, [raw_id])
        seconds.append(time.perf_counter() - began)
    return seconds


def main(folder: Path) -> None:
    tune_process()
    load_catalogues(new_run(), folder)
    run = new_run()
    pages = [("jira_issues", page) for page in sorted(folder.glob("*.json"))]
    before = _versions()
    stored = store(run, pages)
    page_seconds = load(run)
    loaded, tenth = sum(page_seconds), len(page_seconds) // 10 or 1
    failed = fetch("SELECT count(*) FROM raw_extraction_data WHERE processing_status <> 'completed'", [])[0][0]
    print(
        json.dumps(
            {
                "seconds": round(stored + loaded, 3),
                "store_seconds": round(stored, 3),
                "load_seconds": round(loaded, 3),
                "first_and_last_pages_ms": [
                    round(sum(part) / len(part) * 1000, 1) for part in (page_seconds[:tenth], page_seconds[-tenth:])
                ],
                "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
                "wrote_rows": _versions() != before,
                "pages_not_loaded": failed,
            }
        )
    )


if __name__ == "__main__":
    with platform_scope():
        main(Path(sys.argv[1]))
