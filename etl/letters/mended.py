"""Letters of units that a person need not look after any more. One statement a stage, over the open letters only."""

from etl.jobs.adopting import ANSWERED_ANEW
from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.queue.topology import Stage
from etl.sql import execute

# Where a unit stays failed although what it was to bring is there. Its scope was read whole since: the sync that did
# began no later than where the one before it ended well.
_READ_ANEW = {
    Stage.EXTRACTION: """EXISTS (SELECT 1 FROM extraction_checkpoints n
        WHERE n.integration_id = u.integration_id AND n.step = u.step AND n.run_id > u.run_id AND n.scope = u.scope
          AND (u.scope <> '' AND n.watermark IS NOT NULL
               OR u.scope = '' AND n.partition_key = u.partition_key AND n.status = 'completed'))""",
    Stage.TRANSFORM: ANSWERED_ANEW,
    Stage.EMBEDDING: "false",
}


def settle() -> int:
    """Settles the open letters whose unit does not fail any more, or of which all was read anew; how many."""
    return sum(_settle(stage) for stage in Stage)


def _settle(stage: Stage) -> int:
    names = columns(UNIT_MODELS[stage])
    return execute(
        f"""UPDATE etl_dead_letters SET state = 'replayed', settled_at = now(), last_updated_at = now()
            WHERE id IN (
                SELECT d.id FROM etl_dead_letters d JOIN {names.table} u ON u.id = d.unit_id
                WHERE d.state = 'open' AND d.stage = %s AND (u.{names.state} <> 'failed' OR {_READ_ANEW[stage]})
                ORDER BY d.id FOR NO KEY UPDATE OF d SKIP LOCKED)""",
        [stage],
    )
