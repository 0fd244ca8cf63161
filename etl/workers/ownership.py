"""Who works in the embedded profile: one process at a time, by an advisory lock on a session of its own."""

import logging
from typing import Any

import psycopg2

from etl.sql import session_parameters

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
