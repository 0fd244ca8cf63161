"""The PostgreSQL server that Pulse carries with it: from a pip wheel, under PULSE_HOME, started on first use."""

from functools import cache
from pathlib import Path

from .errors import EmbeddedPostgresError
from .server import DATABASE, EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "database_settings", "server_for"]


@cache
def server_for(home: Path) -> EmbeddedPostgres:
    """Return this process's one handle on the server under `home`; every thread shares it."""
    return EmbeddedPostgres(home)


def database_settings(home: Path) -> dict[str, object]:
    """Return an entry for Django's DATABASES that means "the embedded server under `home`".

    Starts nothing and reads nothing: host and password are found out when Django first connects.
    """
    return {"ENGINE": "pulse.postgres", "NAME": DATABASE, "EMBEDDED_HOME": str(home)}
