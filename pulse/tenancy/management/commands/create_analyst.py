"""manage.py create_analyst --tenant 1"""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection, transaction

from pulse.commands import ScriptCommand
from pulse.postgres import analysts
from pulse.postgres.scope import owner_scope
from pulse.tenancy import audit
from pulse.tenancy.models import Tenant


class Command(ScriptCommand):
    help = "Makes the login of a tenant's analysts, who read its clean tables with SQL, and prints its new password."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", required=True, help="id or name")
        parser.add_argument("--remove", action="store_true", help="take the login away")

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        with owner_scope(), transaction.atomic():
            tenant = _tenant(options["tenant"])
            login = analysts.login_of(tenant.pk)
            if options["remove"]:
                if not analysts.remove(tenant.pk):
                    raise CommandError(f"{tenant} has no login {login}")
                audit.note("analyst.removed", tenant, {})
                return {"removed": login}
            password = analysts.create(tenant.pk)
            audit.note("analyst.created", tenant, {})
        return {"login": login, "password": password, "database": connection.settings_dict["NAME"]}


def _tenant(text: str) -> Tenant:
    found = Tenant.objects.filter(pk=int(text)) if text.isdigit() else Tenant.objects.filter(name=text)
    tenant = found.first()
    if tenant is None:
        raise CommandError(f"--tenant {text!r}: there is no such tenant")
    return tenant
