"""Row-level security, asked by statements of our own on every table: whatever code forgets, PostgreSQL holds.

Tables are found in the database, not in the models: one that is made tomorrow is asked too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import ProgrammingError, transaction
from django.db.models import Model

from etl.models import WorkItem
from etl.sql import execute, fetch
from pulse.postgres.roles import APPENDED, PLATFORM, RUNTIME, owned_tables
from pulse.postgres.scope import nobody_scope, owner_scope, platform_scope, tenant_scope
from tests.etl.admin.rows import Rows

# Tables whose rows are no tenant's: Django's own, and what all tenants share.
SHARED = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_admin_log",
    "django_content_type",
    "django_migrations",
    "django_session",
    "users_groups",
    "users_user_permissions",
    "workers",
}
OWNED = sorted(owned_tables().items())
each_table = pytest.mark.parametrize(("table", "column"), OWNED, ids=[table for table, _ in OWNED])
CHANGED = [(table, column) for table, column in OWNED if table not in APPENDED]
each_changed_table = pytest.mark.parametrize(("table", "column"), CHANGED, ids=[table for table, _ in CHANGED])


def _models() -> dict[str, type[Model]]:
    return {model._meta.db_table: model for model in apps.get_models()}


@pytest.fixture
def filled(table: str, acme: Rows, rival: Rows) -> tuple[int, int]:
    """The ids of two tenants, each with a row in the table."""
    for rows in (acme, rival):
        rows.row(_models()[table])
    return acme.tenant.pk, rival.tenant.pk


@contextmanager
def refused(reason: str) -> Iterator[None]:
    with pytest.raises(ProgrammingError, match=reason), transaction.atomic():
        yield


def owners(table: str, column: str) -> set[int]:
    """Whose rows are there."""
    return {row[0] for row in fetch(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL", [])}


def everything(table: str) -> list[Any]:
    with platform_scope():
        return sorted(fetch(f"SELECT ctid::text, xmin::text FROM {table}", []))


def test_every_table_is_known_to_be_a_tenants_or_shared(db: None) -> None:
    found = fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", [])
    assert {table for (table,) in found} == SHARED | {table for table, _ in OWNED}


def test_every_table_with_a_tenant_is_guarded_for_both_roles(db: None) -> None:
    guarded = fetch(
        """SELECT c.relname, array_agg(p.polname::text ORDER BY p.polname) FROM pg_class c
           JOIN pg_policy p ON p.polrelid = c.oid
           WHERE c.relrowsecurity AND p.polpermissive AND p.polcmd = '*' AND p.polwithcheck IS NOT NULL
             AND NOT 0 = ANY(p.polroles)
           GROUP BY 1""",
        [],
    )
    with_tenant = fetch(
        """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
           WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id'""",
        [],
    )
    assert {table for (table,) in with_tenant} | {"tenants"} == dict(OWNED).keys()
    assert dict(guarded) == {table: [RUNTIME, PLATFORM] for table, _ in OWNED}


def test_the_roles_of_queries_can_do_no_more_than_their_policies_let_them(db: None) -> None:
    rows = fetch(
        """SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin,
               (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'public'::regnamespace),
               (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid)
           FROM pg_roles r WHERE rolname = ANY(%s)""",
        [[RUNTIME, PLATFORM]],
    )
    assert sorted(rows) == [(RUNTIME, False, 0, 0), (PLATFORM, False, 0, 0)]


def test_no_view_and_no_function_goes_round_the_policies_but_the_one_that_checks_itself(db: None) -> None:
    views = fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace", []
    )
    functions = fetch("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace", [])
    assert (views, functions) == ([], [("work_items_holding",)])


@each_table
def test_a_tenant_reads_its_own_rows_nobody_none_and_the_platform_all(
    table: str, column: str, filled: tuple[int, int]
) -> None:
    own, other = filled
    with tenant_scope(own):
        assert owners(table, column) == {own}
    with tenant_scope(other):
        assert owners(table, column) == {other}
    with nobody_scope():
        assert fetch(f"SELECT * FROM {table}", []) == []
    with platform_scope():
        assert owners(table, column) == {own, other}
    with owner_scope():
        assert owners(table, column) == {own, other}


@each_changed_table
def test_a_tenant_writes_and_deletes_no_other_tenants_rows(table: str, column: str, filled: tuple[int, int]) -> None:
    own, _ = filled
    before = everything(table)
    with tenant_scope(own):
        assert execute(f"UPDATE {table} SET {column} = {column} WHERE {column} <> %s", [own]) == 0
        assert execute(f"DELETE FROM {table} WHERE {column} <> %s", [own]) == 0
    with nobody_scope():
        assert execute(f"UPDATE {table} SET {column} = {column}", []) == 0
        assert execute(f"DELETE FROM {table}", []) == 0
    assert everything(table) == before
    with tenant_scope(own):
        assert execute(f"UPDATE {table} SET {column} = {column}", []) == len(fetch(f"SELECT FROM {table}", [])) > 0


@pytest.mark.parametrize("scope", [lambda own: tenant_scope(own), lambda _: platform_scope()], ids=[RUNTIME, PLATFORM])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET actor = 'nobody'", "UPDATE audit_log SET tenant_id = tenant_id", "DELETE FROM audit_log"],
)
@pytest.mark.parametrize("table", ["audit_log"])
def test_who_changed_what_is_neither_changed_nor_deleted(
    statement: str, scope: Any, table: str, filled: tuple[int, int]
) -> None:
    with scope(filled[0]), refused("permission denied for table audit_log"):
        execute(statement, [])


@each_changed_table
def test_no_row_can_be_moved_to_another_tenant(table: str, column: str, filled: tuple[int, int]) -> None:
    own, other = filled
    with tenant_scope(own), refused("row-level security"):
        execute(f"UPDATE {table} SET {column} = %s", [other])


@each_table
def test_no_row_can_be_added_for_another_tenant(table: str, column: str, filled: tuple[int, int]) -> None:
    own, other = filled
    copied = f"""INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table},
        to_jsonb(r) || jsonb_build_object('{column}', %s::bigint))).* FROM {table} r"""
    with tenant_scope(own), refused("row-level security"):
        execute(copied, [other])
    with nobody_scope(), refused("row-level security"):
        execute(f"INSERT INTO {table} ({column}) VALUES (%s)", [own])


@pytest.mark.parametrize("scope", [nobody_scope, platform_scope, lambda: tenant_scope(1)])
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE work_items CASCADE",
        "ALTER TABLE work_items DISABLE ROW LEVEL SECURITY",
        "DROP POLICY pulse_app ON work_items",
        "ALTER ROLE pulse_app BYPASSRLS",
        "CREATE TABLE public.anything (id int)",
        "SET LOCAL row_security = off; SELECT * FROM work_items",
    ],
)
def test_what_tables_and_policies_are_is_not_for_queries(statement: str, scope: Any, db: None) -> None:
    with scope(), refused("permission denied|must be owner|would be affected by row-level security"):
        execute(statement, [])


def test_overflow_is_searched_among_the_tenants_own_items_alone(acme: Rows, rival: Rows) -> None:
    items = {rows.tenant.pk: rows.row(WorkItem) for rows in (acme, rival)}
    WorkItem.objects.update(custom_fields_overflow={"customfield_1": "x"})
    search = """SELECT * FROM work_items_holding('{"customfield_1": "x"}', '{"customfield_1": ["x"]}', 10)"""
    for tenant_id, item in items.items():
        with tenant_scope(tenant_id):
            assert fetch(search, []) == [(item.pk,)]
    with nobody_scope():
        assert fetch(search, []) == []
