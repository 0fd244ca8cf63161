"""One worker process loads the pages; then statuses are mapped so that every item's metrics change. Prints seconds."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import django

django.setup()

from benchmarks.load import load, load_catalogues, new_run, store  # noqa: E402
from custommapping.models import Status  # noqa: E402
from etl.mapping import fingerprints  # noqa: E402
from etl.mapping.changing import Applied  # noqa: E402
from etl.mapping.statuses import StatusMeaning, save_status_mappings  # noqa: E402
from etl.models import RawExtractionData, WorkItem  # noqa: E402
from etl.workers.pool import tune_process  # noqa: E402
from integrations.models import Integration  # noqa: E402
from integrations.records import Category  # noqa: E402
from pulse.postgres.scope import platform_scope  # noqa: E402


def _first_load(folder: Path) -> float:
    load_catalogues(new_run(), folder)
    run = new_run()
    store(run, [("jira_issues", page) for page in sorted(folder.glob("*.json"))])
    return sum(load(run))


def _map_all_to_do(integration: Integration, category: Category | None) -> tuple[Applied, float]:
    """Every item begins in a status that the source calls To Do. What was changed, and the seconds that it took."""
    statuses = Status.objects.filter(integration=integration, category=Category.TO_DO)
    meanings = [StatusMeaning(status.external_id, category) for status in statuses]
    began = time.perf_counter()
    return save_status_mappings(integration, meanings, by="benchmark"), time.perf_counter() - began


def measure(integration: Integration) -> dict[str, Any]:
    """Maps, and unmaps again: of each the rows that changed, and how long it took."""
    mapped, seconds = _map_all_to_do(integration, Category.IN_PROGRESS)
    back, seconds_back = _map_all_to_do(integration, None)
    current = fingerprints.current(integration)
    assert not RawExtractionData.objects.exclude(fingerprint=current).exists()
    return {
        "work_items": WorkItem.objects.count(),
        "statuses_mapped": mapped.mappings,
        "work_items_changed": [mapped.rows, back.rows],
        "seconds": [round(seconds, 2), round(seconds_back, 2)],
        "changed_a_second": [round(mapped.rows / seconds), round(back.rows / seconds_back)],
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main(folder: Path) -> None:
    tune_process()
    loaded = _first_load(folder)
    figures = measure(Integration.objects.get())
    ratios = [round(loaded / seconds, 1) for seconds in figures["seconds"]]
    print(json.dumps({"first_load_seconds": round(loaded, 2), **figures, "first_load_to_change": ratios}))


if __name__ == "__main__":
    with platform_scope():
        main(Path(sys.argv[1]))
