"""Logos of integrations."""

from django.db import transaction

from integrations.models import Integration, IntegrationLogo
from pulse.pictures import encoded_anew
from pulse.tenancy import audit


def save_logo(integration: Integration, content: bytes) -> IntegrationLogo:
    """Keeps a picture as the integration's logo. Raises ValidationError where it is none that can be kept."""
    encoded, content_type = encoded_anew(content)
    with transaction.atomic():
        logo, made = IntegrationLogo.objects.update_or_create(
            integration=integration,
            defaults={"tenant_id": integration.tenant_id, "content_type": content_type, "content": encoded},
        )
        audit.note("integration.logo_created" if made else "integration.logo_changed", integration)
    return logo


def delete_logo(logo: IntegrationLogo) -> None:
    with transaction.atomic():
        audit.note("integration.logo_deleted", logo.integration)
        logo.delete()
