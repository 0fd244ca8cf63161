"""Installations of Pulse beside the test's own: a folder, a database, and processes that use them."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from pulse.embedded import EmbeddedPostgres, server_for
from tests.support.processes import Ended, Running


@dataclass(frozen=True)
class Installation:
    """Its processes know nothing of the test's settings, but have its keys, so that both can read secrets."""

    home: Path
    database: str
    variables: Mapping[str, str]
    started: list[Running] = field(default_factory=list)

    def run(self, *arguments: object, **variables: str) -> Ended:
        """A command, to its end."""
        with self.start(*arguments, **variables) as process:
            return process.ended()

    def start(self, *arguments: object, **variables: str) -> Running:
        """A command; killed with the installation where the test has not ended it."""
        return self.start_python("manage.py", *arguments, **variables)

    def start_python(self, *arguments: object, **variables: str) -> Running:
        process = Running([str(argument) for argument in arguments], {**self.variables, **variables})
        self.started.append(process)
        return process

    @contextmanager
    def entered(self, blocker: DjangoDbBlocker) -> Iterator[None]:
        """Django's connection of this process goes to this installation's database."""
        before = connection.settings_dict["NAME"]
        with blocker.unblock():
            connection.close()
            connection.settings_dict["NAME"] = self.database
            try:
                yield
            finally:
                connection.close()
                connection.settings_dict["NAME"] = before

    def end(self) -> None:
        for process in self.started:
            process.close()


def _server() -> EmbeddedPostgres:
    """The test run's database server."""
    server = server_for(Path(settings.DATABASES["default"]["EMBEDDED_HOME"]))
    if not server.started:
        server.start()
    return server


def _administer(statement: str) -> None:
    found = _server().connection_settings()
    session: Any = psycopg2.connect(
        host=found["HOST"], port=found["PORT"], user=found["USER"], password=found["PASSWORD"], dbname="pulse"
    )
    try:
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute(statement)
    finally:
        session.close()


def _drop(name: str) -> None:
    """The sessions end first: FORCE is refused where autovacuum is in the database, a plain DROP sends it away."""
    _administer(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND usename IS NOT NULL"
    )
    _administer(f"DROP DATABASE {name}")


def database_url(name: str) -> str:
    """DATABASE_URL of a database of the test run's server, which listens on a socket only."""
    found = _server().connection_settings()
    user, password = found["USER"], quote(found["PASSWORD"], safe="")
    return f"postgres://{user}:{password}@:{found['PORT']}/{name}?host={quote(found['HOST'])}"


@cache
def _template() -> str:
    """A migrated database to copy from: migrating takes seconds, copying a tenth of one."""
    name = f"pulse_template_{secrets.token_hex(4)}"
    _administer(f"CREATE DATABASE {name}")
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
    return name


@contextmanager
def installation(blocker: DjangoDbBlocker, **variables: str) -> Iterator[Installation]:
    """A new one, in a migrated database of its own on the test run's server; gone at the end."""
    with blocker.unblock():
        template = _template()
    home, name = Path(tempfile.mkdtemp(prefix="pulse-test-", dir="/tmp")), f"pulse_{secrets.token_hex(6)}"
    _administer(f"CREATE DATABASE {name} TEMPLATE {template}")
    shared = {
        "PULSE_HOME": str(home),
        "DATABASE_URL": database_url(name),
        "SECRET_KEY": settings.SECRET_KEY,
        "PULSE_ENCRYPTION_KEYS": ",".join(settings.PULSE_ENCRYPTION_KEYS),
    }
    made = Installation(home, name, {**shared, **variables})
    try:
        yield made
    finally:
        made.end()
        _drop(name)
        shutil.rmtree(home)
