"""What a repair run does: it compares a cheap listing with the rows, and has what differs fetched again.

What the listing lacks is fetched by its id too: only an answer that does not give it makes it gone. Where that much is
absent that a lost permission is likelier than so many deletions, nothing of it is asked for, and the run warns; so it
does of a project that the site does not show any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from custommapping.fields import fields_by_column
from custommapping.models import Authority
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, EtlJobRunStep, StageState
from etl.models.code import MENTION
from etl.sql import execute, fetch
from integrations.provider import ItemRef, PlanContext, ProjectRef

DEFAULT_HOURS = 24.0
# More absent items than this share of those that should be there are not believed.
BELIEVED_SHARE = 0.05
REREAD_AFTER_DAYS = 7
REREAD_AT_MOST = 500


@dataclass(frozen=True)
class Absence:
    """What a listing lacks of one project: ``absent`` are source ids, ``active`` counts all that should be there."""

    project: str
    active: int
    absent: Sequence[str]

    @property
    def is_whole(self) -> bool:
        return len(self.absent) == self.active


def items_to_fetch(run: EtlJobRun, projects: Sequence[ProjectRef]) -> list[str]:
    """The source ids of the items of which the run's listing says something else than the rows."""
    _warn_of_unseen(run, projects)
    absences = _absences(run, _wholly_listed(run, projects))
    return sorted({*_differing(run), *_believed(run, absences)})


def _differing(run: EtlJobRun) -> list[str]:
    """Listed items that are unknown, gone, moved, renamed, in another status, of another date, or in quarantine."""
    rows = fetch(
        """SELECT l.external_id FROM etl_listed_items l
           LEFT JOIN work_items w ON w.tenant_id = %(tenant)s AND w.integration_id = %(integration)s
                AND w.external_id = l.external_id
           LEFT JOIN projects p ON p.id = w.project_id LEFT JOIN statuses s ON s.id = w.status_id
           WHERE l.run_id = %(run)s AND (w.id IS NULL OR NOT w.active OR w.updated <> l.updated
             OR (w.key, p.external_id, s.external_id)
                <> (l.key, l.project_external_id, l.status_external_id)
             OR EXISTS (SELECT 1 FROM quarantined_records q WHERE q.tenant_id = %(tenant)s
                          AND q.integration_id = %(integration)s AND q.table_name = 'work_items'
                          AND q.external_id = l.external_id AND q.resolved_at IS NULL))""",
        {"run": run.pk, "tenant": run.tenant_id, "integration": run.integration_id},
    )
    return [row[0] for row in rows]


def _wholly_listed(run: EtlJobRun, projects: Sequence[ProjectRef]) -> list[str]:
    """The projects all of whose listing came and was taken over; none where an answer could not be."""
    provider = run.integration.provider_code
    if EtlJobRunStep.objects.filter(run=run, step=provider.listing_step, transform=StageState.FAILED).exists():
        return []
    rows = fetch(
        """SELECT coalesce(nullif(scope, ''), partition_key) FROM extraction_checkpoints WHERE run_id = %s AND step = %s
           GROUP BY 1 HAVING bool_and(status = 'completed')""",
        [run.pk, provider.listing_step],
    )
    complete = {row[0] for row in rows}
    return [project.external_id for project in projects if (asked := _parts(run, project)) and asked <= complete]


def _parts(run: EtlJobRun, project: ProjectRef) -> set[str]:
    """The parts of the listing that are the project's: the provider's own matter. Planning makes no call."""
    provider, connection = run.integration.provider_code, run.integration.connection()
    planned = provider.plan(provider.listing_step, connection, PlanContext(projects=[project]))
    return {partition.scope or partition.key for partition in planned}


def _warn_of_unseen(run: EtlJobRun, projects: Sequence[ProjectRef]) -> None:
    """Of projects that are to be read, and that the site did not list: all of their items are absent."""
    rows = fetch(
        """SELECT p.external_id, p.key, count(*) FROM work_items w JOIN projects p ON p.id = w.project_id
           WHERE w.tenant_id = %s AND w.integration_id = %s AND w.active AND p.active AND NOT p.archived
             AND p.authority = %s AND p.external_id <> ALL(%s) GROUP BY 1, 2 ORDER BY 1""",
        [run.tenant_id, run.integration_id, Authority.LISTED, [project.external_id for project in projects]],
    )
    for external_id, key, count in rows:
        if _parts(run, ProjectRef(external_id, key)):
            _warn(run, f"project {key} is not listed any more: none of its {count} items is taken for deleted")


def _absences(run: EtlJobRun, projects: Sequence[str]) -> list[Absence]:
    """Without what was not yet there when the listing began, and what is too old to be listed."""
    rows = fetch(
        """SELECT p.external_id, count(*),
                  coalesce(array_agg(w.external_id) FILTER (WHERE l.external_id IS NULL), '{}')
           FROM work_items w JOIN projects p ON p.id = w.project_id
           LEFT JOIN etl_listed_items l ON l.run_id = %(run)s AND l.external_id = w.external_id
           WHERE w.tenant_id = %(tenant)s AND w.integration_id = %(integration)s AND w.active
             AND p.external_id = ANY(%(projects)s) AND w.created_at < %(begun)s
             AND (%(start)s::date IS NULL OR w.updated >= %(start)s::date + interval '2 days')
           GROUP BY p.external_id ORDER BY p.external_id""",
        {
            "run": run.pk,
            "tenant": run.tenant_id,
            "integration": run.integration_id,
            "projects": list(projects),
            "begun": run.started_at,
            # A day begins when it does in the zone of the account.
            "start": run.integration.connection().setting("start_date") or None,
        },
    )
    return [Absence(*row) for row in rows]


def _believed(run: EtlJobRun, absences: Sequence[Absence]) -> list[str]:
    """The absent items that may well be gone; warns of the others."""
    absent, active = sum(len(one.absent) for one in absences), sum(one.active for one in absences)
    if absent > active * BELIEVED_SHARE:
        _warn(run, f"{absent} of {active} items are absent from the listing: none of them is taken for deleted")
        return []
    for one in absences:
        if one.is_whole:
            _warn(
                run,
                f"all {one.active} items of project {one.project} are absent from the listing:"
                " none of them is taken for deleted",
            )
    return [item for one in absences if not one.is_whole for item in one.absent]


def _warn(run: EtlJobRun, message: str) -> None:
    EtlJobEvent.objects.create(
        tenant_id=run.tenant_id,
        run=run,
        level="warning",
        stage="extraction",
        step=run.integration.provider_code.items_step,
        message=message,
    )


def items_to_reread(run: EtlJobRun) -> list[ItemRef]:
    """Open items with development data that was read long ago, the oldest first: no update of theirs tells of it.

    Those too of which nothing came when they were asked for: that may have been refused. The development field may be
    known and not mapped; one that shows nothing reads '{}'.
    """
    rows = fetch(
        """SELECT w.external_id, w.key FROM work_items w JOIN statuses s ON s.id = w.status_id
           LEFT JOIN statuses_mappings m ON m.tenant_id = s.tenant_id AND m.integration_id = s.integration_id
                AND m.status_external_id = s.external_id AND m.active
           WHERE w.tenant_id = %(tenant)s AND w.integration_id = %(integration)s AND w.active
             AND coalesce(m.category, s.category, '') <> 'Done'
             AND (w.dev_status_read_at IS NOT NULL
                  OR coalesce(w.code_changed, w.custom_fields_overflow ->> %(field)s, '') NOT IN ('', '{}')
                  OR EXISTS (SELECT 1 FROM work_items_prs_links k
                             WHERE k.work_item_id = w.id AND k.source <> %(mention)s))
             AND coalesce(w.dev_status_read_at, '-infinity') < now() - make_interval(days => %(days)s)
           ORDER BY w.dev_status_read_at NULLS FIRST, w.id LIMIT %(most)s""",
        {
            "tenant": run.tenant_id,
            "integration": run.integration_id,
            "field": fields_by_column(run.integration).get("code_changed"),
            "mention": MENTION,
            "days": REREAD_AFTER_DAYS,
            "most": REREAD_AT_MOST,
        },
    )
    return [ItemRef(*row) for row in rows]


def forget_listing(run: EtlJobRun) -> int:
    """Removes what a run's listing said, once the run is over."""
    return execute("DELETE FROM etl_listed_items WHERE run_id = %s", [run.pk])


def due_at(job: EtlJob) -> datetime | None:
    """When the job's integration is to be repaired next; None where never, or where nothing was ever read whole.

    Counted from the last repair's start, before the first one from the end of the first sync that finished. Where a
    provider lists nothing to compare with there is no repair.
    """
    integration = job.integration
    if not integration.provider_code.listing_step:
        return None
    hours = float(integration.connection().setting("repair_hours", str(DEFAULT_HOURS)))
    if not hours:
        return None
    since: datetime | None = fetch(
        """SELECT coalesce(max(started_at) FILTER (WHERE kind = 'repair'),
                           min(finished_at) FILTER (WHERE kind = 'sync' AND status = 'FINISHED'))
           FROM etl_job_runs WHERE job_id = %s""",
        [job.pk],
    )[0][0]
    return None if since is None else since + timedelta(hours=hours)
