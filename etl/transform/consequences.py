"""What is to be fetched because of what was loaded: the development status of a page's issues."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set

from custommapping.fields import fields_by_column
from etl.jobs import planning
from etl.models import EtlJobRun, EtlJobRunStep, ExtractionCheckpoint, RunKind
from etl.models.code import MENTION
from etl.sql import fetch
from integrations.provider import Partition, RawAnswer
from integrations.records import Batch

# Reprocessing and imports call nobody.
_CALLING = (RunKind.SYNC, RunKind.REPAIR, RunKind.WEBHOOK)


def follow(run: EtlJobRun, answer: RawAnswer, batch: Batch, *, born: str) -> int:
    """Creates the checkpoints that follow from the loaded items of an answer, in the same run; how many.

    In the transaction that loads the answer. ``born`` is their state. What an answer that is loaded once more gave
    rise to before is not created again.
    """
    steps = _following_steps(run) if batch.work_items else set()
    if not steps:
        return 0
    integration = run.integration
    items = {record.external_id for record in batch.work_items}
    created = 0
    found = integration.provider_code.consequences(answer, items, fields_by_column(integration), _linked(run, items))
    for step, partitions in _by_step(found).items():
        if step in steps:
            created += _create(run, step, partitions, born)
    return created


def _following_steps(run: EtlJobRun) -> set[str]:
    """The steps of the run that may be given more to fetch; a run's config can leave the development status out."""
    if run.kind not in _CALLING or not run.config.get("include_dev_status", True):
        return set()
    following = {step.name for step in run.integration.provider_code.steps if step.follows}
    return following & set(EtlJobRunStep.objects.filter(run=run).values_list("step", flat=True))


def _linked(run: EtlJobRun, items: Set[str]) -> set[str]:
    """Those of the items that have links: where their development field shows nothing any more, these have ended."""
    rows = fetch(
        """SELECT DISTINCT w.external_id FROM work_items w JOIN work_items_prs_links k ON k.work_item_id = w.id
           WHERE w.tenant_id = %s AND w.integration_id = %s AND w.external_id = ANY(%s)
             AND k.integration_id = w.integration_id AND k.source <> %s""",
        [run.tenant_id, run.integration_id, list(items), MENTION],
    )
    return {row[0] for row in rows}


def _by_step(found: Sequence[tuple[str, Partition]]) -> Mapping[str, list[Partition]]:
    partitions: dict[str, list[Partition]] = defaultdict(list)
    for step, partition in found:
        partitions[step].append(partition)
    return partitions


def _create(run: EtlJobRun, step: str, partitions: list[Partition], born: str) -> int:
    rows = ExtractionCheckpoint.objects.filter(run=run, step=step)
    known = set(
        rows.filter(partition_key__in=[part.key for part in partitions]).values_list("partition_key", flat=True)
    )
    new = [partition for partition in partitions if partition.key not in known]
    planning.create_checkpoints(run, step, new, status=born)
    return len(new)
