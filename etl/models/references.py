"""References of rows that are written by the hundred thousand."""

from typing import Any

from django.db import models

from integrations.models import Integration
from pulse.tenancy.models import Tenant

OWNERS = {
    "tenant": "tenants.id of the tenant that the row belongs to",
    "integration": "integrations.id of the integration that the row belongs to",
}


def unchecked(model: "type[Tenant] | type[Integration]") -> "models.ForeignKey[Any, Any]":
    """A reference that another one of the row vouches for: it is not checked once more for each row of a load."""
    return models.ForeignKey(model, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
