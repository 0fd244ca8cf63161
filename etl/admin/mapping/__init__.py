"""The pages about what things mean: fields, statuses and types of a source, and what the tenant makes of them."""

from etl.admin.mapping import columns, connections, fields, flows, levels, statuses, types

__all__ = ["columns", "connections", "fields", "flows", "levels", "statuses", "types"]
