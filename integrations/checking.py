"""Checking an integration before anything runs: its settings, then who it is on the site and what it sees there."""

from django.core.exceptions import ValidationError

from integrations.errors import StageError
from integrations.models import Integration
from integrations.provider import ConnectionReport, Provider
from integrations.registry import UnknownProvider


def containers_of(integration: Integration) -> str:
    """What `ConnectionReport.projects` are called."""
    try:
        return integration.provider_code.containers
    except UnknownProvider:
        return Provider.containers


def check_integration(integration: Integration) -> ConnectionReport:
    """What the site says, with everything that is wrong as a problem: it raises no StageError."""
    try:
        integration.clean()
        return integration.provider_code.check_connection(integration.connection())
    except ValidationError as error:
        problems = list(error.messages)
    except (StageError, UnknownProvider) as error:
        problems = [str(error)]
    return ConnectionReport(integration.connection().setting("base_url"), "", "", (), problems)
