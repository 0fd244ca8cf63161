"""What the demo shows at its end."""

from typing import Any

from rich.console import Console
from rich.table import Table

from etl.embedding.search import search
from etl.jobs.watching import figures, row_counts
from etl.models import EtlJobRun
from etl.sql import fetch

EXAMPLE = "customers cannot pay with their credit card"
_DAY_SECONDS = 86400


def _median_days(tenant_id: int, column: str) -> float | None:
    sql = f"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY {column}) FROM work_items WHERE tenant_id = %s"
    seconds = fetch(sql, [tenant_id])[0][0]
    return None if seconds is None else round(seconds / _DAY_SECONDS, 2)


def summarise(run: EtlJobRun) -> dict[str, Any]:
    """The run's figures, rows by table, flow in days, and an example of searching by meaning."""
    return {
        **figures(run),
        "rows": row_counts(run.tenant_id),
        "median_cycle_time_days": _median_days(run.tenant_id, "total_cycle_time_seconds"),
        "median_lead_time_days": _median_days(run.tenant_id, "total_lead_time_seconds"),
        "search": {
            "query": EXAMPLE,
            "hits": [
                {"score": round(hit.score, 3), "title": hit.payload["title"]}
                for hit in search(run.tenant_id, EXAMPLE, limit=3, table_name="work_items")
            ],
        },
    }


def show(summary: dict[str, Any], console: Console) -> None:
    """The summary for people."""
    rows = Table("table", "rows")
    for name, count in summary["rows"].items():
        rows.add_row(name, f"{count:,}")
    console.print(rows)
    console.print(
        f"run {summary['run_id']} {summary['status']} in {summary['execution_time']:.1f} s,"
        f" {summary['api_calls_made']} API calls, {summary['quarantined']} records in quarantine"
    )
    console.print(
        f"median cycle time {summary['median_cycle_time_days']} days,"
        f" median lead time {summary['median_lead_time_days']} days"
    )
    console.print(f"search by meaning: [italic]{summary['search']['query']}")
    for hit in summary["search"]["hits"]:
        console.print(f"  {hit['score']:.3f}  {hit['title']}", markup=False)
