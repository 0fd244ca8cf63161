"""What is counted of a run's units."""

import pytest

from etl.history.counting import Counted, counts
from etl.queue.topology import Stage
from tests.etl.history.making import running
from tests.support.making import ISSUES, PROJECTS, checkpoint, vector

pytestmark = pytest.mark.django_db


def test_counts_tell_of_each_stage_what_became_of_its_units() -> None:
    run = running()
    checkpoint(run, status="completed", pages=3)
    checkpoint(run, status="failed", pages=1)
    checkpoint(run, status="cancelled")
    checkpoint(run, status="processing", pages=2)
    vector(run)

    counted = counts(run.pk)

    assert counted == {
        ISSUES: {
            Stage.EXTRACTION: Counted(1, 1, 1, 1, amount=6, amount_open=2),
            Stage.EMBEDDING: Counted(open=1),
        }
    }
    assert counts(run.pk, PROJECTS) == {}
