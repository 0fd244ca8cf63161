"""Going on where an earlier sync of a scope was left: stopped, failed or cancelled on the way.

The new run adopts the scope's checkpoints, as it adopts answers and vectors: the completed ones are not read again and
still say when the scope was begun; the others wait with the cursor that the last stored answer left them.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from django.db.models import QuerySet

from etl.jobs.watermarks import restrictions, syncs_of
from etl.models import EtlJobEvent, EtlJobRun, RunKind
from etl.models.jobs import UNDER_WAY
from etl.sql import execute, fetch
from integrations.provider import Cursor, Partition

# A scope that none of so many syncs alike read is begun afresh: looking further back would read all that ever ran.
SYNCS_LOOKED_AT = 20


@dataclass(frozen=True)
class Left:
    """A checkpoint as the newest attempt at its scope left it."""

    status: str
    pages: int
    answered: bool
    follows_up: bool
    refused: bool
    question: Any
    adopted: bool

    @property
    def stuck(self) -> bool:
        """Whether it was gone on with before, and failed without getting any further: its cursor may be the reason.

        It is not where the site was away, or refused the account: that passes, and what was read shall not be lost.
        """
        return self.status == "failed" and self.answered and not self.pages and not self.refused

    @property
    def holds_up(self) -> bool:
        """Whether it is a follow-up that was gone on with before, and failed without getting any further."""
        return self.follows_up and self.adopted and self.status == "failed" and not self.pages


def go_on(run: EtlJobRun, step: str, fresh: Sequence[Partition]) -> list[Partition]:
    """Adopts what earlier runs left unfinished of these partitions' scopes; those that are to be begun afresh.

    Under the new run's lock.
    """
    asked = _questions(fresh)
    attempts = _newest_attempts(run, step, asked)
    _take_out_of_hands(step, attempts)
    resumed = {
        scope: attempts[scope]
        for scope, left in _left(step, attempts).items()
        if _unfinished(left) and _still_asked(left, asked[scope])
    }
    if resumed:
        _adopt(run, step, resumed)
        message = f"{len(resumed)} partitions go on where an earlier run was left"
        EtlJobEvent.objects.create(tenant_id=run.tenant_id, run=run, stage="extraction", step=step, message=message)
    return [partition for partition in fresh if partition.scope not in resumed]


def take_up(run: EtlJobRun, step: str) -> int:
    """Adopts what is left of partitions that no plan makes again, since an answer gave rise to them; how many.

    They have a scope of their own and ask for items by id; what completes their pages has it, too. What was adopted
    before and failed without getting any further is left to a person. Not by a restricted sync: it reads less.
    """
    if restrictions(run.config):
        return 0
    return execute(
        """UPDATE extraction_checkpoints SET run_id = %(run)s, partition_key = 'left:' || id, status = 'pending',
               pages = 0, tries = 0, takes = 0, not_before = NULL, published_at = NULL, error_details = NULL
           WHERE step = %(step)s AND run_id = ANY(%(runs)s)
             AND (status = 'cancelled' OR status = 'failed' AND NOT (partition_key = 'left:' || id AND pages = 0))
             AND scope IN (SELECT scope FROM extraction_checkpoints
                           WHERE step = %(step)s AND run_id = ANY(%(runs)s) AND scope <> '' AND cursor ? 'items')""",
        {"run": run.pk, "step": step, "runs": _earlier_runs(run)},
    )


def _earlier_runs(run: EtlJobRun) -> list[int]:
    """All syncs and webhooks' runs since the oldest of the last syncs that were restricted as this one is."""
    runs = EtlJobRun.objects.filter(
        job_id=run.job_id, kind__in=(RunKind.SYNC, RunKind.WEBHOOK), pk__lt=run.pk, pk__gte=min(_alike(run), default=0)
    )
    return list(runs.exclude(status__in=UNDER_WAY).values_list("pk", flat=True))


def _over(run: EtlJobRun) -> QuerySet[EtlJobRun]:
    """The syncs before that run that are over."""
    return syncs_of(run.job_id).filter(pk__lt=run.pk).exclude(status__in=UNDER_WAY)


def _question(cursor: Cursor) -> Any:
    """What a partition asks, whichever window of its scope it is."""
    question = cursor.get("question")
    if isinstance(question, Mapping):
        return {name: value for name, value in question.items() if name != "window"}
    return question


def _questions(fresh: Sequence[Partition]) -> dict[str, Any]:
    """The question of each scope that has one, and the same one in all of its partitions."""
    found: dict[str, list[Any]] = defaultdict(list)
    for partition in fresh:
        found[partition.scope].append(_question(partition.cursor))
    return {
        scope: first
        for scope, (first, *others) in found.items()
        if scope and first is not None and all(other == first for other in others)
    }


def _newest_attempts(run: EtlJobRun, step: str, scopes: Collection[str]) -> dict[str, int]:
    """The run that read each scope last."""
    rows = fetch(
        """SELECT DISTINCT ON (scope) scope, run_id FROM extraction_checkpoints
           WHERE step = %(step)s AND scope = ANY(%(scopes)s) AND run_id = ANY(%(runs)s)
           ORDER BY scope, run_id DESC""",
        {"step": step, "scopes": list(scopes), "runs": _alike(run)},
    )
    return dict(rows)


def _alike(run: EtlJobRun) -> list[int]:
    """The last syncs that were restricted as this one is.

    What a restricted sync took over from a whole one would be lost to the next whole one: no watermark is kept of it.
    """
    ours = restrictions(run.config)
    syncs = _over(run).order_by("-id").values_list("id", "config").iterator()
    return list(islice((pk for pk, config in syncs if restrictions(config) == ours), SYNCS_LOOKED_AT))


_OF_ATTEMPTS = "(run_id, scope) IN (SELECT * FROM unnest(%(runs)s::bigint[], %(scopes)s::text[])) AND step = %(step)s"


def _attempted(step: str, attempts: Mapping[str, int]) -> dict[str, Any]:
    return {"step": step, "runs": list(attempts.values()), "scopes": list(attempts)}


def _take_out_of_hands(step: str, attempts: Mapping[str, int]) -> None:
    """Cancels what a worker still has in hand of a run that was stopped, so that no page is stored twice.

    A statement of its own, before anything is read: it waits for a worker that is just committing, and what that one
    commits (further partitions, too) is seen by the statements that follow.
    """
    execute(
        f"""UPDATE extraction_checkpoints SET status = 'cancelled', lease_token = NULL, lease_until = NULL
            WHERE id IN (SELECT id FROM extraction_checkpoints WHERE {_OF_ATTEMPTS} AND status = 'processing'
                         ORDER BY id FOR NO KEY UPDATE)""",
        _attempted(step, attempts),
    )


def _left(step: str, attempts: Mapping[str, int]) -> dict[str, list[Left]]:
    rows = fetch(
        f"""SELECT scope, status, pages, first_answer_at IS NOT NULL, parent_raw_id IS NOT NULL,
                   coalesce(error_details ? 'refused', false), cursor::text, partition_key = 'left:' || id
            FROM extraction_checkpoints WHERE {_OF_ATTEMPTS} ORDER BY id""",
        _attempted(step, attempts),
    )
    left: dict[str, list[Left]] = defaultdict(list)
    for scope, status, pages, answered, follows_up, refused, cursor, adopted in rows:
        question = _question(orjson.loads(cursor))
        left[scope].append(Left(status, pages, answered, follows_up, refused, question, adopted))
    return left


def _unfinished(left: Sequence[Left]) -> bool:
    return any(one.status != "completed" for one in left)


def _still_asked(left: Sequence[Left], question: Any) -> bool:
    """Whether all of a scope asked what is to be asked now, and going on can help.

    Where it failed before the first answer there is nothing to go on with, and settings may be right now. Where only
    follow-ups are left, and one failed again, what has changed since does not wait for it.
    """
    same = all(one.follows_up or one.question == question for one in left)
    begun = any(one.answered or one.status != "failed" for one in left)
    held_up = any(one.holds_up for one in left) and all(one.follows_up or one.status == "completed" for one in left)
    return same and begun and not held_up and not any(one.stuck for one in left)


def _adopt(run: EtlJobRun, step: str, attempts: Mapping[str, int]) -> None:
    """Moves the scopes' checkpoints into the run; pages follow with what completes them (`units.complete_pages`).

    A follow-up that is left gets a key that says so.
    """
    execute(
        f"""UPDATE extraction_checkpoints SET run_id = %(run)s, pages = 0, tries = 0, takes = 0, not_before = NULL,
                published_at = NULL, error_details = NULL, lease_token = NULL, lease_until = NULL,
                partition_key = CASE WHEN parent_raw_id IS NULL OR status = 'completed' THEN partition_key
                                     ELSE 'left:' || id END,
                status = CASE status WHEN 'completed' THEN 'completed' ELSE 'pending' END
            WHERE {_OF_ATTEMPTS}""",
        {"run": run.pk, **_attempted(step, attempts)},
    )
