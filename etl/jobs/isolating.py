"""Doing the same for many, where one that fails must not hold up the others."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError

from etl.jobs.states import IllegalTransition

logger = logging.getLogger(__name__)


@contextmanager
def isolated(failure: str) -> Iterator[None]:
    """Logs what goes wrong in the block, as ``failure``, and goes on behind it.

    What is not to be done now (IllegalTransition) is no failure. Trouble of the database is everybody's: it is raised.
    """
    try:
        yield
    except IllegalTransition as error:
        logger.info("%s: %s", failure, error)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("%s", failure)
