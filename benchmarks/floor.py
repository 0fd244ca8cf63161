"""The floor of a load: orjson parses the pages and COPY writes the same rows into tables alike. Nothing else."""

import io
import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import django
import orjson

django.setup()

from django.db import connection, transaction  # noqa: E402

from pulse.postgres.scope import owner_scope  # noqa: E402

TABLES = ("work_items", "changelogs", "qdrant_vectors")


def _dump(table: str) -> str:
    """The loaded rows, as COPY gives them."""
    text = io.StringIO()
    with connection.cursor() as cursor:
        cursor.cursor.copy_expert(f"COPY {table} TO STDOUT", text)
    return text.getvalue()


def _empty_copies(tables: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for table in (*tables, "raw_extraction_data"):
            cursor.execute(
                f"DROP TABLE IF EXISTS floor_{table}; CREATE TABLE floor_{table} (LIKE {table} INCLUDING ALL)"
            )


def _copy(table: str, columns: str, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.cursor.copy_expert(f"COPY {table} {columns} FROM STDIN", io.StringIO(text))


def _store(page: bytes) -> None:
    escaped = page.decode().replace("\\", "\\\\")
    columns = (
        "(tenant_id, integration_id, step, entity_type, external_id, raw_data, extraction_metadata, processing_status)"
    )
    _copy("floor_raw_extraction_data", columns, f"1\t1\t\tjira_issues\t\t{escaped}\t{{}}\tpending\n")


def main(folder: Path, tables: Sequence[str], stores: bool) -> None:
    """Stores the pages as well where it ``stores``."""
    rows = {table: _dump(table).splitlines(keepends=True) for table in tables}
    pages = [page.read_bytes() for page in sorted(folder.glob("*.json"))]
    _empty_copies(tables)
    began = time.perf_counter()
    for number, page in enumerate(pages):
        orjson.loads(page)
        if stores:
            with transaction.atomic():
                _store(page)
        with transaction.atomic():
            for table, lines in rows.items():
                share = lines[number * len(lines) // len(pages) : (number + 1) * len(lines) // len(pages)]
                _copy(f"floor_{table}", "", "".join(share))
    print(json.dumps({"seconds": round(time.perf_counter() - began, 3)}))


if __name__ == "__main__":
    # With tables named, only these are filled, from pages that are stored already.
    with owner_scope():
        main(Path(sys.argv[1]), sys.argv[2:] or TABLES, stores=not sys.argv[2:])
