"""What people say of integrations: their names, settings and secrets. Checked here for the API and the commands."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction

from integrations.models import Integration
from integrations.registry import get_provider, provider_names
from integrations.saving import check_kept_secrets, save_integration
from pulse.tenancy.models import Tenant

logger = logging.getLogger(__name__)

Texts = Mapping[str, str | None]


@dataclass(frozen=True)
class Said:
    """What is to be so. None is not said: it stays. A setting or secret that is None or empty is taken away."""

    name: str | None = None
    active: bool | None = None
    settings: Texts = field(default_factory=dict)
    secrets: Texts = field(default_factory=dict, repr=False)

    @property
    def given(self) -> set[str]:
        """The names of settings and secrets with a text."""
        return {name for name, text in {**self.settings, **self.secrets}.items() if text and text.strip()}


def create(tenant: Tenant, provider: str, said: Said, *, by: str) -> Integration:
    """A new integration, with its job. Raises ValidationError, by field."""
    integration = Integration(tenant=tenant, provider=provider.lower())
    with transaction.atomic():
        _alone(tenant.pk)
        _take_over(integration, said)
        _check(integration)
        save_integration(integration)
    logger.info("integration %s with %s made by %s", integration.pk, integration.provider, by)
    return integration


def change(known: Integration, said: Said, *, by: str) -> Integration:
    """Makes of an integration what is said; the rest stays. Raises ValidationError, by field."""
    with transaction.atomic():
        _alone(known.tenant_id)
        integration = Integration.objects.select_for_update(no_key=True).get(pk=known.pk)
        before = integration.connection()
        _take_over(integration, said)
        # One that is switched off calls nobody, and may have been right for an earlier version of its provider.
        if said != Said(active=False):
            _check(integration)
            check_kept_secrets(before, integration, said.given)
        save_integration(integration)
    logger.info("integration %s changed by %s", integration.pk, by)
    return integration


def secret_names(integration: Integration) -> set[str]:
    """The settings that are encrypted, however they are given: those declared so, and those once stored so."""
    stored = set(integration.secrets)
    if integration.provider not in provider_names():
        return stored
    return stored | {field.name for field in get_provider(integration.provider).settings if field.secret}


def _alone(tenant_id: int) -> None:
    """Of two at once that say the same name, the second finds the first's."""
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)


def _take_over(integration: Integration, said: Said) -> None:
    if said.name is not None:
        integration.name = said.name
    if said.active is not None:
        integration.active = said.active
    secret = secret_names(integration)
    for name, text in {**said.settings, **said.secrets}.items():
        target = integration.secrets if name in secret or name in said.secrets else integration.settings
        if text and text.strip():
            target[name] = text
        else:
            target.pop(name, None)


def _check(integration: Integration) -> None:
    """Raises ValidationError: what is wrong with settings or secrets, which only together can be right, as settings."""
    # First: the settings of an unknown provider cannot be checked.
    integration.clean_fields()
    try:
        integration.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        told = {"settings" if name == NON_FIELD_ERRORS else name: said for name, said in error.message_dict.items()}
        raise ValidationError(told) from error
    others = Integration.objects.filter(tenant_id=integration.tenant_id, name=integration.name)
    if others.exclude(pk=integration.pk or 0).exists():
        raise ValidationError({"name": [f"the tenant has an integration {integration.name!r} already"]})
