"""What a repair run does: it compares a cheap listing with the rows, and has what differs fetched again.

What the listing lacks is fetched by its id too: only an answer that does not give it makes it gone. Where that much is
absent that a lost permission is likelier than so many deletions, nothing of it is asked for, and the run warns; so it
does of a project that the site does not show any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from custommapping.fields import fields_by_column
from custommapping.models import Authority
from etl.jobs import watermarks
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, EtlJobRunStep, StageState, WorkItem
from etl.models.code import MENTION
from etl.sql import execute, fetch
from integrations.models import Integration
from integrations.provider import ItemRef, PlanContext, ProjectRef

DEFAULT_HOURS = 24.0
# More absent items than this share of those that should be there are not believed.
BELIEVED_SHARE = 0.05
# In a run's config: the verification whose findings it repairs, in the projects that the config names.
MENDS = "verification"
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
    if not run.config.get("projects"):
        _warn_of_unseen(run, projects)
    absences = _absences(run, _wholly_listed(run, projects))
    found = {*_differing(run), *_believed(run, absences)}
    return sorted({*found, *_unanswered(run)} if MENDS in run.config else found)


def _differing(run: EtlJobRun) -> list[str]:
    """What listed items that are not as they are listed are asked for by, or are in quarantine."""
    of_table = {"work_items": _DIFFERING_WORK_ITEMS, "prs": _DIFFERING_PULL_REQUESTS}
    sql = of_table[run.integration.provider_code.items_table]
    rows = fetch(sql, {"run": run.pk, "tenant": run.tenant_id, "integration": run.integration_id})
    return [row[0] for row in rows]


def _unanswered(run: EtlJobRun) -> list[str]:
    """What listed items are asked for by whose answers are lost."""
    asked_by = {"work_items": "external_id", "prs": "key"}[run.integration.provider_code.items_table]
    rows = fetch(
        f"SELECT {asked_by} FROM etl_listed_items WHERE run_id = %s AND external_id = ANY(%s)",
        [run.pk, [item.external_id for item in unanswered(run.integration)]],
    )
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Unanswered:
    """An item whose row is there, and of which no stored answer speaks any more."""

    external_id: str
    container: str
    updated: datetime


def unanswered(integration: Integration) -> list[Unanswered]:
    """The active items of an integration whose answers were deleted: they could not be made again."""
    provider = integration.provider_code
    container = {"work_items": "project_id", "prs": "repository_id"}[provider.items_table]
    rows = fetch(
        f"""WITH bereft AS MATERIALIZED (
                SELECT i.external_id, c.external_id AS container, i.updated FROM {provider.items_table} i
                JOIN {provider.containers_table} c ON c.id = i.{container}
                WHERE i.tenant_id = %(tenant)s AND i.integration_id = %(integration)s AND i.active
                  AND i.raw_data_id IS NOT NULL
                  AND NOT EXISTS (SELECT 1 FROM raw_extraction_data r WHERE r.id = i.raw_data_id)),
            told AS (
                SELECT DISTINCT k.item
                FROM raw_extraction_data r CROSS JOIN LATERAL jsonb_object_keys(r.digests) k(item)
                WHERE EXISTS (SELECT 1 FROM bereft) AND r.tenant_id = %(tenant)s AND r.integration_id = %(integration)s
                  AND r.step = %(step)s AND r.active AND r.parent_id IS NULL AND jsonb_typeof(r.digests) = 'object')
            SELECT b.* FROM bereft b LEFT JOIN told t ON t.item = b.external_id WHERE t.item IS NULL""",
        {"tenant": integration.tenant_id, "integration": integration.pk, "step": provider.items_step},
    )
    return [Unanswered(*row) for row in rows]


# Unknown, gone, moved, renamed, in another status, of another date.
_DIFFERING_WORK_ITEMS = """SELECT l.external_id FROM etl_listed_items l
           LEFT JOIN work_items w ON w.tenant_id = %(tenant)s AND w.integration_id = %(integration)s
                AND w.external_id = l.external_id
           LEFT JOIN projects p ON p.id = w.project_id LEFT JOIN statuses s ON s.id = w.status_id
           WHERE l.run_id = %(run)s AND (w.id IS NULL OR NOT w.active OR w.updated <> l.updated
             OR (w.key, p.external_id, s.external_id)
                <> (l.key, l.project_external_id, l.status_external_id)
             OR EXISTS (SELECT 1 FROM quarantined_records q WHERE q.tenant_id = %(tenant)s
                          AND q.integration_id = %(integration)s AND q.table_name = 'work_items'
                          AND q.external_id = l.external_id AND q.resolved_at IS NULL))"""
# Unknown, of another repository or of another date.
_DIFFERING_PULL_REQUESTS = """SELECT l.key FROM etl_listed_items l
           LEFT JOIN prs p ON p.tenant_id = %(tenant)s AND p.integration_id = %(integration)s
                AND p.external_id = l.external_id
           LEFT JOIN repositories r ON r.id = p.repository_id
           WHERE l.run_id = %(run)s AND (p.id IS NULL OR NOT p.active OR p.updated <> l.updated
             OR r.external_id <> l.project_external_id
             OR EXISTS (SELECT 1 FROM quarantined_records q WHERE q.tenant_id = %(tenant)s
                          AND q.integration_id = %(integration)s AND q.table_name = 'prs'
                          AND q.external_id = l.external_id AND q.resolved_at IS NULL))"""


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


def finds_gone(integration: Integration) -> bool:
    """Whether repairs of the integration find out which of its items the site has no more."""
    return integration.provider_code.items_table == WorkItem._meta.db_table


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
    if run.config.get("projects"):
        # Only what differs is listed: that much of it is no sign that a permission was lost.
        active = max(active, _active_items(run))
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


def _active_items(run: EtlJobRun) -> int:
    sql = "SELECT count(*) FROM work_items WHERE tenant_id = %s AND integration_id = %s AND active"
    return int(fetch(sql, [run.tenant_id, run.integration_id])[0][0])


def _warn(run: EtlJobRun, message: str) -> None:
    EtlJobEvent.objects.create(
        tenant_id=run.tenant_id,
        run=run,
        level="warning",
        stage="extraction",
        step=run.integration.provider_code.items_step,
        message=message,
    )


# The development field may be known and not mapped; one that shows nothing reads '{}'.
_WITH_DEVELOPMENT = """(w.dev_status_read_at IS NOT NULL
    OR coalesce(w.code_changed, w.custom_fields_overflow ->> %(field)s, '') NOT IN ('', '{}')
    OR EXISTS (SELECT 1 FROM work_items_prs_links k WHERE k.work_item_id = w.id AND k.source <> %(mention)s))"""


def _of_development(run: EtlJobRun) -> dict[str, Any]:
    return {
        "tenant": run.tenant_id,
        "integration": run.integration_id,
        "field": fields_by_column(run.integration).get("code_changed"),
        "mention": MENTION,
    }


def items_to_reread(run: EtlJobRun) -> list[ItemRef]:
    """Open items with development data that was read long ago, the oldest first: no update of theirs tells of it.

    Those too of which nothing came when they were asked for: that may have been refused. None in a run that repairs
    what was found, and nothing else.
    """
    if MENDS in run.config:
        return []
    rows = fetch(
        f"""SELECT w.external_id, w.key FROM work_items w JOIN statuses s ON s.id = w.status_id
           LEFT JOIN statuses_mappings m ON m.tenant_id = s.tenant_id AND m.integration_id = s.integration_id
                AND m.status_external_id = s.external_id AND m.active
           WHERE w.tenant_id = %(tenant)s AND w.integration_id = %(integration)s AND w.active
             AND coalesce(m.category, s.category, '') <> 'Done' AND {_WITH_DEVELOPMENT}
             AND coalesce(w.dev_status_read_at, '-infinity') < now() - make_interval(days => %(days)s)
           ORDER BY w.dev_status_read_at NULLS FIRST, w.id LIMIT %(most)s""",
        {**_of_development(run), "days": REREAD_AFTER_DAYS, "most": REREAD_AT_MOST},
    )
    return [ItemRef(*row) for row in rows]


def items_with_development(
    run: EtlJobRun, projects: Sequence[str], updated_from: datetime | None, updated_to: datetime | None
) -> list[ItemRef]:
    """All items of these projects that have, or had, development data; of a range those last updated in it."""
    rows = fetch(
        f"""SELECT w.external_id, w.key FROM work_items w JOIN projects p ON p.id = w.project_id
           WHERE w.tenant_id = %(tenant)s AND w.integration_id = %(integration)s AND w.active
             AND p.external_id = ANY(%(projects)s) AND {_WITH_DEVELOPMENT}
             AND w.updated >= coalesce(%(from)s, '-infinity'::timestamptz)
             AND w.updated < coalesce(%(to)s, 'infinity'::timestamptz) ORDER BY w.id""",
        {**_of_development(run), "projects": list(projects), "from": updated_from, "to": updated_to},
    )
    return [ItemRef(*row) for row in rows]


def forget_listing(run: EtlJobRun) -> int:
    """Removes what a run's listing said, once the run is over."""
    return execute("DELETE FROM etl_listed_items WHERE run_id = %s", [run.pk])


def due_at(job: EtlJob) -> datetime | None:
    """When the job's integration is to be repaired next; None where never, or where nothing was ever read whole.

    Counted from the start of the last repair of all, before the first one from the end of the first sync that finished.
    Where a provider lists nothing to compare with there is no repair.
    """
    integration = job.integration
    if not integration.provider_code.listing_step:
        return None
    hours = float(integration.connection().setting("repair_hours", str(DEFAULT_HOURS)))
    if not hours:
        return None
    since: datetime | None = fetch(
        """SELECT coalesce(max(started_at) FILTER (WHERE kind = 'repair' AND NOT config ? %s),
                           min(finished_at) FILTER (WHERE kind = 'sync' AND status = 'FINISHED' AND NOT config ?| %s))
           FROM etl_job_runs WHERE job_id = %s""",
        [MENDS, list(watermarks.RESTRICTIONS), job.pk],
    )[0][0]
    return None if since is None else since + timedelta(hours=hours)
