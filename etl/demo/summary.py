"""What the demo shows at its end."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from etl.embedding.search import search
from etl.history.watching import figures, row_counts
from etl.models import EtlJobRun
from etl.sql import fetch

EXAMPLE = "customers cannot pay with their credit card"
_HOUR_SECONDS, _DAY_SECONDS = 3600, 86400


def _median(tenant_id: int, table: str, column: str, unit_seconds: int) -> float | None:
    """Of a column in seconds, in that unit."""
    sql = f"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY {column}) FROM {table} WHERE tenant_id = %s"
    seconds = fetch(sql, [tenant_id])[0][0]
    return None if seconds is None else round(seconds / unit_seconds, 2)


def _pull_requests(tenant_id: int) -> dict[str, Any]:
    """How many in each state and size, smallest first, and how long they took."""
    states = "SELECT state, count(*) FROM prs WHERE tenant_id = %s GROUP BY state ORDER BY count(*) DESC, state"
    sizes = """SELECT size_class, count(*) FROM prs WHERE tenant_id = %s
               GROUP BY size_class ORDER BY min(additions + deletions)"""
    return {
        "states": dict(fetch(states, [tenant_id])),
        "size_classes": dict(fetch(sizes, [tenant_id])),
        "median_time_to_first_review_hours": _median(tenant_id, "prs", "time_to_first_review_seconds", _HOUR_SECONDS),
        "median_cycle_time_hours": _median(tenant_id, "prs", "cycle_time_seconds", _HOUR_SECONDS),
    }


def _links(tenant_id: int) -> dict[str, dict[str, int]]:
    """By where they were found: links of work items, and how many of them lead to a pull request that is a row here."""
    sql = """SELECT source, count(*), count(pr_id) FROM work_items_prs_links WHERE tenant_id = %s
             GROUP BY source ORDER BY source"""
    return {source: {"links": links, "to_rows": to_rows} for source, links, to_rows in fetch(sql, [tenant_id])}


def summarise(runs: Sequence[EtlJobRun]) -> dict[str, Any]:
    """The runs' figures, and of their tenant: rows by table, flow in days, pull requests, links, and an example of
    searching by meaning.
    """
    tenant_id = runs[0].tenant_id
    return {
        "runs": {run.integration.name: figures(run) for run in runs},
        "rows": row_counts(tenant_id),
        "median_cycle_time_days": _median(tenant_id, "work_items", "total_cycle_time_seconds", _DAY_SECONDS),
        "median_lead_time_days": _median(tenant_id, "work_items", "total_lead_time_seconds", _DAY_SECONDS),
        "pull_requests": _pull_requests(tenant_id),
        "links": _links(tenant_id),
        "search": {
            "query": EXAMPLE,
            "hits": [
                {"score": round(hit.score, 3), "title": hit.payload["title"]}
                for hit in search(tenant_id, EXAMPLE, limit=3, table_name="work_items")
            ],
        },
    }


def show(summary: Mapping[str, Any], console: Console) -> None:
    """The summary for people."""
    console.print(_table(("table", "rows"), summary["rows"].items()))
    for name, run in summary["runs"].items():
        console.print(
            f"{name}: run {run['run_id']} {run['status']} in {run['execution_time']:.1f} s,"
            f" {run['api_calls_made']} API calls, {run['quarantined']} records in quarantine"
        )
    console.print(
        f"work items: median cycle time {summary['median_cycle_time_days']} days,"
        f" median lead time {summary['median_lead_time_days']} days"
    )
    _show_pull_requests(summary["pull_requests"], console)
    links = ((source, *found.values()) for source, found in summary["links"].items())
    console.print(_table(("work items are linked by", "links", "to pull requests here"), links))
    console.print(f"search by meaning: [italic]{summary['search']['query']}")
    for hit in summary["search"]["hits"]:
        console.print(f"  {hit['score']:.3f}  {hit['title']}", markup=False)


def _show_pull_requests(found: Mapping[str, Any], console: Console) -> None:
    console.print(f"pull requests: {_listed(found['states'])}; by size: {_listed(found['size_classes'])}")
    console.print(
        f"pull requests: median time to first review {found['median_time_to_first_review_hours']} hours,"
        f" median cycle time {found['median_cycle_time_hours']} hours"
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _table(titles: Sequence[str], rows: Any) -> Table:
    """Each row a name and numbers."""
    table = Table(*titles)
    for name, *numbers in rows:
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table
