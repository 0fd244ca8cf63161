"""The pages about how data moves and what it becomes. One module a topic."""

from etl.admin import alerts, data, dead_letters, jobs, mapping, operations, runs, units, verifications, workers

__all__ = [
    "alerts",
    "data",
    "dead_letters",
    "jobs",
    "mapping",
    "operations",
    "runs",
    "units",
    "verifications",
    "workers",
]
