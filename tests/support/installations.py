"""Installations of Pulse beside the test's own: a folder, a database, and processes that use them."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import connection

from tests.support.databases import administer, connected_to, database_url, drop, end_sessions, template
from tests.support.processes import Ended, Running


class Blocker(Protocol):
    """What stands between a test and its database: pytest-django's."""

    def unblock(self) -> AbstractContextManager[None]: ...


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
    def entered(self, blocker: Blocker) -> Iterator[None]:
        """Django's connection of this process goes to this installation's database."""
        with blocker.unblock(), connected_to(self.database):
            yield

    def shut(self) -> None:
        """Ends every session of the database, and lets nobody in before `reopen`."""
        connection.close()
        administer(f"ALTER DATABASE {self.database} ALLOW_CONNECTIONS false")
        end_sessions(self.database)

    def reopen(self) -> None:
        administer(f"ALTER DATABASE {self.database} ALLOW_CONNECTIONS true")

    def end(self) -> None:
        for process in self.started:
            process.close()


@contextmanager
def installation(blocker: Blocker, **variables: str) -> Iterator[Installation]:
    """A new one, in a migrated database of its own on the test run's server; gone at the end."""
    with blocker.unblock():
        source = template()
    home, name = Path(tempfile.mkdtemp(prefix="pulse-test-", dir="/tmp")), f"pulse_{secrets.token_hex(6)}"
    administer(f"CREATE DATABASE {name} TEMPLATE {source}")
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
        drop(name)
        shutil.rmtree(home)
