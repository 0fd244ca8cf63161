"""How long units wait: the oldest that no worker has taken, by stage and tier."""

from collections.abc import Mapping
from dataclasses import dataclass

from etl.jobs.units import columns
from etl.jobs.wakeups import OF_ITS_OWN, UNIT_MODELS
from etl.queue.topology import Stage, Tier
from etl.sql import fetch


@dataclass(frozen=True)
class Waiting:
    """In seconds, None where nothing waits.

    ``told``: since workers were told of the oldest unit that none has taken. ``untold``: since the next unit of which
    they are still to be told was last changed; it waits for its turn, for its time, or for a run that is paused.
    """

    told: float | None
    untold: float | None


def waiting() -> Mapping[tuple[Stage, Tier], Waiting]:
    """Two index look-ups an integration and stage, however many units there are."""
    return {(stage, Tier(row[0])): Waiting(*row[1:]) for stage in Stage for row in _of_stage(stage)}


def _of_stage(stage: Stage) -> list[tuple[str, float | None, float | None]]:
    names = columns(UNIT_MODELS[stage])
    pending = f"FROM {names.table} u WHERE u.integration_id = i.id AND u.{names.state} = 'pending'"
    return [
        (tier, told, untold)
        for tier, told, untold in fetch(
            f"""SELECT t.tier, extract(epoch FROM clock_timestamp() - min(told.at))::float,
                    extract(epoch FROM clock_timestamp() - min(untold.at))::float
                FROM integrations i JOIN tenants t ON t.id = i.tenant_id
                LEFT JOIN LATERAL (SELECT u.published_at AS at {pending} AND u.published_at IS NOT NULL
                                   ORDER BY u.published_at LIMIT 1) told ON true
                LEFT JOIN LATERAL (SELECT u.last_updated_at AS at {pending} AND u.published_at IS NULL
                                     AND {OF_ITS_OWN[stage]}
                                   ORDER BY u.id LIMIT 1) untold ON true
                GROUP BY 1""",
            [],
        )
    ]
