"""Comparing what is wrong now with the alerts that are open: raising, counting anew, resolving.

Of several schedulers one looks at a cause at a time, under an advisory lock, and times come from the database's clock
after the lock was got: what is committed later is later, so a channel that was told until some time misses nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction

from etl.alerts import consumers
from etl.alerts.findings import Finding, Findings, Key, Look
from etl.alerts.jobs import failed_runs, overdue_jobs
from etl.alerts.letters import growing_letters
from etl.models import Alert, Cause
from etl.sql import fetch

logger = logging.getLogger(__name__)

LOOKS: Mapping[Cause, Look] = {
    Cause.RUN_FAILED: failed_runs,
    Cause.JOB_OVERDUE: overdue_jobs,
    Cause.DEAD_LETTERS: growing_letters,
    Cause.NO_CONSUMER: consumers.WATCH,
}


@dataclass
class Looked:
    """What one look did."""

    raised: int = 0
    again: int = 0
    resolved: int = 0


def look_at_all(looks: Mapping[Cause, Look] = LOOKS) -> Looked:
    """Looks at each cause; one that cannot be looked at does not hold up the others."""
    done = Looked()
    for cause, look in looks.items():
        try:
            _look_at(cause, look, done)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("whether there is an alert of %s cannot be told", cause)
    return done


def _look_at(cause: Cause, look: Look, done: Looked) -> None:
    with transaction.atomic():
        rows = fetch("SELECT pg_try_advisory_xact_lock(hashtext('pulse alerts'), hashtext(%s))", [cause])
        if not rows[0][0]:
            return
        found = look()
        now: datetime = fetch("SELECT clock_timestamp()", [])[0][0]
        _settle(cause, found, now, done)


def _settle(cause: Cause, found: Findings, now: datetime, done: Looked) -> None:
    known: dict[Key, Alert] = {
        (alert.tenant_id, alert.subject): alert for alert in Alert.objects.filter(cause=cause, resolved_at=None)
    }
    # An outage raises, and resolves, hundreds at once: the scheduler shall not be held up.
    new = [_raised(cause, finding, now) for key, finding in found.wrong.items() if key not in known]
    done.raised += len(Alert.objects.bulk_create(new))
    for key, finding in found.wrong.items():
        if key in known and known[key].mark != finding.mark:
            _repeat(known[key], finding, now)
            done.again += 1
    over = [alert.pk for key, alert in known.items() if key not in found.wrong and key not in found.unknown]
    done.resolved += Alert.objects.filter(pk__in=over).update(resolved_at=now, last_updated_at=now)


def _raised(cause: Cause, finding: Finding, now: datetime) -> Alert:
    return Alert(
        tenant_id=finding.tenant_id,
        cause=cause,
        subject=finding.subject,
        message=finding.message,
        context=dict(finding.context),
        mark=finding.mark,
        first_at=now,
        last_at=now,
    )


def _repeat(alert: Alert, finding: Finding, now: datetime) -> None:
    alert.message, alert.context, alert.mark = finding.message, dict(finding.context), finding.mark
    alert.occurrences, alert.last_at = alert.occurrences + 1, now
    alert.save(update_fields=["message", "context", "mark", "occurrences", "last_at", "last_updated_at"])
