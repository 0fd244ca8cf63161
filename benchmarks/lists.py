"""How long pages of the API's lists take, of a tenant with many rows beside another one's. Prints milliseconds."""

import json
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import django

django.setup()

from django.test import Client  # noqa: E402

import pulse.asgi  # noqa: E402, F401  (as a web process: the collector of garbage is set as there)
from benchmarks.load import load, load_catalogues, new_run, store  # noqa: E402
from etl.models import EtlJobRun, RawExtractionData, WorkItem  # noqa: E402
from etl.sql import execute, fetch  # noqa: E402
from integrations.models import Integration  # noqa: E402
from pulse.postgres.scope import owner_scope, platform_scope  # noqa: E402
from pulse.tenancy.models import Role, Tenant, User  # noqa: E402

ROUNDS = 40
PAYLOAD = json.dumps({"id": "1", "fields": {"summary": "Login is slow"}})
# Of a work item.
CHANGES = 4
# One row in so many is the other tenant's: the newest ones.
OTHERS = 10
# So that every filter finds some; what is rare is one row in a thousand.
_RAW = """INSERT INTO raw_extraction_data (tenant_id, integration_id, run_id, step, entity_type, external_id, raw_data,
    extraction_metadata, processing_status, processed_at, records)
    SELECT %(tenant)s, %(integration)s, %(run)s, 'jira_issues_with_changelogs',
        (ARRAY['jira_issues_with_changelogs', 'jira_projects'])[1 + (n %% 50 = 0)::int], n::text, %(payload)s, '{}',
        (ARRAY['completed', 'failed'])[1 + (n %% 1000 = 0)::int], now(), 1
    FROM generate_series(1, %(count)s) n"""
# The copies of an item do not stand side by side, as those of a project or of a value seldom do.
_ITEMS = """INSERT INTO work_items SELECT one.* FROM generate_series(1, %(count)s) n,
    LATERAL (SELECT w FROM work_items w WHERE n > 0 OFFSET 0) known, jsonb_populate_record(known.w, jsonb_build_object(
        'id', nextval(pg_get_serial_sequence('work_items', 'id')), 'external_id', (known.w).external_id || '-' || n,
        'key', (known.w).key || '-' || n, 'updated', (known.w).updated + n * interval '1 minute',
        'created', (known.w).created + n * interval '1 minute', 'team', 'Team ' || n %% 12,
        'custom_field_01', 'Case ' || n, 'custom_fields_overflow',
        (known.w).custom_fields_overflow || jsonb_build_object('customfield_19999', n %% 500))) one"""
_CHANGES = """INSERT INTO changelogs (tenant_id, integration_id, work_item_id, external_id, from_status_id,
    to_status_id, from_status_name, to_status_name, transition_start_date, transition_change_date,
    time_in_status_seconds, changed_by)
    SELECT w.tenant_id, w.integration_id, w.id, n::text, w.status_id, w.status_id, 'In Review', 'Done', w.created,
        w.created + n * interval '1 day', 86400, 'Ada Quill'
    FROM work_items w, generate_series(1, %(count)s) n ON CONFLICT DO NOTHING"""
QUESTIONS: Mapping[str, Mapping[str, str]] = {
    "raw-data": {"fields": "id,entity_type,processing_status"},
    "raw-data by type": {"entity_type": "jira_projects", "fields": "id"},
    "raw-data by state": {"status": "failed", "fields": "id"},
    "work-items": {},
    "work-items by project": {"project": "{project}"},
    "work-items by status": {"status": "{status}"},
    "work-items by type and project": {"wit": "{wit}", "project": "{project}"},
    "work-items by key": {"key": "{key}"},
    "work-items since the last day": {"updated_from": "{late}"},
    "work-items of a month": {"created_from": "{early}", "created_to": "{late}", "project": "{project}"},
    "work-items by column, of many": {"team": "Team 7"},
    "work-items by column, of few": {"custom_field_01": "Case 77"},
    "work-items by field, of many": {"overflow.customfield_10044": "Feature"},
    "work-items by field, of some": {"overflow.customfield_19999": "77"},
    "work-items by field, of none": {"overflow.customfield_10001": "nothing has this"},
    "changelogs": {},
    "changelogs by project": {"project": "{project}"},
    "changelogs by key": {"key": "{key}"},
    "changelogs since the last day": {"changed_from": "{late}"},
    "projects": {},
    "statuses": {},
    "wits": {},
    "custom-fields": {},
    "jobs": {},
    "runs": {},
}


def fill(folder: Path, raw: int, items: int) -> EtlJobRun:
    """Loads the pages, and multiplies what came of them; the run of the greater tenant."""
    load_catalogues(new_run(), folder)
    run = new_run()
    store(run, [("jira_issues", page) for page in sorted(folder.glob("*.json"))])
    load(run)
    other = Integration.objects.create(
        tenant=Tenant.objects.create(name="Other"), provider="jira", name="Other", settings={}
    )
    with owner_scope():
        execute(_ITEMS, {"count": items // WorkItem.objects.count()})
        execute(_CHANGES, {"count": CHANGES})
        for integration, count in ((run.integration, raw - raw // OTHERS), (other, raw // OTHERS)):
            known = {"tenant": integration.tenant_id, "integration": integration.pk, "run": run.pk}
            execute(_RAW, {**known, "count": count, "payload": PAYLOAD})
        execute("VACUUM ANALYZE", [])
    return run


def _named() -> dict[str, str]:
    """What the questions name."""
    item = WorkItem.objects.select_related("project", "status", "wit").order_by("id")[0]
    ((late, early),) = fetch(
        "SELECT max(created) - interval '1 day', max(created) - interval '1 month' FROM work_items", []
    )
    names = {"project": item.project.key, "status": item.status.name, "wit": item.wit.name, "key": item.key}
    return {**names, "late": late.isoformat(), "early": early.isoformat()}


def measure(client: Client, path: str, query: Mapping[str, str]) -> list[float]:
    """Milliseconds of page after page, from the first one on again where the list ends."""
    taken, cursor = [], None
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = client.get(f"/app/etl/{path}", {**query, **({"cursor": cursor} if cursor else {})})
        taken.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise SystemExit(f"{path} {query}: {answer.status_code} {answer.content[:500]!r}")
        told = answer.json()
        cursor = told.get("next") if isinstance(told, dict) else None
    return taken


def _client(tenant: Tenant) -> Client:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_user(f"reader {tenant}", tenant=tenant, role=Role.VIEWER))
    return client


def _figures(taken: list[float]) -> dict[str, float]:
    return {"p50_ms": round(statistics.median(taken), 1), "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 1)}


def main(folder: Path, raw: int, items: int) -> None:
    tenant = fill(folder, raw, items).tenant
    named = _named()
    questions = {
        name: (name.split()[0], {key: value.format(**named) for key, value in query.items()})
        for name, query in QUESTIONS.items()
    }
    great, small = _client(tenant), _client(Tenant.objects.get(name="Other"))
    figures = {name: _figures(measure(great, *question)) for name, question in questions.items()}
    figures["raw-data, small tenant"] = _figures(measure(small, *questions["raw-data"]))
    rows = {"raw_rows": RawExtractionData.objects.count(), "work_items": WorkItem.objects.count()}
    print(json.dumps({**rows, **figures}))


if __name__ == "__main__":
    with platform_scope():
        main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
