"""Alerts about work that nobody takes: a tier's stage with waiting units and no consumer."""

import time
from collections.abc import Callable

from etl.alerts.findings import Finding, Findings, Key, findings
from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import Alert, Cause
from etl.queue import get_broker
from etl.queue.topology import Stage, Tier, queue_for
from etl.sql import fetch

# Workers come and go; so long nobody is to be missed.
MISSED_SECONDS = 60
_STAGES = {queue_for(stage, tier): (stage, tier) for stage in Stage for tier in Tier}


class ConsumerWatch:
    """Remembers since when each queue has no consumer. One a process: a scheduler that begins counts anew.

    Whoever wants its findings is in a transaction, in which nobody shall wait for a server: it is asked before.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked_at = clock()
        self._since: dict[str, float] = {}
        self._answered = False

    def ask(self) -> None:
        """Asks which queues have no consumer. Raises BrokerUnavailable: until it is asked again nothing is known."""
        self._answered = False
        now = self._clock()
        # Where nobody answered for so long, nothing is known of the time between.
        before = self._since if now - self._asked_at < MISSED_SECONDS else {}
        counts = {queue: get_broker().counts(queue) for queue in _STAGES}
        self._since = {queue: before.get(queue, now) for queue in counts if not counts[queue].consumer_count}
        self._asked_at, self._answered = now, True

    def __call__(self) -> Findings:
        """The tenants whose units wait for nobody. Of a queue that is not missed long enough, nothing can be told."""
        if not self._answered:
            return Findings(unknown=_open_keys())
        wrong: list[Finding] = []
        unknown: set[Key] = set()
        for queue, since in self._since.items():
            stage, tier = _STAGES[queue]
            found = [_finding(stage, tier, tenant_id) for tenant_id in _waiting(stage, tier)]
            if self._asked_at - since >= MISSED_SECONDS:
                wrong += found
            else:
                unknown |= {finding.key for finding in found}
        return findings(wrong, unknown)


WATCH = ConsumerWatch()


def _open_keys() -> set[Key]:
    rows = Alert.objects.filter(cause=Cause.NO_CONSUMER, resolved_at=None)
    return set(rows.values_list("tenant_id", "subject"))


def _waiting(stage: Stage, tier: Tier) -> list[int]:
    """The tenants of a tier that have units of the stage which wait."""
    names = columns(UNIT_MODELS[stage])
    rows = fetch(
        f"""SELECT t.id FROM tenants t WHERE t.tier = %s AND t.active AND EXISTS (
                SELECT 1 FROM integrations i JOIN {names.table} u ON u.integration_id = i.id
                JOIN etl_job_runs r ON r.id = u.run_id AND r.status = 'RUNNING'
                WHERE i.tenant_id = t.id AND u.{names.state} = 'pending')
            ORDER BY t.id""",
        [tier],
    )
    return [row[0] for row in rows]


def _finding(stage: Stage, tier: Tier, tenant_id: int) -> Finding:
    return Finding(
        tenant_id,
        f"tier {tier}, {stage}",
        f"Work waits at {stage}, and no worker of tier {tier} takes it",
        queue_for(stage, tier),
        {"tier": tier, "stage": stage, "command": f"run_worker {stage} --tier {tier}"},
    )
