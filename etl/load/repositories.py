"""Loading repositories, and telling which of them are not there any more.

A repository that a listing gave is active while the newest answer that could tell of it says that it is there. Such an
answer lists it; or lists all of its owner, or something else by its full name, or says that nothing goes by that name,
and then it has been deleted or transferred. Owners and names are compared in lower case, with the name that the newest
listing gave. What each answer tells is noted beside it, so that answers may be loaded in any order; loads that tell
something do so alone in their integration.

What was only seen on a pull request stays active: the listings of its owner may not be meant to have it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from custommapping.models import Authority
from etl.load.catalogues import merge_all, newest
from etl.load.copying import Row
from etl.load.merging import Source
from etl.load.tables import REPOSITORIES
from etl.load.vectors import drop_vectors
from etl.models import EtlJobEvent
from etl.sql import execute, fetch
from integrations.records import Batch, PullRequestRecord, Quarantined, RepositoryRecord

_SHOWN = 20


@dataclass(frozen=True)
class LoadedRepositories:
    """``fresh`` are the ids of those whose text may be news: written, or active again. ``renamed`` had another name."""

    fresh: Sequence[int] = ()
    renamed: Sequence[int] = ()


def load_repositories(
    source: Source, batch: Batch, refused: list[Quarantined], *, born: str = "pending"
) -> LoadedRepositories:
    """Merges what the batch lists, and sees on pull requests, and tells what is not there any more.

    Adds to ``refused`` what PostgreSQL refused. ``born`` is the state of the vectors that it queues.
    """
    told = _told(batch)
    rows = [_row(record, source.extracted_at, Authority.LISTED) for record in batch.repositories]
    rows += _seen(source, batch.pull_requests)
    if not rows and not any(told.values()):
        return LoadedRepositories()
    _lock(source)
    named = _names(source, rows)

    def refuse(table: str, row: Row, reason: str) -> None:
        refused.append(Quarantined(table, row[0], f"repository {row[4]}", reason))

    written = merge_all(REPOSITORIES, source, sorted(newest(rows), key=lambda row: row[0]), refuse)
    returned = _settle(source, told, born) if any(told.values()) else []
    renamed = _names(source, rows).items() - named.items()
    return LoadedRepositories([*written, *returned], [row_id for row_id, _ in renamed if row_id in named])


def _row(record: RepositoryRecord, at: datetime, authority: Authority) -> Row:
    return (
        record.external_id,
        at,
        authority,
        record.full_name.rpartition("/")[2],
        record.full_name,
        record.url,
        record.description,
        record.default_branch,
        record.private,
        record.archived,
        record.fork,
    )


def _seen(source: Source, records: Iterable[PullRequestRecord]) -> list[Row]:
    """What pull requests show of their repositories, but of those that a listing gave: on most pages, nothing."""
    rows = [_row(record.repository, record.updated, Authority.SEEN) for record in records]
    if not rows:
        return []
    listed = fetch(
        """SELECT external_id FROM repositories WHERE tenant_id = %s AND integration_id = %s
             AND external_id = ANY(%s) AND authority > %s""",
        [source.tenant_id, source.integration_id, list({row[0] for row in rows}), Authority.SEEN],
    )
    known = {row[0] for row in listed}
    return [row for row in rows if row[0] not in known]


def _lock(source: Source) -> None:
    """Until the transaction's end, before a row is locked: what is told is about others than those that are merged."""
    execute("SELECT pg_advisory_xact_lock(hashtext('pulse repositories'), %s)", [source.integration_id])


def _names(source: Source, rows: Sequence[Row]) -> dict[int, str]:
    """The full names that those of the repositories have that there are, by their ids."""
    found = fetch(
        "SELECT id, full_name FROM repositories WHERE tenant_id = %s AND integration_id = %s AND external_id = ANY(%s)",
        [source.tenant_id, source.integration_id, list({row[0] for row in rows})],
    )
    return dict(found)


def _owner(full_name: str) -> str:
    return full_name.partition("/")[0].lower()


def _told(batch: Batch) -> dict[str, list[str]]:
    """What an answer tells: the ids of all that are there, the owners whose all it lists, names that others lost."""
    ids = {record.external_id for record in batch.repositories}
    ids.update(external_id for said in batch.owner_repositories for external_id in said.repository_ids)
    owners = {said.owner.lower() for said in batch.owner_repositories}
    names = {name.lower() for name in batch.gone_repositories}
    names.update(record.full_name.lower() for record in batch.repositories if _owner(record.full_name) not in owners)
    return {"ids": sorted(ids), "owners": sorted(owners), "names": sorted(names)}


def _settle(source: Source, told: Mapping[str, list[str]], born: str) -> list[int]:
    """Makes active or inactive what the answer tells of; the ids of those that came back."""
    execute(
        "UPDATE raw_extraction_data SET extraction_metadata = extraction_metadata || %s WHERE id = %s",
        [orjson.dumps({"repositories_told": told}).decode(), source.raw_id],
    )
    parameters = {"tenant": source.tenant_id, "integration": source.integration_id, "raw": source.raw_id}
    changed = fetch(_SETTLE, {**parameters, **told, "listed": Authority.LISTED})
    if gone := {external_id: full_name for _, external_id, full_name, active in changed if not active}:
        drop_vectors(source, "repositories", list(gone), born=born)
        _tell(source, sorted(gone.values()))
    return [row_id for row_id, _, _, active in changed if active]


def _tell(source: Source, gone: Sequence[str]) -> None:
    shown = ", ".join(gone[:_SHOWN]) + (f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else "")
    message = f"repositories that the site does not show any more became inactive: {shown}"
    EtlJobEvent.objects.create(
        tenant_id=source.tenant_id, run_id=source.run_id, stage="transform", step=source.step, message=message
    )


# This answer tells of each of them, so that no older one need be looked at.
_SETTLE = """
    WITH told AS (
        SELECT r.id, n.present FROM repositories r CROSS JOIN LATERAL (
            SELECT a.told -> 'ids' ? r.external_id AS present
            FROM (SELECT id, extraction_metadata -> 'repositories_told' AS told FROM raw_extraction_data
                  WHERE integration_id = %(integration)s AND id >= %(raw)s AND active
                    AND extraction_metadata ? 'repositories_told') a
            WHERE a.told -> 'ids' ? r.external_id OR a.told -> 'names' ? lower(r.full_name)
               OR a.told -> 'owners' ? lower(split_part(r.full_name, '/', 1))
            ORDER BY a.id DESC LIMIT 1) n
        WHERE r.tenant_id = %(tenant)s AND r.integration_id = %(integration)s AND r.authority = %(listed)s
          AND (r.external_id = ANY(%(ids)s) OR lower(r.full_name) = ANY(%(names)s)
               OR lower(split_part(r.full_name, '/', 1)) = ANY(%(owners)s)))
    UPDATE repositories r SET active = told.present, last_updated_at = now()
    FROM told WHERE r.id = told.id AND r.active <> told.present
    RETURNING r.id, r.external_id, r.full_name, r.active"""
