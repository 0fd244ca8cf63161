"""The admin's common ground (base, shown), and the pages about tenants and people."""

from pulse.tenancy.admin import people

__all__ = ["people"]
