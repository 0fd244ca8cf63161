"""Alerts about jobs: runs that failed, jobs that do not start, runs that take far longer than usual."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.conf import settings
from django.utils import timezone

from etl.alerts.findings import Finding, Findings, Key, findings
from etl.history.spans import seconds
from etl.history.times import breaks
from etl.models import Cause, EtlJobRun, RunKind
from etl.models.jobs import JOB_KINDS
from etl.sql import fetch

ERROR_CHARACTERS = 300
# "Usual" is the middle of that many good runs of the same sort, where there are enough to tell.
USUAL_RUNS = 10
FEWEST_RUNS = 3
FAR_LONGER = 3
# Whatever a person keeps from running is not overdue, and fails no more.
_AT_WORK = "j.active AND i.active AND t.active"


@dataclass(frozen=True)
class _Ended:
    """The newest run of a job's kind that came to an end by itself."""

    tenant_id: int
    job_id: int
    job: str
    integration: str
    kind: RunKind
    run_id: int
    failed: bool
    finished_at: datetime
    error: str

    @property
    def key(self) -> Key:
        return self.tenant_id, subject_of(self.job_id, self.kind)


def subject_of(job_id: int, kind: str) -> str:
    """What alerts about a job's runs of that kind say that they are about."""
    return f"job {job_id}" if kind in JOB_KINDS else f"{kind} of job {job_id}"


def failed_runs() -> Findings:
    """Jobs whose newest ended run failed, by kind: a good repair says nothing of the sync.

    A run that failed and is open again (retried) has told nothing yet: its alert stays.
    """
    newest: dict[Key, _Ended] = {}
    for run in sorted(_newest_ended(), key=lambda run: run.finished_at):
        newest[run.key] = run
    open_again = {key for key, run_id in _reopened_runs().items() if key not in newest or run_id > newest[key].run_id}
    failed = [run for run in newest.values() if run.failed and run.key not in open_again]
    return findings([_failure(run) for run in failed], open_again)


def _newest_ended() -> list[_Ended]:
    rows = fetch(
        f"""SELECT j.tenant_id, j.id, j.name, i.name, k.kind, r.id, r.status = 'FAILED', r.finished_at, r.error_message
            FROM etl_jobs j
            JOIN integrations i ON i.id = j.integration_id
            JOIN tenants t ON t.id = j.tenant_id
            CROSS JOIN unnest(%s::text[]) AS k(kind)
            CROSS JOIN LATERAL (
                SELECT * FROM etl_job_runs r WHERE r.job_id = j.id AND r.kind = k.kind
                  AND r.status IN ('FINISHED', 'FAILED') AND r.finished_at IS NOT NULL
                ORDER BY r.finished_at DESC LIMIT 1) r
            WHERE {_AT_WORK}""",
        [RunKind.values],
    )
    return [_Ended(*row) for row in rows]


def _reopened_runs() -> dict[Key, int]:
    """The runs that open alerts are about and that have not ended any more."""
    rows = fetch(
        f"""SELECT a.tenant_id, a.subject, r.id FROM etl_alerts a
            JOIN etl_job_runs r ON r.id = (a.context ->> 'run_id')::bigint
            JOIN etl_jobs j ON j.id = r.job_id
            JOIN integrations i ON i.id = j.integration_id JOIN tenants t ON t.id = j.tenant_id
            WHERE a.cause = %s AND a.resolved_at IS NULL AND r.status NOT IN ('FINISHED', 'FAILED') AND {_AT_WORK}""",
        [Cause.RUN_FAILED],
    )
    return {(tenant_id, subject): run_id for tenant_id, subject, run_id in rows}


def _failure(run: _Ended) -> Finding:
    what = "Run" if run.kind == RunKind.SYNC else f"{RunKind(run.kind).label} run"
    return Finding(
        run.tenant_id,
        subject_of(run.job_id, run.kind),
        f"{what} {run.run_id} of job {run.job} ({run.integration}) failed: {run.error[:ERROR_CHARACTERS]}",
        f"{run.run_id} {run.finished_at.isoformat()}",
        {"job_id": run.job_id, "run_id": run.run_id, "kind": run.kind},
    )


def overdue_jobs() -> Findings:
    """Jobs that were due `settings.OVERDUE_MINUTES` ago and have not started, and syncs that run far too long.

    A job that waits for another run of its integration is not overdue. Far too long is more than three times the median
    of the last ten good syncs of the job that read as much (full ones apart from others), where there were three at
    least; and more than `settings.OVERDUE_MINUTES`. Time in which a run was paused does not count.
    """
    return findings([*_not_started(), *_too_long()])


def _not_started() -> list[Finding]:
    rows = fetch(
        f"""SELECT j.tenant_id, j.id, j.name, i.name, j.next_run, now() - j.next_run FROM etl_jobs j
            JOIN integrations i ON i.id = j.integration_id JOIN tenants t ON t.id = j.tenant_id
            WHERE {_AT_WORK} AND j.status ->> 'overall' IN ('READY', 'FINISHED', 'FAILED')
              AND j.next_run < now() - make_interval(mins => %s)
              AND NOT EXISTS (SELECT 1 FROM etl_job_runs r WHERE r.integration_id = j.integration_id
                AND r.kind = ANY(%s) AND r.status IN ('RUNNING', 'PAUSED'))""",
        [settings.OVERDUE_MINUTES, list(JOB_KINDS)],
    )
    return [
        Finding(
            tenant_id,
            subject_of(job_id, RunKind.SYNC),
            f"Job {job} ({integration}) was due at {due:%Y-%m-%d %H:%M} UTC and has not started for {duration(late)}",
            f"due {due.isoformat()}",
            {"job_id": job_id, "due_at": due.isoformat()},
        )
        for tenant_id, job_id, job, integration, due, late in rows
    ]


def _too_long() -> list[Finding]:
    rows = fetch(
        f"""SELECT j.tenant_id, j.id, j.name, i.name, r.id, ARRAY(
                SELECT b.execution_time FROM etl_job_runs b WHERE b.job_id = j.id AND b.kind = 'sync'
                  AND b.status = 'FINISHED' AND b.finished_at IS NOT NULL AND b.execution_time IS NOT NULL
                  AND coalesce(b.config -> 'full_sync', 'false') = coalesce(r.config -> 'full_sync', 'false')
                ORDER BY b.finished_at DESC LIMIT %s)
            FROM etl_job_runs r JOIN etl_jobs j ON j.id = r.job_id
            JOIN integrations i ON i.id = j.integration_id JOIN tenants t ON t.id = j.tenant_id
            WHERE {_AT_WORK} AND r.status = 'RUNNING' AND r.kind = 'sync'
              AND r.started_at < now() - make_interval(mins => %s)""",
        [USUAL_RUNS, settings.OVERDUE_MINUTES],
    )
    found = []
    for tenant_id, job_id, job, integration, run_id, good in rows:
        usual, since = usual_time(good), _at_work_for(run_id)
        if usual is not None and since > max(usual * FAR_LONGER, timedelta(minutes=settings.OVERDUE_MINUTES)):
            said = f"has been running for {duration(since)}, usually it takes {duration(usual)}"
            message = f"Run {run_id} of job {job} ({integration}) {said}"
            context = {"job_id": job_id, "run_id": run_id, "usual_seconds": round(usual.total_seconds())}
            found.append(Finding(tenant_id, subject_of(job_id, RunKind.SYNC), message, f"run {run_id}", context))
    return found


def _at_work_for(run_id: int) -> timedelta:
    """How long an open run has been at work, by now: as `EtlJobRun.execution_time` counts it of those that ended."""
    run = EtlJobRun.objects.get(pk=run_id)
    return timedelta(seconds=seconds([(run.started_at, timezone.now())], breaks(run)))


def usual_time(lasted: Sequence[float]) -> timedelta | None:
    """How long runs take that took so many seconds; None where they are too few to tell. Pure."""
    return timedelta(seconds=median(lasted)) if len(lasted) >= FEWEST_RUNS else None


def duration(time: timedelta) -> str:
    """In the largest units that say enough: 45 s, 12 min, 3 h 5 min, 2 d 4 h."""
    whole = round(time.total_seconds())
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if not hours:
        return f"{minutes} min"
    return f"{days} d {hours % 24} h" if days else f"{hours} h {minutes % 60} min"
