"""manage.py create_tenant NAME --tier premium"""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from pulse.commands import ScriptCommand
from pulse.tenancy import audit
from pulse.tenancy.models import Tenant, Tier


class Command(ScriptCommand):
    help = "Creates a tenant and prints its id."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name")
        parser.add_argument("--tier", choices=Tier.values, default=Tier.FREE.value)

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        tenant = Tenant(name=options["name"], tier=options["tier"])
        tenant.full_clean()
        with transaction.atomic():
            tenant.save()
            audit.note("tenant.created", tenant, audit.differences({}, audit.values(tenant, ["name", "tier"])))
        return {"id": tenant.pk, "name": tenant.name, "tier": tenant.tier}
