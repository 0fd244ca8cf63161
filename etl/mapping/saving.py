"""Saving which custom field fills which column, and having it applied to what is loaded already."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import OperationalError, transaction
from django.db.models.functions import Now

from custommapping.errors import Outdated
from custommapping.mapping import checked, columns_of, find_mapping, reference
from custommapping.models import MAPPED_COLUMNS, CustomField, CustomFieldMapping
from etl.mapping import retransform
from etl.models import EtlJob, EtlJobRun
from etl.transform import categories
from integrations.models import Integration
from pulse.tenancy import audit

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Saved:
    """``run`` applies the mapping to what is loaded; None where nothing is to be done, or the job is not free yet."""

    mapping: CustomFieldMapping | None
    version: int
    run: EtlJobRun | None


def save_mapping(integration: Integration, columns: Mapping[str, str | None], *, version: int, by: str) -> Saved:
    """Makes these columns, with the source ids of their fields, the integration's whole mapping.

    ``version`` is that of the mapping which the caller saw, 0 where there was none; ``by`` says who saves. What is the
    same already is not saved. Raises Refused, and Outdated where somebody else saved since.
    """
    job = integration.jobs.order_by("id")[0]
    with transaction.atomic():
        # The lock before the job: whoever has the job may wait for a load that has the lock.
        categories.lock(integration.pk, exclusive=True)
        saved, changed = _save(integration, columns, version)
        if not changed:
            return saved
        EtlJob.objects.filter(pk=job.pk).update(retransform_due_at=Now())
    logger.info("the mapping of integration %s is at version %s, saved by %s", integration.pk, saved.version, by)
    return Saved(saved.mapping, saved.version, _applying(job, by))


def seen_version(row: CustomFieldMapping | None, version: int) -> int:
    """The row's version, 0 where there is none. Raises Outdated where that is not the one which the caller saw."""
    known = row.version if row else 0
    if version != known:
        raise Outdated({"version": f"the mapping is at version {known} by now, and you saw version {version}"})
    return known


def _save(integration: Integration, columns: Mapping[str, str | None], version: int) -> tuple[Saved, bool]:
    """What stands now, and whether that is another mapping than before."""
    row = find_mapping(integration.tenant_id, integration.pk)
    known = seen_version(row, version)
    chosen = checked(integration, columns)
    stands = columns_of(row)
    if chosen == stands:
        return Saved(row, known, None), False
    saved = _written(integration, chosen, known + 1)
    audit.note("field_mapping.saved", saved, audit.differences(_sources(stands), _sources(chosen)))
    return Saved(saved, known + 1, None), True


def _sources(columns: Mapping[str, CustomField]) -> dict[str, str]:
    return {column: field.external_id for column, field in columns.items()}


def _written(integration: Integration, chosen: Mapping[str, CustomField], version: int) -> CustomFieldMapping:
    fields = {reference(column): chosen.get(column) for column in MAPPED_COLUMNS}
    row, _ = CustomFieldMapping.objects.update_or_create(
        tenant_id=integration.tenant_id,
        integration=integration,
        defaults={**fields, "version": version, "active": True},
    )
    return row


def _applying(job: EtlJob, by: str) -> EtlJobRun | None:
    """The mapping is saved, whatever comes now: what could not be started is due, and the scheduler will start it."""
    try:
        return retransform.start_due(job.pk, trigger=f"mapping saved by {by}"[:50])
    except OperationalError as error:
        logger.warning("the re-transform of job %s will be started later: %s", job.pk, error)
        return None
