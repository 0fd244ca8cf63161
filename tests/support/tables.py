"""Tables as values, so that two databases, or two moments, can be compared row by row."""

from typing import Any

from etl.sql import fetch

# What says when and by which answer a row was written, not what the source said. Ids are replaced by natural keys.
_LEFT_OUT = {
    "id",
    "created_at",
    "last_updated_at",
    "raw_data_id",
    "wits_as_of",
    "statuses_as_of",
    "dev_status_read_at",
    "dev_status_as_of",
    "tenant_id",
    "integration_id",
}
_NATURAL = {"project_id": "projects", "wit_id": "wits", "status_id": "statuses", "from_status_id": "statuses",
            "to_status_id": "statuses", "parent_id": "work_items", "work_item_id": "work_items",
            "repository_id": "repositories", "pr_id": "prs"}  # fmt: skip
DERIVED = ("projects", "wits", "statuses", "projects_wits", "projects_statuses", "work_items", "changelogs",
           "work_items_prs_links", "repositories", "prs", "prs_commits", "prs_reviews", "prs_comments")  # fmt: skip


def _columns(table: str) -> list[str]:
    rows = fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
        " ORDER BY ordinal_position",
        [table],
    )
    return [row[0] for row in rows]


def _expression(table: str, column: str) -> str:
    # The catalogues' own age is the time of the answer; a work item's and a pull request's is the source's.
    if column == "source_updated_at" and table not in ("work_items", "prs"):
        return "NULL"
    # When it was seen to be gone is ours; that it is gone is not.
    if column == "deleted_at":
        return "t.deleted_at IS NOT NULL AS deleted_at"
    if column in _NATURAL:
        return f"(SELECT n.external_id FROM {_NATURAL[column]} n WHERE n.id = t.{column})"
    return f"t.{column}"


def rows_of(table: str, integration_id: int) -> list[dict[str, Any]]:
    """An integration's rows of a table, with natural keys for ids, in a stable order."""
    columns = [column for column in _columns(table) if column not in _LEFT_OUT]
    sql = (
        f"SELECT {', '.join(_expression(table, column) for column in columns)} FROM {table} t WHERE integration_id = %s"
    )
    return sorted((dict(zip(columns, row, strict=True)) for row in fetch(sql, [integration_id])), key=repr)


def derived_rows(integration_id: int) -> dict[str, list[dict[str, Any]]]:
    """All that transform and load made of an integration's answers."""
    return {table: rows_of(table, integration_id) for table in DERIVED}


def versions(integration_id: int) -> dict[str, list[tuple[Any, ...]]]:
    """The physical version of every derived row: the same before and after means that nothing was written."""
    tables = (*DERIVED, "qdrant_vectors")
    return {
        table: fetch(f"SELECT id, xmin::text FROM {table} WHERE integration_id = %s ORDER BY id", [integration_id])
        for table in tables
    }
