"""Extraction: the calls of a partition, each answer stored whole, and what follows from it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

from etl.extraction.reading import Reader
from etl.extraction.storage import CHECKPOINT, Origin, store_answer
from etl.jobs import limits, planning, units
from etl.jobs.units import Lease
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint
from integrations.provider import Answer

_PAGE_DONE = ", pages = pages + 1, first_answer_at = coalesce(first_answer_at, %s)"
# So that no watermark is kept of the partition's scope.
_BROKEN_OFF = """, cursor = cursor || '{"broken_off": true}'"""


def _end(lease: Lease, answer: Answer, *, kept: bool) -> AbstractContextManager[None]:
    """The transaction that keeps the answer: the unit goes on to its next page, or it is completed."""
    if answer.next_cursor is not None:
        return units.continuing(lease, answer.next_cursor, _PAGE_DONE, [answer.source_time], kept=kept)
    return units.ending(lease, _PAGE_DONE + _BROKEN_OFF * answer.broken_off, [answer.source_time])


def _store(lease: Lease, checkpoint: ExtractionCheckpoint, run: EtlJobRun, answer: Answer) -> None:
    born = run.born
    origin = Origin(lease.tenant_id, lease.integration_id, run.pk, lease.step, born)
    raw_id = store_answer(
        origin,
        answer.entity_type,
        answer.external_id,
        answer.body,
        {
            **answer.metadata,
            "cursor": checkpoint.cursor,
            "batch_number": checkpoint.pages + 1,
            CHECKPOINT: checkpoint.pk,
        },
        digests=answer.digests,
        is_complete=not answer.followups,
        parent_id=checkpoint.parent_raw_id,
    )
    # A follow-up's key names its page: two pages may have follow-ups alike.
    followups = [replace(part, key=f"{part.key}:{raw_id}", scope=checkpoint.scope) for part in answer.followups]
    planning.create_checkpoints(run, lease.step, followups, parent_raw_id=raw_id, status=born)
    further = [replace(part, scope=part.scope or checkpoint.scope) for part in answer.partitions]
    planning.create_checkpoints(run, lease.step, further, status=born)
    if answer.warning:
        EtlJobEvent.objects.create(
            tenant_id=run.tenant_id, run=run, level="warning", stage="extraction", step=lease.step,
            message=answer.warning,
        )  # fmt: skip


def extract(lease: Lease) -> Iterator[None]:
    """Makes the calls of a checkpoint from its cursor on and keeps their answers; yields after each but the last.

    Raises a StageError, LeaseLost.
    """
    checkpoint = ExtractionCheckpoint.objects.select_related("integration").get(pk=lease.id)
    kept = True
    with Reader(lease, checkpoint) as reader:
        while kept:
            answer = reader.answer()
            kept = reader.go_on(answer)
            with _end(lease, answer, kept=kept):
                _store(lease, checkpoint, EtlJobRun.objects.get(pk=lease.run_id), answer)
                if answer.next_cursor is None and checkpoint.parent_raw_id is not None:
                    units.complete_pages([lease.id])
            limits.succeeded(lease)
            if kept:
                checkpoint.cursor, checkpoint.pages = answer.next_cursor, checkpoint.pages + 1
                yield
