"""Django's own backend; a DATABASES entry with EMBEDDED_HOME starts the server under that folder when first used."""

import importlib.util
from pathlib import Path
from typing import Any

import psycopg2
from django.core.exceptions import ImproperlyConfigured

from pulse.embedded import EmbeddedPostgres, EmbeddedPostgresError, server_for

if importlib.util.find_spec("psycopg") is not None:
    # Django would silently prefer it, and the loader's COPY and the listener are written for psycopg2.
    raise ImproperlyConfigured("Pulse needs psycopg2 alone: run `pip uninstall psycopg psycopg-binary psycopg-c`.")

from django.db.backends.postgresql import base

from .client import DatabaseClient


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of Django, to the embedded server or to any other. Errors are those of psycopg2."""

    client_class = DatabaseClient

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
