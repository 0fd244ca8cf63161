"""The doctor: looks at everything that Pulse needs, and says of what is not well what to do.

It changes nothing, and each part is looked at whatever the others are like.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from etl.doctor import alerts, clocks, database, keys, processes, queues, vectors
from etl.doctor.results import Examination, Found, State, failed, skipped
from integrations.errors import Transient

logger = logging.getLogger(__name__)

EXAMINATIONS = (
    Examination("database", database.server),
    Examination("disk", database.disk),
    Examination("migrations", database.migrations, ("database",)),
    Examination("keys", keys.given),
    Examination("secrets", keys.stored, ("migrations", "keys")),
    Examination("broker", queues.broker),
    Examination("topology", queues.topology, ("broker",)),
    Examination("consumers", queues.consumers, ("broker", "migrations")),
    Examination("vectors", vectors.store),
    Examination("collections", vectors.collections, ("vectors", "migrations")),
    Examination("model", vectors.model),
    Examination("clock of the database", clocks.database, ("database",)),
    Examination("clocks of others", clocks.others, ("migrations",)),
    Examination("workers", processes.workers, ("migrations",)),
    Examination("scheduler", processes.scheduler, ("migrations",)),
    Examination("alerts", alerts.channels, ("migrations", "secrets")),
)


def examine(examinations: Iterable[Examination] = EXAMINATIONS) -> dict[str, Found]:
    """What each part is like, by its name."""
    found: dict[str, Found] = {}
    for examination in examinations:
        unwell = [need for need in examination.needs if found[need].state in (State.FAILED, State.SKIPPED)]
        found[examination.name] = skipped(f"needs: {', '.join(unwell)}") if unwell else _looked(examination)
    return found


def is_healthy(found: Mapping[str, Found]) -> bool:
    return all(one.state is not State.FAILED for one in found.values())


def as_json(found: Mapping[str, Found]) -> dict[str, Any]:
    """For programs: {"healthy", "checks": [{"name", "state", "said", "advice", "figures"}]}."""
    return {"healthy": is_healthy(found), "checks": [{"name": name, **asdict(one)} for name, one in found.items()]}


def _looked(examination: Examination) -> Found:
    try:
        return examination.look()
    except ImportError as error:
        return failed(str(error), "install the packages: `pip install -r requirements.txt`")
    except Exception as error:
        logger.debug("%s", examination.name, exc_info=True)
        return _broken(error)


def _broken(error: Exception) -> Found:
    """Of an examination that met what it did not foresee."""
    # The next one gets a new connection where the database's server has gone meanwhile.
    connection.close_if_unusable_or_obsolete()
    if isinstance(error, (OperationalError, InterfaceError, Transient)):
        return failed(str(error), "it answered a moment ago: see its log, and run this again")
    return failed(f"{type(error).__name__}: {error}", "run it again with LOG_LEVEL=DEBUG for the traceback")
