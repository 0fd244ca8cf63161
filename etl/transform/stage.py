"""Transform: one stored answer becomes rows, in one transaction that also ends its unit."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from etl.jobs import units
from etl.jobs.repair import MENDS
from etl.jobs.units import Lease
from etl.load.loader import CategoriesMoved, load
from etl.load.merging import Source, found
from etl.load.quarantine import resolve
from etl.mapping import fingerprints
from etl.mapping.stale import STALE_ONLY
from etl.models import EtlJobRun, RunKind
from etl.sql import execute, fetch
from etl.transform.consequences import follow
from integrations import plain
from integrations.errors import Permanent
from integrations.json_text import parse_site, sum_of_hashes
from integrations.models import Integration
from integrations.provider import Provider, RawAnswer
from integrations.records import Batch


@dataclass(frozen=True)
class Stored:
    """An answer with those that complete it, in their order. ``digests`` are as they were kept, None where not.

    ``missing`` are the follow-ups that did not come to their end, as `RawAnswer` has them.
    """

    ids: tuple[int, ...]
    digests: tuple[Mapping[str, str] | None, ...]
    extracted_at: datetime
    missing: Sequence[Mapping[str, Any]] = ()


def _look(raw_id: int) -> Stored:
    """All but the answers themselves: of a page that has not changed they are not read back."""
    rows = fetch(
        """SELECT id, digests::text, created_at, (
               SELECT jsonb_agg(jsonb_build_object('cursor', c.cursor, 'error', coalesce(c.error_details ->> 'error',
                                                   'it was not fetched')) ORDER BY c.id)::text
               FROM extraction_checkpoints c WHERE c.parent_raw_id = r.id AND c.status <> 'completed')
           FROM raw_extraction_data r WHERE id = %s OR parent_id = %s ORDER BY parent_id NULLS FIRST, id""",
        [raw_id, raw_id],
    )
    ids, digests, times, missing = zip(*rows, strict=True)
    told = orjson.loads(missing[0]) if missing[0] else ()
    return Stored(ids, tuple(text and orjson.loads(text) for text in digests), times[0], told)


def _parse(raw_id: int, text: str) -> Any:
    try:
        return parse_site(text)
    except ValueError as error:
        raise Permanent(f"raw row {raw_id} cannot be parsed: {error}") from error


def _read(stored: Stored) -> list[RawAnswer]:
    rows = fetch(
        """SELECT id, entity_type, external_id, extraction_metadata::text, raw_data::text
           FROM raw_extraction_data WHERE id = ANY(%s) ORDER BY parent_id NULLS FIRST, id""",
        [list(stored.ids)],
    )
    answer, *followups = [RawAnswer(row[1], row[2], _parse(row[0], row[4]), orjson.loads(row[3])) for row in rows]
    if stored.missing:
        answer = replace(answer, metadata={**answer.metadata, "missing": stored.missing})
    return [answer, *followups]


def _content_hashes(provider: Provider, said: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """A hash of all that an answer and those that complete it say of each of its items, whatever else is in them.

    Which of those that complete it said what is no matter: the same may be divided otherwise the next time.
    """
    page, *others = said
    version = str(provider.reader_version)
    parts = {
        item: [version, digest, sum_of_hashes(other[item] for other in others if item in other)]
        for item, digest in page.items()
    }
    return {item: blake2b(" ".join(part).encode(), digest_size=16).hexdigest() for item, part in parts.items()}


def unchanged(integration: Integration, hashes: Mapping[str, str], raw_id: int = 0) -> set[str]:
    """Those of the items, by source id, that the database holds just as they are. An inactive one is to come back.

    Not those that were written from this very answer: where it is transformed again, mappings may have changed.
    """
    known_hash = "CASE WHEN f.active AND f.raw_data_id IS DISTINCT FROM %(raw)s THEN f.content_hash END AS content_hash"
    row = found(integration.provider_code.items_table, "s.external_id", columns=known_hash)
    rows = fetch(
        f"SELECT s.external_id, t.content_hash FROM unnest(%(ids)s) AS s(external_id) CROSS JOIN LATERAL ({row}) t",
        {"tenant": integration.tenant_id, "integration": integration.pk, "ids": list(hashes), "raw": raw_id},
    )
    return {external_id for external_id, known in rows if known == hashes[external_id]}


def others(integration: Integration, hashes: Mapping[str, str], raw_id: int) -> set[str]:
    """Those of the items, by source id, that another answer wrote, and that this one was not refused for."""
    table = integration.provider_code.items_table
    row = found(table, "s.external_id", columns="f.raw_data_id")
    rows = fetch(
        f"""SELECT s.external_id FROM unnest(%(ids)s) AS s(external_id) CROSS JOIN LATERAL ({row}) t
            WHERE t.raw_data_id <> %(raw)s AND NOT EXISTS (
                SELECT 1 FROM quarantined_records q WHERE q.tenant_id = %(tenant)s
                  AND q.integration_id = %(integration)s AND q.table_name = %(table)s
                  AND q.external_id = s.external_id AND q.raw_data_id = %(raw)s AND q.resolved_at IS NULL)""",
        {
            "tenant": integration.tenant_id,
            "integration": integration.pk,
            "table": table,
            "ids": list(hashes),
            "raw": raw_id,
        },
    )
    return {row[0] for row in rows}


def _to_skip(run: EtlJobRun, hashes: Mapping[str, str], stored: Stored) -> set[str]:
    """The items of an answer that need no loading in this run, before any work is done on them."""
    raw_id = stored.ids[0]
    if MENDS in run.config:
        # No mapping has changed since: what is there as it should be stays as it is.
        raw_id = 0
    if run.kind != RunKind.REPROCESS:
        # Of which item something is missing, and that it is not unchanged therefore, only the provider can say.
        return set() if stored.missing else unchanged(run.integration, hashes, raw_id)
    return others(run.integration, hashes, raw_id) if run.config.get(STALE_ONLY) else set()


@dataclass(frozen=True)
class Normalised:
    """``hashes`` are the content hashes of all items of the answer, ``skipped`` those that need no loading.

    ``answer`` is None where it was not even read, since nothing in it is to be loaded.
    """

    batch: Batch
    hashes: Mapping[str, str]
    skipped: Set[str]
    answer: RawAnswer | None = None

    @property
    def is_ageless(self) -> bool:
        """Whether nothing in it has an age of its own, as of rows of catalogues: then only the newest answer counts."""
        return not self.hashes and not self.batch.link_overviews and not self.batch.item_links


def normalise(run: EtlJobRun, stored: Stored) -> Normalised:
    """The records of an answer; items that need no loading are left out, before any work is done on them."""
    provider = run.integration.provider_code
    digests = [known for known in stored.digests if known is not None]
    answers = [] if len(digests) == len(stored.digests) else _read(stored)
    hashes = _content_hashes(provider, [_digests(provider, answer) for answer in answers] or digests)
    skip = _to_skip(run, hashes, stored) if hashes else set()
    if hashes and skip == hashes.keys():
        return Normalised(Batch(), hashes, skip)
    answer, *followups = answers or _read(stored)
    return Normalised(_batch(provider, answer, followups, skip), hashes, skip, answer)


def _digests(provider: Provider, answer: RawAnswer) -> Mapping[str, str]:
    return plain.digests(answer) if plain.is_plain(provider, answer.entity_type) else provider.digests(answer)


def _batch(provider: Provider, answer: RawAnswer, followups: Sequence[RawAnswer], skip: Set[str]) -> Batch:
    if plain.is_plain(provider, answer.entity_type):
        return plain.normalise(provider, answer, skip)
    return provider.normalise(answer, followups, skip)


def read_items(integration: Integration, raw_id: int, items: Set[str]) -> Batch:
    """The records of these items of a stored answer, by source id, as a transform reads them."""
    provider = integration.provider_code
    answer, *followups = _read(_look(raw_id))
    return _batch(provider, answer, followups, _digests(provider, answer).keys() - items)


def _finish(
    lease: Lease, source: Source, normalised: Normalised, run: EtlJobRun, fingerprint: str, *, followed: bool
) -> None:
    """Loads and ends, once more where the meaning of statuses moved between a look and a lock.

    An answer whose ``fingerprint``, as it was when the transform began, is not current any more waits again.
    """
    while True:
        try:
            with units.ending(lease, ", processed_at = now()", flush=False):
                if normalised.is_ageless:
                    # Of two answers to one question each would else not see the other.
                    execute("SELECT pg_advisory_xact_lock(hashtext('pulse question'), %s)", [source.integration_id])
                # Before a load may wait for others at its end, which may wait for these entries.
                if normalised.skipped and run.kind != RunKind.REPROCESS:
                    resolve(source, run.integration.provider_code.items_table, list(normalised.skipped))
                loaded = load(source, normalised.batch, normalised.hashes, born=run.born)
                _note(source.raw_id, loaded.records + len(normalised.skipped), normalised.batch, fingerprint)
                if followed:
                    execute(
                        "UPDATE raw_extraction_data SET processing_status = 'completed', processed_at = now()"
                        " WHERE parent_id = %s",
                        [source.raw_id],
                    )
                if normalised.is_ageless:
                    _repeat_newest(lease)
                if normalised.answer is not None:
                    follow(run, normalised.answer, normalised.batch, born=run.born)
                # The load has the lock on mappings. Of an answer that loads nothing no row can be stale.
                if not normalised.batch.is_empty and fingerprints.current(run.integration) != fingerprint:
                    units.reopen(lease)
            return
        except CategoriesMoved:
            continue


def _note(raw_id: int, records: int, batch: Batch, fingerprint: str) -> None:
    """Notes beside the answer how many records it held, and what it listed: later steps are planned so."""
    projects = [project.external_id for project in batch.projects]
    repositories = [repository.external_id for repository in batch.repositories]
    listed = {kind: ids for kind, ids in (("projects", projects), ("repositories", repositories)) if ids}
    execute(
        """UPDATE raw_extraction_data SET records = %s, fingerprint = %s,
               extraction_metadata = extraction_metadata || %s
           WHERE id = %s""",
        [records, fingerprint, orjson.dumps(listed).decode(), raw_id],
    )


def _repeat_newest(lease: Lease) -> int:
    """Has the newest answer to the same question loaded once more, where an older one was loaded after it.

    Rows of catalogues have no age of their own that would show that the newest answer left them as they were.
    """
    return execute(
        """UPDATE raw_extraction_data n SET processing_status = 'pending', run_id = %(run)s, published_at = NULL
           FROM raw_extraction_data o
           WHERE o.id = %(id)s AND o.external_id <> '' AND n.integration_id = o.integration_id
             AND n.entity_type = o.entity_type AND n.external_id = o.external_id AND n.id > o.id
             AND n.processing_status = 'completed' AND n.step = o.step AND n.active
             AND NOT EXISTS (SELECT 1 FROM raw_extraction_data l WHERE l.integration_id = n.integration_id
                 AND l.entity_type = n.entity_type AND l.external_id = n.external_id AND l.id > n.id)""",
        {"id": lease.id, "run": lease.run_id},
    )


def transform(lease: Lease) -> None:
    """Normalises, maps, measures and loads one answer. Raises a StageError, LeaseLost, or a database error."""
    run = EtlJobRun.objects.select_related("integration").get(pk=lease.run_id)
    integration = run.integration
    fingerprint = fingerprints.current(integration)
    stored = _look(lease.id)
    normalised = normalise(run, stored)
    source = Source(
        tenant_id=lease.tenant_id,
        integration_id=lease.integration_id,
        raw_id=lease.id,
        run_id=lease.run_id,
        step=lease.step,
        source_type=integration.provider_code.source_type,
        extracted_at=stored.extracted_at,
        only_meaning=bool(run.config.get(STALE_ONLY)),
    )
    _finish(lease, source, normalised, run, fingerprint, followed=len(stored.ids) > 1)
