"""A run's figures, summed from its units when it is over."""

import resource

from django.utils import timezone

from etl.history.counting import counts
from etl.history.spans import seconds
from etl.history.times import breaks, spans_of
from etl.jobs import identity
from etl.jobs.units import columns
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import EtlJobRun, EtlJobRunStep, QuarantinedRecord
from etl.queue.topology import Stage
from etl.sql import fetch


def sum_up(run: EtlJobRun) -> None:
    """Sums the figures of a run that is over from its units. The caller saves it."""
    steps = list(EtlJobRunStep.objects.filter(run=run))
    counted = [one for stages in counts(run.pk).values() for one in stages.items()]
    stood_still, ended = breaks(run), run.finished_at or timezone.now()
    run.execution_time = seconds([(run.started_at, ended)], stood_still)
    run.stage_seconds = {
        stage.value: round(seconds(spans_of(steps, stage, ended), stood_still), 3)
        for stage in Stage
        if any(stage.value in step.times for step in steps)
    }
    run.memory_usage = _peak_memory(run.pk)
    run.records_processed = sum(found.amount for stage, found in counted if stage is Stage.TRANSFORM)
    # Not the answers: those of some were fetched by earlier runs.
    run.api_calls_made = sum(found.amount for stage, found in counted if stage is Stage.EXTRACTION)
    run.vectorization_queued = sum(found.total for stage, found in counted if stage is Stage.EMBEDDING)
    run.errors_encountered = sum(found.failed for _, found in counted)
    run.quarantined = QuarantinedRecord.objects.filter(run=run, resolved_at=None).count()
    run.warning = "; ".join(_warnings(run))
    run.error_message = _first_error(run.pk) if run.errors_encountered else ""


def _peak_memory(run_id: int) -> float:
    """The highest peak, in MiB, of the workers that have units of the run; this process's own where none is known."""
    workers = " UNION ".join(
        f"SELECT worker_id FROM {columns(model).table} WHERE run_id = %(run)s" for model in UNIT_MODELS.values()
    )
    rows = fetch(f"SELECT id, peak_mib FROM workers WHERE id IN ({workers})", {"run": run_id})
    peaks = [peak for _, peak in rows if peak is not None]
    # The heartbeat that told this process's peak may be a while ago.
    if not peaks or identity.current() in [row_id for row_id, _ in rows]:
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return round(float(max(peaks)), 1)


def _first_error(run_id: int) -> str:
    for model in UNIT_MODELS.values():
        names = columns(model)
        rows = fetch(
            f"SELECT coalesce(error_details ->> 'error', '') FROM {names.table}"
            f" WHERE run_id = %s AND {names.state} = 'failed' ORDER BY id LIMIT 1",
            [run_id],
        )
        if rows:
            return str(rows[0][0])
    return ""


def _warnings(run: EtlJobRun) -> list[str]:
    warnings = [
        str(row[0])
        for row in fetch(
            "SELECT DISTINCT message FROM etl_job_events WHERE run_id = %s AND level = 'warning' ORDER BY 1 LIMIT 5",
            [run.pk],
        )
    ]
    if run.quarantined:
        warnings.append(f"{run.quarantined} records are in quarantine")
    return warnings
