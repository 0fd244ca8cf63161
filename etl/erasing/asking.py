"""What people ask for: that a connection or a tenant goes with all its data, or only comes to rest."""

from django.db import transaction

from etl.erasing.plan import INTEGRATION
from etl.jobs import lifecycle
from etl.jobs.states import IllegalTransition
from etl.models import EtlJob, EtlJobRun, Overall
from etl.models.jobs import UNDER_WAY
from integrations.models import Integration, IntegrationToken
from integrations.saving import save_integration
from pulse.tenancy import audit
from pulse.tenancy.models import Erasure, Tenant


def under_way(tenant_id: int, integration_id: int | None) -> Erasure | None:
    """The erasure of that connection, or of the tenant where it is None, that has not ended."""
    asked = Erasure.objects.filter(tenant_id=tenant_id, state=Erasure.State.RUNNING)
    return asked.filter(**{INTEGRATION: integration_id}).first()


def disconnect(integration: Integration) -> None:
    """Switches it off, forgets its secrets and ends its runs. What it brought stays."""
    with transaction.atomic():
        known = Integration.objects.select_for_update(no_key=True).get(pk=integration.pk)
        known.active, known.secrets = False, {}
        save_integration(known)
        IntegrationToken.objects.filter(integration=known).delete()
    for run in EtlJobRun.objects.filter(integration=integration, status__in=(Overall.READY, *UNDER_WAY)):
        try:
            lifecycle.stop_run(run.pk)
        except IllegalTransition:
            # It has ended by itself.
            continue


def erase_integration(integration: Integration, *, by: str) -> Erasure:
    """Disconnects it now; workers delete what came of it, and itself at last. Asking twice is asking once."""
    disconnect(integration)
    with transaction.atomic():
        Tenant.objects.select_for_update(no_key=True).get(pk=integration.tenant_id)
        if known := under_way(integration.tenant_id, integration.pk):
            return known
        EtlJob.objects.filter(integration=integration).update(active=False)
        audit.note("integration.erase_asked", integration, {"name": [integration.name, None]})
        return Erasure.objects.create(
            tenant_id=integration.tenant_id, integration_id=integration.pk, name=integration.name, asked_by=by
        )


def deactivate(tenant: Tenant) -> None:
    """None of its people logs in, and none of its jobs runs any more; its connections forget their secrets."""
    with transaction.atomic():
        if Tenant.objects.filter(pk=tenant.pk, active=True).update(active=False):
            audit.note("tenant.changed", tenant, {"active": [True, False]})
    for integration in Integration.objects.filter(tenant=tenant):
        disconnect(integration)


def erase_tenant(tenant: Tenant, *, by: str) -> Erasure:
    """Deactivates it now; workers delete all that is its, and itself at last. Asking twice is asking once."""
    deactivate(tenant)
    with transaction.atomic():
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        if known := under_way(tenant.pk, None):
            return known
        return Erasure.objects.create(tenant=tenant, name=tenant.name, asked_by=by)
