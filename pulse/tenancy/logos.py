"""Logos of tenants."""

from django.db import transaction

from pulse.pictures import encoded_anew
from pulse.tenancy import audit
from pulse.tenancy.models import Tenant, TenantLogo


def save_logo(tenant: Tenant, content: bytes) -> None:
    """Keeps a picture as the tenant's logo. Raises ValidationError where it is none that can be kept."""
    encoded, content_type = encoded_anew(content)
    kept = {"content_type": content_type, "content": encoded}
    with transaction.atomic():
        _, made = TenantLogo.objects.update_or_create(tenant=tenant, defaults=kept)
        audit.note("tenant.logo_created" if made else "tenant.logo_changed", tenant)


def delete_logo(tenant: Tenant) -> None:
    """Nothing is done where there is none."""
    with transaction.atomic():
        if TenantLogo.objects.filter(tenant=tenant).delete()[0]:
            audit.note("tenant.logo_deleted", tenant)
