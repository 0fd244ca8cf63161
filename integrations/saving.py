"""Saving what people say of integrations: the one way, so that it is known who said it."""

from collections.abc import Set
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction

from integrations.models import Integration
from integrations.provider import Connection
from pulse.tenancy import audit

SAID = ("name", "active", "settings", "secrets")


def save_integration(integration: Integration) -> None:
    """Makes the integration, or writes what people say of it (`SAID`). It has been validated before."""
    with transaction.atomic():
        if integration.pk is None:
            integration.save()
            audit.note("integration.created", integration, audit.differences({}, _noted(integration)))
            return
        before = _noted(Integration.objects.select_for_update(no_key=True).get(pk=integration.pk))
        integration.save(update_fields=[*SAID, "last_updated_at"])
        audit.note("integration.changed", integration, audit.differences(before, _noted(integration)))


def check_kept_secrets(before: Connection, integration: Integration, given: Set[str]) -> None:
    """Raises ValidationError where stored secrets would be sent to another host than the one they were given for.

    Who may change an address never sees the secrets, and would so have them sent to a host of their own. ``given`` are
    the names of settings and secrets that are said anew, be it with the same value.
    """
    addresses = [field.name for field in integration.provider_code.settings if field.credentials_go_there]
    now = integration.connection()
    moved = [name for name in addresses if _origin(before.setting(name)) != _origin(now.setting(name))]
    kept = sorted(name for name, value in now.secrets.items() if value and name not in {*given, *addresses})
    if moved and kept:
        told = f"setting {moved[0]} leads to another host than before: give the stored secrets anew, or take them away"
        raise ValidationError({"secrets": [f"{told}: {', '.join(kept)}"]})


def _origin(address: str) -> tuple[Any, ...]:
    """Scheme, host and port; what is no address stands for itself."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname, port
    except ValueError:
        return (address,)


def _noted(integration: Integration) -> dict[str, Any]:
    return audit.values(integration, ("provider", *SAID))
