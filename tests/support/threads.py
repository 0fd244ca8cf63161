"""Doing several things at once, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

from etl.sql import fetch
from pulse.postgres.scope import in_same_scope

T = TypeVar("T")

LIMIT_SECONDS = 30


def at_once(*tasks: Callable[[], T]) -> list[T]:
    """The results of tasks that begin together. Raises what a task raised, TimeoutError where one hangs."""
    together = threading.Barrier(len(tasks), timeout=LIMIT_SECONDS)

    def run(task: Callable[[], T]) -> T:
        try:
            together.wait()
            return task()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(tasks)) as pool:
        futures = [pool.submit(in_same_scope(run), task) for task in tasks]
        return [future.result(timeout=LIMIT_SECONDS) for future in futures]


def meeting(threads: int) -> Callable[[], object]:
    """What so many threads call to wait for each other."""
    return threading.Barrier(threads, timeout=LIMIT_SECONDS).wait


def a_waiting_lock() -> bool:
    """Whether somebody waits for a lock like those on mappings."""
    return bool(fetch("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", []))
