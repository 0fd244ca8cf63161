"""The admin's common ground (base, shown), and the pages about tenants and people."""

from pulse.tenancy.admin import audit_log, people, tenants

__all__ = ["audit_log", "people", "tenants"]
