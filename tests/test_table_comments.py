"""What the database itself says of its tables and columns, where analysts' tools show it."""

import pytest
from django.apps import apps

from etl.sql import fetch

pytestmark = pytest.mark.django_db

APPS = ("tenancy", "integrations", "custommapping", "etl")
TABLES = sorted(model._meta.db_table for app in APPS for model in apps.get_app_config(app).get_models())
COMMENTS = """
    SELECT a.attname, col_description(c.oid, a.attnum) FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.oid = to_regclass(%(table)s)
    UNION ALL SELECT '', obj_description(to_regclass(%(table)s), 'pg_class')
"""


def comments_of(table: str) -> dict[str, str | None]:
    """By column; that of the table by the empty name."""
    return dict(fetch(COMMENTS, {"table": table}))


@pytest.mark.parametrize("table", TABLES)
def test_the_table_and_each_of_its_columns_has_a_comment(table: str) -> None:
    comments = comments_of(table)

    assert len(comments) > 1
    assert [name for name, comment in comments.items() if not comment] == []


def test_a_comment_says_more_than_the_name_of_its_column() -> None:
    plain = {
        f"{table}.{name}": comment
        for table in TABLES
        for name, comment in comments_of(table).items()
        if (comment or "").lower() in (name, name.replace("_", " "))
    }

    assert plain == {}


def test_an_inherited_column_may_mean_something_of_its_own() -> None:
    assert comments_of("prs_reviews")["created"] != comments_of("prs_commits")["created"]
