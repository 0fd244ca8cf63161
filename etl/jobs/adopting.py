"""What a new run takes over of earlier ones that are over: units that wait in it from their first try."""

from collections.abc import Sequence

from etl.jobs import watermarks
from etl.jobs.units import AFRESH
from etl.models import EtlJobRun
from etl.sql import execute

# Whose run is over, and whose step the new run has.
_LEFT_BEHIND = """u.integration_id = %(integration)s AND u.active
    AND u.step IN (SELECT step FROM etl_job_run_steps WHERE run_id = %(run)s)
    AND NOT EXISTS (SELECT 1 FROM etl_job_runs r WHERE r.id = u.run_id AND r.status IN ('RUNNING', 'PAUSED'))"""
# What completes another answer waits with that one, and one that is not complete waits for what does so.
_WHOLE = "u.is_complete AND u.parent_id IS NULL"
# Of an answer u: the same question was asked again, and what came was loaded. Imported ones may say no question.
ANSWERED_ANEW = """(u.external_id <> '' AND EXISTS (SELECT 1 FROM raw_extraction_data n
    WHERE n.integration_id = u.integration_id AND n.entity_type = u.entity_type AND n.external_id = u.external_id
      AND n.id > u.id AND n.processing_status = 'completed'))"""


def adopt_left(run: EtlJobRun) -> None:
    """Makes wait in a new sync what earlier runs left. A restricted one does what it was asked for, and has not all of
    the steps that it could belong to.
    """
    if watermarks.restrictions(run.config):
        return
    _adopt_vectors(run)
    _adopt_answers(run)
    if run.config.get("include_dev_status", True):
        _adopt_followers(run, [step.name for step in run.integration.provider_code.steps if step.follows])


def _into(run: EtlJobRun) -> dict[str, int]:
    return {"run": run.pk, "integration": run.integration_id}


def _adopt_vectors(run: EtlJobRun) -> int:
    """Of those that failed or were cancelled the rows are loaded, so no sync would see them."""
    return execute(
        f"""UPDATE qdrant_vectors u SET run_id = %(run)s, status = 'pending', {AFRESH}
            WHERE {_LEFT_BEHIND} AND u.status IN ('failed', 'cancelled')""",
        _into(run),
    )


def _adopt_answers(run: EtlJobRun) -> int:
    """Those whose transform failed or was cancelled: no sync would ask for them again.

    The watermark may have passed them, and an interrupted scope goes on behind them: so also where the same was asked
    again, which may have been broken off, or have come in other pages. What cannot be loaded would fail each sync: it
    is left once a newer answer was loaded.
    """
    return execute(
        f"""UPDATE raw_extraction_data u SET run_id = %(run)s, processing_status = 'pending', {AFRESH}
            WHERE {_LEFT_BEHIND} AND {_WHOLE} AND (u.processing_status = 'cancelled'
              OR u.processing_status = 'failed' AND NOT {ANSWERED_ANEW})""",
        _into(run),
    )


def _adopt_followers(run: EtlJobRun, steps: Sequence[str]) -> int:
    """What is left of steps whose units come from loaded answers, with its cursor: no sync would make them again.

    Each gets a key of its own: the same page may be loaded once more. One that was adopted before and failed without
    getting any further is left to a person.
    """
    return execute(
        f"""UPDATE extraction_checkpoints u SET run_id = %(run)s, status = 'pending', partition_key = 'left:' || u.id,
                pages = 0, lease_token = NULL, lease_until = NULL, {AFRESH}
            WHERE {_LEFT_BEHIND} AND u.step = ANY(%(steps)s) AND (u.status = 'cancelled'
              OR u.status = 'failed' AND NOT (u.partition_key = 'left:' || u.id AND u.pages = 0))""",
        {**_into(run), "steps": list(steps)},
    )


def adopt_stored(run: EtlJobRun) -> int:
    """Makes all stored answers to the run's steps wait in it, whatever became of them; how many.

    Whoever has one in hand still, of a run that is over, loses it.
    """
    return execute(
        f"""UPDATE raw_extraction_data u SET run_id = %(run)s, processing_status = 'pending', lease_token = NULL,
                lease_until = NULL, {AFRESH}
            WHERE {_LEFT_BEHIND} AND {_WHOLE}""",
        _into(run),
    )
