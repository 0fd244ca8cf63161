"""Analysts, logged in as they will be: what one tenant's sees, and all that it must not."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from etl.sql import execute, fetch
from pulse.postgres import analysts
from pulse.postgres.roles import guard
from pulse.postgres.scope import owner_scope
from tests.etl.admin.rows import Rows
from tests.support.databases import administer, database_url

pytestmark = pytest.mark.django_db(transaction=True)

Ask = Callable[[str], list[tuple[Any, ...]]]


def made(rows: Rows) -> str:
    """The password of the tenant's analysts."""
    with owner_scope():
        return analysts.create(rows.tenant.pk)


@pytest.fixture
def ask(acme: Rows, rival: Rows) -> Iterator[Ask]:
    """Asks as an analyst of Acme; each tenant has a row in every table."""
    for rows in (acme, rival):
        for model in apps.get_models():
            if model._meta.db_table in analysts.CLEAN_TABLES:
                rows.row(model)
    login, password = analysts.login_of(acme.tenant.pk), made(acme)
    url = database_url(connection.settings_dict["NAME"])
    session: Any = psycopg2.connect(url, user=login, password=password)
    session.autocommit = True

    def asked(statement: str) -> list[tuple[Any, ...]]:
        with session.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    with closing(session):
        yield asked
    with owner_scope():
        analysts.remove(acme.tenant.pk)


def test_an_analyst_sees_the_rows_of_one_tenant_in_every_clean_table(ask: Ask, acme: Rows) -> None:
    for table in analysts.CLEAN_TABLES:
        column = "id" if table == "tenants" else "tenant_id"
        assert {row[0] for row in ask(f"SELECT {column} FROM {table}")} == {acme.tenant.pk}, table


def test_an_analyst_reads_nothing_else(ask: Ask) -> None:
    tables = {row[0] for row in fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", [])}
    for table in tables - analysts.CLEAN_TABLES.keys():
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(f"SELECT * FROM {table}")
    for column in ("secrets", "settings"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(f"SELECT {column} FROM integrations")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE work_items SET summary = 'mine'",
        "DELETE FROM work_items",
        "INSERT INTO tenants (name) VALUES ('mine')",
        "TRUNCATE work_items",
        "CREATE TABLE public.mine (id int)",
        "SET ROLE pulse_app",
        "SET ROLE pulse_platform",
        "SET SESSION AUTHORIZATION pulse",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "SELECT * FROM work_items_holding('{}', '{}', 1)",
        "SET row_security = off; SELECT * FROM work_items",
    ],
)
def test_an_analyst_changes_nothing_and_becomes_nobody_else(statement: str, ask: Ask) -> None:
    ask("SET default_transaction_read_only = off")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(statement)


def test_no_setting_of_an_analyst_changes_whose_rows_there_are(ask: Ask, acme: Rows, rival: Rows) -> None:
    ask(f"SELECT set_config('pulse.tenant', '{rival.tenant.pk}', false)")
    assert ask("SELECT DISTINCT tenant_id FROM work_items") == [(acme.tenant.pk,)]
    ask("SET ROLE pulse_analyst")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask("SELECT * FROM work_items")


def test_an_analyst_has_a_new_password_each_time_and_it_is_kept_nowhere(acme: Rows) -> None:
    first, second = made(acme), made(acme)
    login, url = analysts.login_of(acme.tenant.pk), database_url(connection.settings_dict["NAME"])
    try:
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(url, user=login, password=first)
        psycopg2.connect(url, user=login, password=second).close()
    finally:
        with owner_scope():
            assert analysts.remove(acme.tenant.pk)
            assert not analysts.remove(acme.tenant.pk)


def test_what_a_migration_makes_is_open_to_the_analysts_there_are(ask: Ask, acme: Rows) -> None:
    login = analysts.login_of(acme.tenant.pk)
    with owner_scope():
        execute(f"REVOKE SELECT ON changelogs FROM {login}", [])
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask("SELECT * FROM changelogs")
        guard(connection)
    assert len(ask("SELECT * FROM changelogs")) == 1


def test_the_command_makes_and_removes_the_login_of_a_tenant(acme: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    login = analysts.login_of(acme.tenant.pk)
    exists = f"SELECT rolname FROM pg_roles WHERE rolname = '{login}'"

    call_command("create_analyst", tenant="Acme")

    assert f"login: {login}\npassword: " in capsys.readouterr().out
    assert administer(exists)
    call_command("create_analyst", tenant=str(acme.tenant.pk), remove=True)
    assert not administer(exists)
    with pytest.raises(CommandError, match="Acme has no login"):
        call_command("create_analyst", tenant="Acme", remove=True)
