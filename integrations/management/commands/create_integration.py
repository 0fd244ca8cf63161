"""manage.py create_integration --tenant 1 --provider jira --name Acme --setting base_url=… --secret api_token=…"""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from integrations.editing import Said, create
from pulse.commands import ScriptCommand, pairs
from pulse.tenancy.models import Tenant


def _tenant(text: str) -> Tenant:
    """A tenant by its id or its name."""
    found = Tenant.objects.filter(pk=int(text)) if text.isdigit() else Tenant.objects.filter(name=text)
    tenant = found.first()
    if tenant is None:
        raise CommandError(f"--tenant {text!r}: there is no such tenant")
    return tenant


class Command(ScriptCommand):
    help = "Creates an integration, and with it its job, and prints their ids."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", required=True, help="id or name")
        parser.add_argument("--provider", required=True)
        parser.add_argument("--name", required=True)
        parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument("--secret", action="append", default=[], metavar="NAME=VALUE")

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        settings, secrets = pairs(options["setting"], "--setting"), pairs(options["secret"], "--secret")
        said = Said(name=options["name"], settings=settings, secrets=secrets)
        integration = create(_tenant(options["tenant"]), options["provider"], said, by="a command")
        return {"id": integration.pk, "name": integration.name, "job_id": integration.jobs.get().pk}
