"""The pages about how data moves and what it becomes. One module a topic."""

from etl.admin import data, jobs, mapping, operations, units

__all__ = ["data", "jobs", "mapping", "operations", "units"]
