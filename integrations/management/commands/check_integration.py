"""manage.py check_integration --integration 1: who Pulse is on the site, what it sees there, and what is missing."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandParser

from integrations.checking import check_integration, containers_of
from integrations.commands import integration_of
from pulse.commands import ScriptCommand


def _lines(texts: Sequence[str]) -> str:
    """For people: one below the other."""
    return "".join(f"\n- {text}" for text in texts) or "none"


class Command(ScriptCommand):
    help = "Asks an integration's site who we are and what we see there. Ends with 0 where there is no problem, 1 else."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--integration", type=int, required=True, help="id")

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        integration = integration_of(options["integration"])
        report = check_integration(integration)
        keys, problems = [project.key for project in report.projects], list(report.problems)
        return {
            "integration": integration.pk,
            "name": integration.name,
            "site": report.site,
            "deployment": report.deployment,
            "account": report.account,
            containers_of(integration): keys if options["json"] else ", ".join(keys) or "none",
            "problems": problems if options["json"] else _lines(problems),
            "exit": 1 if problems else 0,
        }
