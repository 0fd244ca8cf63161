"""Answers to the same question, where the newest says again what the oldest said."""

from itertools import permutations
from typing import Any

import pytest

from custommapping.models import Status
from etl import pipeline
from etl.models import EtlJobRun, RunKind
from etl.queue.topology import Stage
from tests.support.driving import waiting, work_off
from tests.support.making import STATUSES, a_run, raw_row

pytestmark = pytest.mark.django_db


def named(name: str) -> list[dict[str, Any]]:
    """The list of statuses, while its one status has that name."""
    return [{"id": "7", "name": name, "statusCategory": {"key": "new", "id": 2}}]


def stored(run: EtlJobRun, *names: str) -> list[int]:
    return [
        raw_row(run, STATUSES, entity_type="jira_statuses", external_id="statuses", raw_data=named(name)).pk
        for name in names
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_name_that_was_changed_and_changed_back_stays_in_any_order(order: tuple[int, ...]) -> None:
    run = a_run(kind=RunKind.IMPORT)
    answers = stored(run, "Open", "Waiting", "Open")

    for place in order:
        pipeline.handle(Stage.TRANSFORM, [answers[place]])
    work_off(run)

    assert Status.objects.get().name == "Open"
    assert waiting(run.pk, Stage.TRANSFORM) == []


def test_answers_in_their_order_are_each_loaded_once() -> None:
    run = a_run(kind=RunKind.IMPORT)

    for answer in stored(run, "Open", "Waiting", "Open"):
        pipeline.handle(Stage.TRANSFORM, [answer])

    assert waiting(run.pk, Stage.TRANSFORM) == []
