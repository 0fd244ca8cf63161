"""What a scheduler does again and again. Each duty may be done by several schedulers at once: one of them wins."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psycopg2
from django.db import Error as DatabaseError
from django.db import connection

from etl import alerts
from etl.alerts import consumers
from etl.erasing import working
from etl.history import forgetting
from etl.jobs import discovery
from etl.jobs.lifecycle import end_inactive
from etl.jobs.sweep import sweep
from etl.letters import dead_letters
from etl.mapping.retransform import start_all_due
from etl.schedule.schedule import queue_due_jobs, start_due_repairs
from etl.verification import verify
from integrations.errors import Transient

logger = logging.getLogger(__name__)

# A database or a broker that is away: said in one line. What is no such thing is shown with its traceback.
AWAY = (DatabaseError, psycopg2.Error, Transient)


@dataclass(frozen=True)
class Duty:
    """``act`` is done every so many seconds; ``always`` also where nothing is to be begun."""

    name: str
    act: Callable[[], object]
    every_seconds: float = 1.0
    always: bool = False


DUTIES = (
    Duty("the sweep", sweep, always=True),
    Duty("ending runs of inactive integrations", end_inactive, always=True),
    Duty("queueing discoveries", discovery.queue_waiting, always=True),
    Duty("queueing verifications", verify.queue_waiting, always=True),
    Duty("erasing", working.go_on, always=True),
    Duty("queueing due jobs", queue_due_jobs),
    Duty("beginning due re-transforms", start_all_due),
    # Hours apart, and the look reads every job's runs.
    Duty("beginning due repairs", start_due_repairs, 60),
    Duty("beginning due verifications", verify.start_due, 60),
    Duty("settling dead letters", dead_letters.settle_mended, 15, always=True),
    Duty("asking who takes messages", consumers.WATCH.ask, 15),
    Duty("alerts", alerts.look, 15),
    Duty("forgetting what is old", forgetting.forget_old, 3600),
)


class Round:
    """Does those duties that are due.

    One that fails keeps neither the others from being done nor itself from the next time: without the sweep nothing
    recovers.
    """

    def __init__(self, duties: Iterable[Duty] = DUTIES) -> None:
        self._due_at = dict.fromkeys(duties, 0.0)
        self._told: dict[str, str] = {}

    def go(self) -> None:
        for duty, due_at in self._due_at.items():
            if time.monotonic() >= due_at:
                self._due_at[duty] = time.monotonic() + duty.every_seconds
                self.attempt(duty.name, duty.act)

    def attempt(self, name: str, act: Callable[[], object]) -> bool:
        """Whether it could be done. The same error is logged once, until it has gone."""
        try:
            act()
        except Exception as error:
            if self._told.get(name) != str(error):
                logger.warning("%s: will be tried again: %s", name, error, exc_info=not isinstance(error, AWAY))
            self._told[name] = str(error)
            connection.close()
            return False
        if self._told.pop(name, None) is not None:
            logger.info("%s: well again", name)
        return True
