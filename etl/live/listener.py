"""PostgreSQL's notifications into the channel layer of this web process.

One thread with a session of its own, started by the first viewer. What comes within a tenth of a second goes out
as one: half of a burst was lost otherwise. After every new session all viewers get a snapshot, since what was
notified meanwhile is lost.
"""

import asyncio
import json
import logging
import random
import select
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
from channels.layers import get_channel_layer

from etl.live.channel import ALL_JOBS, EVERY_TENANT, LIVE_CHANNEL, group_of, group_of_tenant
from etl.sql import session_parameters
from pulse.numbers import LARGEST_ID

logger = logging.getLogger(__name__)

COALESCE_SECONDS = 0.1
IDLE_SECONDS = 15
BACKOFF_SECONDS = (0.1, 5.0)


@dataclass(frozen=True)
class Change:
    """That a job's status is another one."""

    tenant_id: int
    job_id: int


class _Fanout:
    """Runs in the event loop: collects what was notified and sends each group of viewers one message.

    Those of one job are told that it changed, those of many ``job_ids``; without these all are to look again.
    """

    def __init__(self) -> None:
        self._pending: set[Change | None] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, change: Change | None) -> None:
        """None: whatever it was, all viewers are to look again."""
        self._pending.add(change)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self._flush)

    def _flush(self) -> None:
        self._timer, changes = None, self._pending
        self._pending = set()
        task = asyncio.get_running_loop().create_task(self._send(changes))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, changes: set[Change | None]) -> None:
        layer = get_channel_layer()
        for group, event in _events(changes):
            await layer.group_send(group, {"type": "job.changed", **event})


def _events(changes: set[Change | None]) -> Iterator[tuple[str, dict[str, list[int]]]]:
    """Which group is told what."""
    if None in changes:
        yield ALL_JOBS, {}
        return
    of_groups: dict[str, list[int]] = {}
    for change in filter(None, changes):
        yield group_of(change.job_id), {}
        for group in (group_of_tenant(change.tenant_id), EVERY_TENANT):
            of_groups.setdefault(group, []).append(change.job_id)
    for group, ids in of_groups.items():
        yield group, {"job_ids": ids}


def _id(said: Any) -> int:
    """Raises ValueError and TypeError: a longer one names no group."""
    found = int(said)
    if not 0 < found <= LARGEST_ID:
        raise ValueError(said)
    return found


def _change(payload: str) -> Change | None:
    """What a notification says. Any session may notify: what names no job is None, and has all look."""
    try:
        said = json.loads(payload)
        return Change(_id(said["tenant_id"]), _id(said["job_id"]))
    except (ValueError, LookupError, TypeError):
        logger.warning("a notification that names no job: %.200r", payload)
        return None


class Listener:
    """LISTENs for as long as its event loop runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fanout = _Fanout()

    def ensure_started(self) -> None:
        """Called in the event loop by each viewer that connects; the first one starts the thread."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._loop is loop:
                return
            self._loop, self._fanout = loop, _Fanout()
            threading.Thread(target=self._run, args=(loop, self._fanout), name="live-listener", daemon=True).start()

    def _run(self, loop: asyncio.AbstractEventLoop, fanout: _Fanout) -> None:
        backoff = BACKOFF_SECONDS[0]
        while self._loop is loop and not loop.is_closed():
            began = time.monotonic()
            try:
                self._listen(loop, fanout)
            except (psycopg2.Error, OSError) as error:
                logger.warning("live status lost its database session: %s", error)
            except RuntimeError:  # the loop was closed between our look and our call
                return
            backoff = (
                BACKOFF_SECONDS[0] if time.monotonic() - began > IDLE_SECONDS else min(backoff * 2, BACKOFF_SECONDS[1])
            )
            time.sleep(backoff * random.uniform(0.5, 1))

    def _listen(self, loop: asyncio.AbstractEventLoop, fanout: _Fanout) -> None:
        session = psycopg2.connect(**session_parameters(), application_name="pulse-listen", keepalives_idle=10)
        try:
            session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute(f"LISTEN {LIVE_CHANNEL}")
            loop.call_soon_threadsafe(fanout.add, None)
            while self._loop is loop and not loop.is_closed():
                self._wait(session, loop, fanout)
        finally:
            session.close()

    def _wait(self, session: Any, loop: asyncio.AbstractEventLoop, fanout: _Fanout) -> None:
        if not select.select([session], [], [], IDLE_SECONDS)[0]:
            with session.cursor() as cursor:
                cursor.execute("SELECT 1")
        session.poll()
        while session.notifies:
            change = _change(session.notifies.pop(0).payload)
            loop.call_soon_threadsafe(fanout.add, change)


listener = Listener()
