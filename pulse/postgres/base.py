"""Django's own backend; a DATABASES entry with EMBEDDED_HOME starts the server under that folder when first used."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import DataError, ProgrammingError

from pulse.embedded import EmbeddedPostgres, EmbeddedPostgresError, server_for
from pulse.postgres import scope

if importlib.util.find_spec("psycopg") is not None:
    # Django would silently prefer it, and the loader's COPY and the listener are written for psycopg2.
    raise ImproperlyConfigured("Pulse needs psycopg2 alone: run `pip uninstall psycopg psycopg-binary psycopg-c`.")

from django.db.backends.postgresql import base

from .client import DatabaseClient


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of Django, to the embedded server or to any other. Errors are those of psycopg2.

    Each statement is asked for whom the code works that asks it (see `pulse.postgres.scope`): the session takes that
    scope on before, where it has another one, so that nothing is left over for who has the connection next.
    """

    client_class = DatabaseClient

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the session has taken on; None where that is not known.
        self._scope: scope.Scope | None = None
        self.execute_wrappers.append(self._in_scope)

    @property
    def embedded(self) -> EmbeddedPostgres | None:
        """The embedded server of this entry of DATABASES, if it names one."""
        home = self.settings_dict.get("EMBEDDED_HOME")
        return server_for(Path(home)) if home else None

    def get_connection_params(self) -> dict[str, Any]:
        """Return psycopg2.connect's arguments; those of the embedded server are known once it runs."""
        params = super().get_connection_params()
        if self.embedded is None:
            return params
        if not self.embedded.started:
            _start(self.embedded)
        found = self.embedded.connection_settings()
        # What Django has wins: the database's name (tests use another), and USER where a test sets it.
        return {name: found[name.upper()] for name in ("host", "port", "user", "password")} | params

    def _in_scope(self, execute: Callable[..., Any], *statement: Any) -> Any:
        wanted = scope.current()
        if self._scope != wanted:
            self._take_on(wanted)
        return execute(*statement)

    def _take_on(self, wanted: scope.Scope) -> None:
        try:
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('role', %s, false), set_config('pulse.tenant', %s, false)",
                    [wanted.role, wanted.tenant],
                )
        except DataError as error:
            raise ProgrammingError(f"{str(error).strip()}: run `manage.py migrate`, which makes it") from error
        self._scope = wanted

    def init_connection_state(self) -> None:
        self._scope = None
        super().init_connection_state()

    # A rollback takes back what the session has taken on since.
    def _rollback(self) -> None:
        self._scope = None
        super()._rollback()  # type: ignore[misc]  # Django's stubs lack it

    def _savepoint_rollback(self, sid: str) -> None:
        # Past the wrapper: a transaction that has failed takes no other scope on before.
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(self.ops.savepoint_rollback_sql(sid))
        self._scope = None

    @contextmanager
    def _nodb_cursor(self) -> Iterator[Any]:
        """For creating and dropping databases: no tenant's rows are there."""
        with scope.owner_scope(), super()._nodb_cursor() as cursor:
            yield cursor

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, once more if the embedded server had gone or was recovering."""
        try:
            return super().get_new_connection(conn_params)
        except psycopg2.OperationalError:
            if self.embedded is None:
                raise
            _start(self.embedded)
            return super().get_new_connection(conn_params)


def _start(server: EmbeddedPostgres) -> None:
    try:
        server.start()
    except EmbeddedPostgresError as error:
        # As Django's OperationalError: whoever copes with a database that is down copes with this one too.
        raise psycopg2.OperationalError(str(error)) from error
