"""Verifications: what a site has is compared with what is stored of it, and what differs is repaired.

requested → running → finished / failed. The workers of jobs do it, a few seconds at a time: between two of these other
messages have their turn, and how far it is stands in its row. Messages may be lost, workers may die: `start_due` tells
them again of what waits.
"""

import logging
import time
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from etl.history.watching import LOOK_SECONDS
from etl.jobs import watermarks
from etl.jobs.isolating import isolated
from etl.jobs.states import IllegalTransition
from etl.models import RunKind, Verification
from etl.queue import get_broker
from etl.queue.broker import Outgoing, PublishFailed
from etl.queue.messages import JobMessage
from etl.queue.topology import JOBS_QUEUE
from etl.sql import fetch
from etl.verification import verifying
from integrations.models import Integration
from pulse.tenancy import audit

logger = logging.getLogger(__name__)

JOB_TYPE_ENDING = "_verify"
DEFAULT_HOURS = 24.0
# How long one message is worked on; the next one goes on from there.
SLICE_SECONDS = 5.0
# A verification whose message is lost is queued again after that.
QUEUED_FOR = timedelta(minutes=2)
State = Verification.State
OPEN_STATES = (State.REQUESTED, State.RUNNING)


def request(integration: Integration, *, trigger: str, repairs: bool = False) -> Verification:
    """Has the integration verified by the workers; the verification, which is the open one where there is one.

    With ``repairs``, what differs is repaired too. Raises IllegalTransition where the integration is inactive.
    """
    if not integration.active:
        raise IllegalTransition(f"integration {integration.name} is inactive")
    verification = _open(integration.pk) or _new(integration, trigger, repairs)
    if repairs and not verification.repairs:
        Verification.objects.filter(pk=verification.pk, state__in=OPEN_STATES).update(repairs=True)
    queue(verification)
    verification.refresh_from_db()
    return verification


def _open(integration_id: int) -> Verification | None:
    return Verification.objects.filter(integration_id=integration_id, state__in=OPEN_STATES).first()


def _new(integration: Integration, trigger: str, repairs: bool) -> Verification:
    try:
        with transaction.atomic():
            made = Verification.objects.create(
                tenant_id=integration.tenant_id, integration=integration, trigger=trigger, repairs=repairs
            )
            audit.note("verification.requested", made, {"repairs": [None, repairs]})
            return made
    except IntegrityError:
        # Of two requests at once the second finds what the first made.
        found = _open(integration.pk)
        if found is None:
            raise
        return found


def queue(verification: Verification) -> bool:
    """Tells the workers of one that waits, or whose worker is silent; whether they were told now.

    Moving ``wake_at`` on is the claim: of several that would tell them, one does.
    """
    due = Q(wake_at=None) | Q(wake_at__lte=Now())
    waiting = Verification.objects.filter(due, pk=verification.pk, state__in=OPEN_STATES)
    if not get_broker().delivers_here or not waiting.update(state=State.REQUESTED, wake_at=timezone.now() + QUEUED_FOR):
        return False
    try:
        get_broker().publish([Outgoing(JOBS_QUEUE, _message(verification).encode())])
    except PublishFailed as error:
        Verification.objects.filter(pk=verification.pk, state=State.REQUESTED).update(wake_at=None)
        logger.warning("the queue took no verification, the scheduler will try again: %s", error)
        return False
    return True


def _message(verification: Verification) -> JobMessage:
    integration = verification.integration
    return JobMessage(
        job_id=integration.jobs.order_by("id")[0].pk,
        tenant_id=verification.tenant_id,
        integration_id=integration.pk,
        job_type=f"{integration.provider}{JOB_TYPE_ENDING}",
        unit_id=verification.pk,
        scheduled_at=timezone.now(),
    )


def queue_waiting() -> int:
    """Queues the verifications that wait and were not queued lately, or whose worker is silent; how many."""
    if not get_broker().delivers_here:
        return 0
    waiting = Verification.objects.filter(Q(wake_at=None) | Q(wake_at__lte=Now()), state__in=OPEN_STATES)
    return sum(queue(verification) for verification in waiting.select_related("integration"))


def forget_messages() -> int:
    """For a process that knows that all others are gone: what they queued or had in hand is lost; how many wait."""
    return Verification.objects.filter(state__in=OPEN_STATES).update(wake_at=None)


def start_due() -> int:
    """Requests the verifications whose time has come; how many."""
    if not get_broker().delivers_here:
        return 0
    return sum(_requested(integration) for integration in Integration.objects.filter(pk__in=_due()))


def _requested(integration: Integration) -> bool:
    with isolated(f"the verification of integration {integration.pk} could not be requested"):
        request(integration, trigger="schedule", repairs=True)
        return True
    return False


def _due() -> list[int]:
    """The integrations that are to be verified by their setting ``verify_hours``.

    Counted from the last time, before the first one from the end of the first whole sync that finished. Not while a run
    goes on: what differs could not be repaired.
    """
    rows = fetch(
        """SELECT i.id FROM integrations i JOIN tenants t ON t.id = i.tenant_id AND t.active
           CROSS JOIN LATERAL (SELECT CASE WHEN i.settings ->> 'verify_hours' ~ '^[0-9]+([.][0-9]+)?$'
                                      THEN (i.settings ->> 'verify_hours')::float ELSE %(default)s END AS hours) s
           WHERE i.active AND s.hours > 0
             AND EXISTS (SELECT 1 FROM etl_jobs j WHERE j.integration_id = i.id AND j.active)
             AND NOT EXISTS (SELECT 1 FROM etl_verifications v
                             WHERE v.integration_id = i.id AND v.state IN ('requested', 'running'))
             AND NOT EXISTS (SELECT 1 FROM etl_job_runs r WHERE r.integration_id = i.id AND r.kind <> %(webhook)s
                               AND r.status IN ('RUNNING', 'PAUSED'))
             AND make_interval(secs => s.hours * 3600) + coalesce(
                 (SELECT max(created_at) FROM etl_verifications v WHERE v.integration_id = i.id),
                 (SELECT min(finished_at) FROM etl_job_runs r
                  WHERE r.integration_id = i.id AND r.kind = 'sync' AND r.status = 'FINISHED'
                    AND NOT r.config ?| %(restrictions)s)) <= now()""",
        {"default": DEFAULT_HOURS, "webhook": RunKind.WEBHOOK, "restrictions": list(watermarks.RESTRICTIONS)},
    )
    return [row[0] for row in rows]


def wait_for_end(verification_id: int) -> Verification:
    """Looks at it four times a second until it is over. For commands: it blocks."""
    while True:
        verification = Verification.objects.select_related("integration", "repair").get(pk=verification_id)
        if verification.state not in OPEN_STATES:
            return verification
        time.sleep(LOOK_SECONDS)


def work(verification_id: int) -> None:
    """Works on it for a few seconds; what is left is queued, so that other messages have their turn in between."""
    if verifying.work(verification_id, SLICE_SECONDS):
        queue(Verification.objects.select_related("integration").get(pk=verification_id))


def run(verification: Verification) -> Verification:
    """Does it here and now, as far as it can be done without waiting; what became of it."""
    while verifying.work(verification.pk, SLICE_SECONDS):
        verification.refresh_from_db()
        if verification.wake_at is not None or verification.state not in OPEN_STATES:
            break
    return verification
