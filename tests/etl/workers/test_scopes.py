"""Whose rows a worker sees: until a unit is in hand those of all tenants, then those of the unit's alone."""

import orjson
import pytest

from etl import pipeline
from etl.jobs import units
from etl.jobs.units import Lease, UnitInvisible
from etl.jobs.wakeups import UNIT_MODELS
from etl.models import EtlJobRun
from etl.models.unit import Unit
from etl.queue.broker import Delivery, Done
from etl.queue.topology import Stage, Tier, queue_for
from etl.sql import execute, fetch
from etl.workers import stages  # noqa: F401  (registers them)
from etl.workers.base import get_worker
from pulse.postgres.scope import current, nobody_scope, tenant_scope
from pulse.tenancy.models import Tenant
from tests.support.making import ISSUES, a_run, all_planned, an_integration, checkpoint, raw_row, vector

pytestmark = pytest.mark.django_db
MAKERS = {Stage.EXTRACTION: checkpoint, Stage.TRANSFORM: raw_row, Stage.EMBEDDING: vector}
each_stage = pytest.mark.parametrize("stage", Stage)


def a_unit(stage: Stage, tenant: str) -> tuple[EtlJobRun, Unit]:
    run = all_planned(a_run(an_integration(tenant=tenant)))
    return run, MAKERS[stage](run)


def message(stage: Stage, run: EtlJobRun, unit: Unit) -> bytes:
    named = {"integration_id": run.integration_id, "type": ISSUES, "provider": "jira"}
    if stage is Stage.EMBEDDING:
        named = {"table_name": "work_items", "external_ids": [vars(unit)["external_id"]], "operation": "insert"}
    ids = {"raw_data_id": unit.pk} if stage is Stage.TRANSFORM else {"unit_id": unit.pk, "unit_ids": [unit.pk]}
    return orjson.dumps({"tenant_id": run.tenant_id, "job_id": run.job_id, **named, **ids})


@each_stage
def test_the_work_on_a_unit_reads_and_writes_its_tenants_rows_alone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, unit = a_unit(stage, "Acme")
    _, others = a_unit(stage, "Rival")
    table = UNIT_MODELS[stage]._meta.db_table
    seen: list[object] = []

    def work(lease: Lease) -> None:
        seen.append((current().tenant, {row[0] for row in fetch(f"SELECT tenant_id FROM {table}", [])}))
        seen.append((execute(f"UPDATE {table} SET tries = 7 WHERE id = %s", [others.pk]), Tenant.objects.count()))
        with units.ending(lease):
            pass

    monkeypatch.setitem(pipeline.STAGES, stage, pipeline.StageSpec(work, ()))

    with nobody_scope():
        assert get_worker(stage)(Delivery(queue_for(stage, Tier.FREE), message(stage, run, unit))) == Done()
        assert current().tenant == ""

    assert seen == [(str(run.tenant_id), {run.tenant_id}), (0, 1)]
    unit.refresh_from_db()
    assert unit.status == "completed"


@each_stage
def test_a_unit_under_another_tenant_is_not_there_which_is_no_unit_that_is_done(stage: Stage) -> None:
    _, unit = a_unit(stage, "Acme")
    other, _ = a_unit(stage, "Rival")

    with tenant_scope(other.tenant_id), pytest.raises(UnitInvisible, match=str(unit.pk)):
        pipeline.handle(stage, [unit.pk])
    with nobody_scope(), pytest.raises(UnitInvisible, match=str(unit.pk)):
        pipeline.handle(stage, [unit.pk])

    unit.refresh_from_db()
    assert (unit.status, unit.takes) == ("pending", 0)
