"""Keeping a tenant's channels: what people say of them, and their keys."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from custommapping.errors import Refused
from custommapping.names import name_problem, shown
from etl.mapping.changing import as_seen
from etl.models import AlertChannel
from pulse.tenancy import audit
from pulse.tenancy.models import Tenant

logger = logging.getLogger(__name__)

LONGEST_NAME = 200
KEY = "key"


def save_channel(
    tenant: Tenant,
    said: Mapping[str, Any],
    *,
    by: str,
    known: AlertChannel | None = None,
    seen: datetime | None = None,
) -> AlertChannel:
    """Makes a channel of the tenant, or makes of the ``known`` one what is said; what is left out stays.

    "key" is the signing key, None or empty for none. ``seen`` is when the known one was last updated as who saves saw
    it. Raises Refused, Outdated, and Django's ValidationError.
    """
    with transaction.atomic():
        # Of two at once the second finds what the first said.
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        channel = as_seen(tenant.pk, known, seen) if known else AlertChannel(tenant=tenant)
        before = _noted(channel) if known else {}
        for name, value in said.items():
            if name == KEY:
                channel.secrets = {KEY: value} if value else {}
            else:
                setattr(channel, name, value)
        if problem := _name_problem(channel):
            raise Refused({"name": problem})
        channel.full_clean(exclude=["tenant"], validate_unique=False, validate_constraints=False)
        channel.save()
        audit.note("alert_channel.saved", channel, audit.differences(before, _noted(channel)))
    logger.info("alert channel %s of tenant %s saved by %s", channel.pk, tenant.pk, by)
    return channel


def _noted(channel: AlertChannel) -> dict[str, Any]:
    """As the audit log may tell it: a webhook's path is often its password, and where that changes is told by it."""
    told = audit.values(channel, ("name", "kind", "causes", "active"))
    return {**told, "target": channel.shown_target, "secrets": {**channel.secrets, "address": channel.target}}


def _name_problem(channel: AlertChannel) -> str | None:
    if problem := name_problem(channel.name, LONGEST_NAME):
        return problem
    others = AlertChannel.objects.filter(tenant_id=channel.tenant_id, name=channel.name).exclude(pk=channel.pk or 0)
    return f"there is a channel {shown(channel.name)} already" if others.exists() else None


def delete_channel(channel: AlertChannel, *, by: str) -> None:
    """And with it what it was told."""
    pk = channel.pk
    with transaction.atomic():
        audit.note("alert_channel.deleted", channel, audit.differences(_noted(channel), {}))
        channel.delete()
    logger.info("alert channel %s of tenant %s deleted by %s", pk, channel.tenant_id, by)
