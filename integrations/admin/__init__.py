"""The pages about integrations."""

from integrations.admin import pages

__all__ = ["pages"]
