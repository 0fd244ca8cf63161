"""Who works in the embedded profile: one process at a time, by an advisory lock on a session of its own."""

import logging
from typing import Any

import psycopg2
from django.db import connection

logger = logging.getLogger(__name__)

_LOCK = 7_055_573_401


class Ownership:
    """The right to run workers and to open the vector store. Held until released, or until the process ends."""

    def __init__(self) -> None:
        self._session: Any = None

    def acquire(self) -> bool:
        """Whether the right is ours now. Taken again after a restart of the database, which ends the session."""
        if self._session is not None and self._alive():
            return True
        self.release()
        try:
            session = psycopg2.connect(**session_parameters())
        except psycopg2.OperationalError as error:
            logger.warning("no session for the ownership: %s", error)
            return False
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            if cursor.fetchone()[0]:
                self._session = session
                return True
        session.close()
        return False

    def _alive(self) -> bool:
        try:
            with self._session.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:
            return False
        return True

    def release(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def session_parameters() -> dict[str, Any]:
    """What psycopg2 needs for a session of its own, beside Django's."""
    parameters: dict[str, Any] = connection.get_connection_params()
    # Django's own, which mean nothing to a plain session.
    for name in ("cursor_factory", "context", "assume_role", "isolation_level", "server_side_binding"):
        parameters.pop(name, None)
    return parameters
