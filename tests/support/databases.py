"""Databases of the test run's server: each is a copy of one that is migrated once, and is emptied between tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from etl.sql import execute, fetch
from pulse.embedded import EmbeddedPostgres, server_for
from pulse.embedded.cluster import SUPERUSER
from pulse.embedded.locks import FileLock
from pulse.embedded.server import ROLE
from pulse.postgres.scope import owner_scope

TEMPLATE = "pulse_template"
MIGRATE_SECONDS = 120
# What migrating makes: it is the same for every test.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def _home() -> Path:
    return Path(settings.DATABASES["default"]["EMBEDDED_HOME"])


def _server() -> EmbeddedPostgres:
    """The test run's database server."""
    server = server_for(_home())
    if not server.started:
        server.start()
    return server


def database_url(name: str) -> str:
    """DATABASE_URL of a database of the test run's server, which listens on a socket only."""
    found = _server().connection_settings()
    user, password = found["USER"], quote(found["PASSWORD"], safe="")
    return f"postgres://{user}:{password}@:{found['PORT']}/{name}?host={quote(found['HOST'])}"


def wait_for_no_disk() -> None:
    """Commits of this server need not reach the disk: no test pulls the plug, and each commit would wait for it."""
    administer("ALTER SYSTEM SET fsync = off", user=SUPERUSER)
    administer("SELECT pg_reload_conf()", user=SUPERUSER)


def administer(statement: str, user: str = ROLE) -> list[Any]:
    """Runs a statement beside all databases of tests; its rows, where it has any. All users have one password."""
    session: Any = psycopg2.connect(database_url("pulse"), user=user)
    try:
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        session.close()


def end_session(pid: int) -> None:
    administer(f"SELECT pg_terminate_backend({pid})")


def end_sessions(name: str) -> None:
    administer(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND usename IS NOT NULL"
    )


def drop(name: str) -> None:
    """The sessions end first: FORCE is refused where autovacuum is in the database, a plain DROP sends it away."""
    end_sessions(name)
    administer(f"DROP DATABASE {name}")


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    """Django's connection of this process goes to that database."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


@cache
def template() -> str:
    """A migrated database that all processes of the run copy: migrating takes seconds, copying a tenth of one."""
    with FileLock(_home() / "template.lock").exclusive(MIGRATE_SECONDS):
        if not administer(f"SELECT 1 FROM pg_database WHERE datname = '{TEMPLATE}'"):
            _migrated("pulse_migrating")
            # The name appears only with a complete database behind it.
            administer(f"ALTER DATABASE pulse_migrating RENAME TO {TEMPLATE}")
    return TEMPLATE


def _migrated(name: str) -> None:
    administer(f"DROP DATABASE IF EXISTS {name}")
    administer(f"CREATE DATABASE {name}")
    with connected_to(name):
        call_command("migrate", verbosity=0)


def make_empty() -> None:
    """Deletes what tests have committed. Django's flush truncates all tables and makes all permissions anew."""
    filled = [row[0] for row in fetch(_which_are_filled(), [])]
    if filled:
        # One statement, so one transaction: the references between them are looked at when all are empty.
        with owner_scope():
            execute("; ".join(f"DELETE FROM {table}" for table in filled), [])


@cache
def _which_are_filled() -> str:
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - KEPT
    return " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in sorted(tables))
