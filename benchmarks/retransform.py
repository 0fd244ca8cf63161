"""One worker process loads the pages, and re-transforms them after a mapping was saved. Prints seconds and ratios."""

import json
import resource
import sys
import time
from pathlib import Path

import django

django.setup()

from benchmarks.load import load, load_catalogues, new_run, store  # noqa: E402
from custommapping.models import CustomFieldMapping  # noqa: E402
from etl.mapping.preview import preview  # noqa: E402
from etl.mapping.saving import save_mapping  # noqa: E402
from etl.models import EtlJobRun, Overall, WorkItem  # noqa: E402
from etl.workers.pool import tune_process  # noqa: E402
from pulse.postgres.scope import platform_scope  # noqa: E402

COLUMNS = {
    "team": "customfield_10001",
    "code_changed": "customfield_10041",
    "story_points": "customfield_10028",
    "custom_field_01": "customfield_10030",
    "custom_field_02": "customfield_10032",
    "custom_field_03": "customfield_10020",
    "custom_field_04": "customfield_10044",
    "custom_field_05": "customfield_10037",
}


def _first_load(folder: Path) -> EtlJobRun:
    load_catalogues(new_run(), folder)
    run = new_run()
    store(run, [("jira_issues", page) for page in sorted(folder.glob("*.json"))])
    return run


def main(folder: Path) -> None:
    tune_process()
    run = _first_load(folder)
    first = sum(load(run))
    integration = run.integration
    began = time.perf_counter()
    would = preview(integration, COLUMNS)
    previewed = time.perf_counter() - began
    again = save_mapping(integration, COLUMNS, version=0, by="benchmark").run
    assert again is not None
    second = sum(load(again))
    again.refresh_from_db()
    assert again.status == Overall.FINISHED, again.error_message
    assert CustomFieldMapping.objects.get().version == 1
    items = WorkItem.objects.count()
    print(
        json.dumps(
            {
                "work_items": items,
                "changed": would.items,
                "with_story_points": WorkItem.objects.filter(story_points__isnull=False).count(),
                "first_seconds": round(first, 3),
                "retransform_seconds": round(second, 3),
                "first_a_second": round(items / first),
                "retransformed_a_second": round(items / second),
                "retransform_to_first": round(first / second, 2),
                "preview_seconds": round(previewed, 3),
                "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            }
        )
    )


if __name__ == "__main__":
    with platform_scope():
        main(Path(sys.argv[1]))
