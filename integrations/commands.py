"""What commands share that are about one integration."""

from django.core.management.base import CommandError

from integrations.models import Integration


def integration_of(integration_id: int) -> Integration:
    """That of ``--integration``. Raises CommandError, which names the option and its value, where there is none."""
    found = Integration.objects.filter(pk=integration_id).first()
    if found is None:
        raise CommandError(f"--integration {integration_id}: there is no such integration")
    return found
