"""Importing recorded API answers: they become raw rows of a run and go on as if they had been fetched."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from etl.extraction.cleaning import clean
from etl.extraction.storage import Origin, store_answer
from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.models import EtlJobRun, RunKind
from integrations.errors import Permanent
from integrations.json_text import parse_site
from integrations.models import Integration


@dataclass(frozen=True)
class Recorded:
    """One recorded answer. ``name`` is where it came from."""

    name: str
    body: bytes


def import_answers(integration: Integration, step: str, recorded: Sequence[Recorded]) -> EtlJobRun:
    """Stores the answers in a run of their own and wakes its workers.

    All or nothing: raises Permanent, naming the file, where one is not an answer of that step.
    """
    steps = [known for known in integration.provider_code.steps if known.name == step]
    if not steps:
        known = ", ".join(known.name for known in integration.provider_code.steps)
        raise Permanent(f"step {step!r} is unknown to {integration.provider}; known are: {known}")
    with transaction.atomic():
        job = integration.jobs.order_by("id")[0]
        run = lifecycle.new_run(job, RunKind.IMPORT, "import", {}, steps)
        origin = Origin(integration.tenant_id, integration.pk, run.pk, step)
        for answer in recorded:
            _store(integration, origin, answer)
        advance(run.pk)
    lifecycle.wake_integration(integration.pk)
    return run


def _store(integration: Integration, origin: Origin, answer: Recorded) -> None:
    try:
        content = parse_site(clean(answer.body).text)
        entity_type, external_id = integration.provider_code.recognise(origin.step, content)
        store_answer(origin, entity_type, external_id, answer.body, {"imported_from": answer.name})
    except ValueError as error:
        raise Permanent(f"{answer.name}: not JSON: {error}") from error
    except Permanent as error:
        raise Permanent(f"{answer.name}: {error}") from error
