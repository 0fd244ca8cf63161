"""Transform: one stored answer becomes rows, in one transaction that also ends its unit."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from etl.jobs import units
from etl.jobs.units import Lease
from etl.load.loader import CategoriesMoved, load
from etl.load.merging import Source, found
from etl.load.quarantine import resolve
from etl.models import EtlJobRun, Overall, RunKind
from etl.sql import execute, fetch
from etl.transform.consequences import follow
from integrations.errors import Permanent
from integrations.json_text import parse_site
from integrations.models import Integration
from integrations.provider import Provider, RawAnswer
from integrations.records import Batch


@dataclass(frozen=True)
class Stored:
    """An answer with those that complete it, in their order. ``digests`` are as they were kept, None where not."""

    ids: tuple[int, ...]
    digests: tuple[Mapping[str, str] | None, ...]
    extracted_at: datetime


def _look(raw_id: int) -> Stored:
    """All but the answers themselves: of a page that has not changed they are not read back."""
    rows = fetch(
        """SELECT id, digests::text, created_at FROM raw_extraction_data WHERE id = %s OR parent_id = %s
           ORDER BY parent_id NULLS FIRST, id""",
        [raw_id, raw_id],
    )
    ids, digests, times = zip(*rows, strict=True)
    return Stored(ids, tuple(text and orjson.loads(text) for text in digests), times[0])


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
    return [RawAnswer(row[1], row[2], _parse(row[0], row[4]), orjson.loads(row[3])) for row in rows]


def _content_hashes(provider: Provider, said: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """A hash of all that an answer and those that complete it say of each of its items, whatever else is in them."""
    page, *others = said
    version = str(provider.reader_version)
    parts = {
        item: [version, digest, *(other[item] for other in others if item in other)] for item, digest in page.items()
    }
    return {item: blake2b(" ".join(part).encode(), digest_size=16).hexdigest() for item, part in parts.items()}


def unchanged(integration: Integration, hashes: Mapping[str, str]) -> set[str]:
    """Those of the items, by source id, that the database holds just as they are. An inactive one is to come back."""
    known_hash = "CASE WHEN f.active THEN f.content_hash END AS content_hash"
    row = found(integration.provider_code.items_table, "s.external_id", columns=known_hash)
    rows = fetch(
        f"SELECT s.external_id, t.content_hash FROM unnest(%(ids)s) AS s(external_id) CROSS JOIN LATERAL ({row}) t",
        {"tenant": integration.tenant_id, "integration": integration.pk, "ids": list(hashes)},
    )
    return {external_id for external_id, known in rows if known == hashes[external_id]}


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


def normalise(integration: Integration, stored: Stored, *, skip_unchanged: bool) -> Normalised:
    """The records of an answer; items that a sync finds unchanged are left out, before any work is done on them."""
    provider = integration.provider_code
    digests = [known for known in stored.digests if known is not None]
    answers = [] if len(digests) == len(stored.digests) else _read(stored)
    hashes = _content_hashes(provider, [provider.digests(answer) for answer in answers] or digests)
    skip = unchanged(integration, hashes) if skip_unchanged and hashes else set()
    if hashes and skip == hashes.keys():
        return Normalised(Batch(), hashes, skip)
    answer, *followups = answers or _read(stored)
    return Normalised(provider.normalise(answer, followups, skip), hashes, skip, answer)


def _finish(lease: Lease, source: Source, normalised: Normalised, run: EtlJobRun, *, followed: bool) -> None:
    """Loads and ends, once more where the meaning of statuses moved between a look and a lock."""
    born = "cancelled" if run.status == Overall.STOPPED else "pending"
    while True:
        try:
            with units.ending(lease, ", processed_at = now()", flush=False):
                if normalised.is_ageless:
                    # Of two answers to one question each would else not see the other.
                    execute("SELECT pg_advisory_xact_lock(hashtext('pulse question'), %s)", [source.integration_id])
                # Before a load may wait for others at its end, which may wait for these entries.
                if normalised.skipped:
                    resolve(source, run.integration.provider_code.items_table, list(normalised.skipped))
                loaded = load(source, normalised.batch, normalised.hashes, born=born)
                _note(source.raw_id, loaded.records + len(normalised.skipped), normalised.batch)
                if followed:
                    execute(
                        "UPDATE raw_extraction_data SET processing_status = 'completed', processed_at = now()"
                        " WHERE parent_id = %s",
                        [source.raw_id],
                    )
                if normalised.is_ageless:
                    _repeat_newest(lease)
                if normalised.answer is not None:
                    follow(run, normalised.answer, normalised.batch, born=born)
            return
        except CategoriesMoved:
            continue


def _note(raw_id: int, records: int, batch: Batch) -> None:
    """Notes beside the answer how many records it held, and what it listed: later steps are planned so."""
    projects = [project.external_id for project in batch.projects]
    repositories = [repository.external_id for repository in batch.repositories]
    listed = {kind: ids for kind, ids in (("projects", projects), ("repositories", repositories)) if ids}
    execute(
        "UPDATE raw_extraction_data SET records = %s, extraction_metadata = extraction_metadata || %s WHERE id = %s",
        [records, orjson.dumps(listed).decode(), raw_id],
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
    integration = Integration.objects.get(pk=lease.integration_id)
    run = EtlJobRun.objects.get(pk=lease.run_id)
    stored = _look(lease.id)
    normalised = normalise(integration, stored, skip_unchanged=run.kind != RunKind.REPROCESS)
    source = Source(
        tenant_id=lease.tenant_id,
        integration_id=lease.integration_id,
        raw_id=lease.id,
        run_id=lease.run_id,
        step=lease.step,
        source_type=integration.provider_code.source_type,
        extracted_at=stored.extracted_at,
    )
    _finish(lease, source, normalised, run, followed=len(stored.ids) > 1)
