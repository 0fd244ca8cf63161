"""When each job is due: by its cron expression, its interval, or its turn among its tenant's jobs.

It is derived from the jobs and their last runs, again and again, and written where it is shown (``next_run``): changed
settings, new jobs and lost events need nothing of their own. What a person wrote there stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import transaction

from etl.jobs.isolating import isolated
from etl.jobs.job_settings import Plan, plan_of
from etl.models import Overall
from etl.schedule.turns import TURN, Candidate, Rhythm, Turn, next_turn
from etl.sql import execute, fetch

# Those that nothing keeps from running again by themselves; others wait for a person, or for their end.
ENDED = (Overall.FINISHED, Overall.FAILED)


@dataclass(frozen=True)
class Seen:
    """A job as the schedule sees it.

    ``busy``: its integration has an open run. ``sync_ended`` is the end of its last sync. ``turn_began`` is the
    beginning of its last run that had its turn, ``turn_ended`` when that ended or let the turn go, None while it holds
    it. Nothing has happened to it since ``touched``: neither a run, nor a person's word.
    """

    job_id: int
    tenant_id: int
    order: int
    active: bool
    overall: Overall
    busy: bool
    plan: Plan
    rhythm: Rhythm
    touched: datetime
    next_run: datetime | None
    scheduled_run: datetime | None
    sync_ended: datetime | None
    turn_began: datetime | None
    turn_ended: datetime | None

    @property
    def place(self) -> tuple[int, int]:
        return self.order, self.job_id

    @property
    def is_scheduled(self) -> bool:
        """Whether it is the schedule that says when the job is due, and no person."""
        return self.next_run in (None, self.scheduled_run)

    @property
    def awaits_turn(self) -> bool:
        """Whether it could have its turn next."""
        return self.active and self.plan.has_turns and self.overall in ENDED and self.is_scheduled and not self.busy

    @property
    def begins_turn(self) -> bool:
        """Whether workers were told of its turn, and have not begun it yet."""
        told = self.active and self.plan.has_turns and self.overall == Overall.READY
        return told and self.next_run is not None and self.is_scheduled and not self.busy


def write_next_runs() -> int:
    """Brings ``next_run`` of all jobs up to date; how many changed. Any number of schedulers may do it at once."""
    written = 0
    for tenant_id, jobs in groupby(read_jobs(), key=lambda job: job.tenant_id):
        with isolated(f"when the jobs of tenant {tenant_id} are due cannot be told"):
            if _changes(list(jobs)):
                written += _write_alone(tenant_id)
    return written


def alone(tenant_id: int) -> bool:
    """Whether no other scheduler sees to the tenant's jobs until the end of this transaction.

    What it read before, another one may have seen to since: it is to be read again.
    """
    return bool(fetch("SELECT pg_try_advisory_xact_lock(hashtext('pulse timetable'), %s)", [tenant_id])[0][0])


def _write_alone(tenant_id: int) -> int:
    with transaction.atomic():
        return write_next_runs_of(tenant_id) if alone(tenant_id) else 0


def write_next_runs_of(tenant_id: int) -> int:
    """The same for one tenant, by who is `alone` with its jobs."""
    return sum(_write(job, due) for job, due in _changes(read_jobs(tenant_id)))


def _changes(jobs: Sequence[Seen]) -> list[tuple[Seen, datetime | None]]:
    return [(job, due) for job, due in due_times(jobs) if due != job.next_run]


def has_turn_under_way(tenant_id: int) -> bool:
    """Whether a run of the tenant's holds its turn."""
    last = _last_turn(read_jobs(tenant_id))
    return last is not None and last.ended is None


def due_times(jobs: Sequence[Seen]) -> list[tuple[Seen, datetime | None]]:
    """When the schedule has the jobs of a tenant run next; without those of which it has nothing to say. Pure."""
    turn = _turn(jobs)
    free = [job for job in jobs if job.is_scheduled and job.overall != Overall.READY]
    return [(job, _by_plan(job) if not job.plan.has_turns else turn.get(job.job_id)) for job in free]


def _turn(jobs: Sequence[Seen]) -> dict[int, datetime]:
    """The job whose turn is next, and when it is; none while one has it."""
    if not jobs or any(job.begins_turn for job in jobs):
        return {}
    candidates = [Candidate(job.place, job.sync_ended) for job in jobs if job.awaits_turn and job.sync_ended]
    found = next_turn(candidates, _last_turn(jobs), jobs[0].rhythm)
    if found is None:
        return {}
    (_, job_id), due = found[0].place, found[1]
    return {job_id: due}


def _last_turn(jobs: Sequence[Seen]) -> Turn | None:
    """Also of a job that is inactive by now: the one behind it is next. By beginnings, for a run may be retried."""
    began = [(job.turn_began, job.place, job.turn_ended) for job in jobs if job.turn_began and job.plan.has_turns]
    if not began:
        return None
    _, place, ended = max(began)
    return Turn(place, ended)


def _by_plan(job: Seen) -> datetime | None:
    """By the job's own plan. Times that went by while it ran, or could not, are not made up for."""
    if not job.active:
        return None
    if not job.plan.cron:
        interval = timedelta(minutes=job.plan.interval_minutes or 0)
        return job.sync_ended + interval if job.sync_ended and job.overall in ENDED else None
    # Who gave it has said when the first run is to be.
    if job.overall not in (*ENDED, Overall.NOT_STARTED):
        return None
    return job.next_run if job.next_run and job.plan.means(job.next_run) else job.plan.next_time(job.touched)


def _write(job: Seen, due: datetime | None) -> bool:
    """Where nothing has happened to the job since it was read."""
    return bool(
        execute(
            """UPDATE etl_jobs SET next_run = %(due)s, scheduled_run = %(due)s, last_updated_at = now()
               WHERE id = %(job)s AND next_run IS NOT DISTINCT FROM %(seen)s AND status ->> 'overall' = %(overall)s""",
            {"job": job.job_id, "due": due, "seen": job.next_run, "overall": job.overall},
        )
    )


def read_jobs(tenant_id: int | None = None) -> list[Seen]:
    """All jobs, tenant by tenant, or those of one.

    A run that is paused, or whose job is inactive, has let its turn go.
    """
    rows = fetch(
        """SELECT j.id, j.tenant_id, j."order", j.active AND t.active, j.status ->> 'overall',
                  EXISTS (SELECT 1 FROM etl_job_runs o WHERE o.integration_id = j.integration_id
                          AND o.kind IN ('sync', 'reprocess') AND o.status IN ('RUNNING', 'PAUSED')),
                  j.settings::text, t.job_gap_minutes, t.cycle_minutes,
                  greatest(j.last_updated_at, t.last_updated_at), j.next_run, j.scheduled_run,
                  coalesce(s.finished_at, s.last_updated_at), u.started_at,
                  CASE WHEN u.status <> 'RUNNING' OR NOT j.active THEN coalesce(u.finished_at, u.last_updated_at) END
           FROM etl_jobs j JOIN tenants t ON t.id = j.tenant_id
           LEFT JOIN LATERAL (SELECT finished_at, last_updated_at FROM etl_job_runs
                              WHERE job_id = j.id AND kind = 'sync'
                              ORDER BY id DESC LIMIT 1) s ON true
           LEFT JOIN LATERAL (SELECT status, started_at, finished_at, last_updated_at FROM etl_job_runs
                              WHERE job_id = j.id AND kind = 'sync' AND trigger = %(turn)s
                              ORDER BY id DESC LIMIT 1) u ON true
           WHERE j.tenant_id = %(tenant)s OR %(tenant)s::bigint IS NULL
           ORDER BY j.tenant_id""",
        {"turn": TURN, "tenant": tenant_id},
    )
    return [_seen(*row) for row in rows]


def _seen(
    job_id: int,
    tenant_id: int,
    order: int,
    active: bool,
    overall: str | None,
    busy: bool,
    settings: str,
    gap: int,
    cycle: int,
    *times: Any,
) -> Seen:
    rhythm = Rhythm(timedelta(minutes=gap), timedelta(minutes=cycle))
    state = Overall(overall or Overall.NOT_STARTED)
    return Seen(job_id, tenant_id, order, active, state, busy, plan_of(settings), rhythm, *times)
