"""The pages about how data moves and what it becomes. One module a topic."""

from etl.admin import (
    alerts,
    answers,
    data,
    dead_letters,
    erasing,
    home,
    jobs,
    mapping,
    operations,
    runs,
    units,
    verifications,
    workers,
)

__all__ = [
    "alerts",
    "answers",
    "data",
    "dead_letters",
    "erasing",
    "home",
    "jobs",
    "mapping",
    "operations",
    "runs",
    "units",
    "verifications",
    "workers",
]
