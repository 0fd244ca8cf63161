"""PostgreSQL: whether it answers, what it is, how far it is, and whether it has the tables of this code."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psycopg2
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from etl.doctor.results import Found, failed, ok, warning
from etl.sql import execute, session_parameters

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10
OLDEST_VERSION = 14
PINGS = 5
SLOW_MILLISECONDS = 20
BUSY = 0.8
MIB = 1024 * 1024
GIB = 1024 * MIB
_FIGURES = """SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery(),
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
  current_setting('max_connections')::int, pg_database_size(current_database()),
  current_setting('server_encoding')"""


@contextmanager
def bounded() -> Iterator[None]:
    """Django's connection, on which no statement takes longer than some seconds."""
    with transaction.atomic():
        execute("SET LOCAL statement_timeout = %s", [STATEMENT_SECONDS * 1000])
        yield


def server() -> Found:
    """On a session of its own, so that an address where nobody answers is found out in seconds."""
    try:
        with closing(psycopg2.connect(**{**session_parameters(), "connect_timeout": CONNECT_SECONDS})) as session:
            session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute("SET statement_timeout = %s", [STATEMENT_SECONDS * 1000])
                cursor.execute(_FIGURES)
                row = cursor.fetchone()
                return _judged(row, _milliseconds(lambda: cursor.execute("SELECT 1")))
    except psycopg2.Error as error:
        return failed(str(error) or type(error).__name__, _where_to_look())


def _milliseconds(ask: Callable[[], object]) -> float:
    """Of several round trips the middle one."""
    taken = []
    for _ in range(PINGS):
        started = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - started) * 1000)
    return round(median(taken), 2)


def _where_to_look() -> str:
    home = settings.DATABASES["default"].get("EMBEDDED_HOME")
    if home:
        return f"see {home}/postgres/server.log; whether PULSE_HOME is right, writable and has room"
    return "start PostgreSQL, or correct DATABASE_URL (host, port, user, password, database)"


def _judged(row: Any, milliseconds: float) -> Found:
    number, version, standby, used, allowed, size, encoding = row
    figures = {"version": version, "milliseconds": milliseconds, "connections": used, "max_connections": allowed,
               "bytes": size}  # fmt: skip
    said = f"PostgreSQL {version}, {milliseconds:g} ms, {used} of {allowed} connections, {size // MIB} MiB"
    if number // 10_000 < OLDEST_VERSION:
        return failed(said, f"Pulse needs PostgreSQL {OLDEST_VERSION} or newer", **figures)
    if standby:
        return failed(f"{said}; it is a replica", "DATABASE_URL must name the primary", **figures)
    if encoding != "UTF8":
        return failed(f"{said}; its encoding is {encoding}", "make the database anew with ENCODING 'UTF8'", **figures)
    if used > allowed * BUSY:
        advice = "raise max_connections, or run fewer threads: each has a connection of its own"
        return warning(said, advice, **figures)
    if milliseconds > SLOW_MILLISECONDS:
        advice = "each unit of work is some round trips: bring workers and database closer together"
        return warning(said, advice, **figures)
    return ok(said, **figures)


def disk() -> Found:
    """The room where the embedded database, the embedded index and the made-up keys are."""
    free = shutil.disk_usage(nearest(settings.PULSE_HOME)).free
    said, figures = f"{free / GIB:.1f} GiB are free at PULSE_HOME {settings.PULSE_HOME}", {"free_bytes": free}
    advice = "make room there, or set PULSE_HOME to a larger disk"
    if free < GIB:
        return failed(said, advice, **figures)
    return warning(said, advice, **figures) if free < 5 * GIB else ok(said, **figures)


def nearest(folder: Path) -> Path:
    """The folder, or the one that is there and in which it would be made."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def migrations() -> Found:
    """Whether the tables are those of this code."""
    with bounded():
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        known = set(executor.loader.disk_migrations)
        unknown = sorted(name for name in executor.loader.applied_migrations if name not in known)
    if plan:
        names = [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
        said = f"{len(names)} are not applied, the first is {names[0]}"
        return failed(said, "run `manage.py migrate`", missing=names)
    ours = [f"{app}.{name}" for app, name in unknown if app in executor.loader.migrated_apps]
    if ours:
        said = f"the database is ahead of this code: {', '.join(ours)}"
        return failed(said, "install the release that made these tables on this machine too", unknown=ours)
    return ok("all applied")
