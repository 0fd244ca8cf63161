"""From a message to the units it speaks of."""

import orjson
import pytest
from django.db import OperationalError

from etl import pipeline
from etl.jobs import units
from etl.jobs.units import Lease, UnitInvisible
from etl.models import EtlJobRun
from etl.models.unit import Unit
from etl.queue.broker import Dead, Delivery, Done, Outcome, RetryIn
from etl.queue.topology import Stage, Tier, queue_for
from etl.workers import stages  # noqa: F401  (registers them)
from etl.workers.base import get_worker
from pulse.tenancy.models import Tenant
from tests.support.making import ISSUES, a_run, all_planned, an_integration, checkpoint, raw_row, vector

pytestmark = pytest.mark.django_db
MAKERS = {Stage.EXTRACTION: checkpoint, Stage.TRANSFORM: raw_row, Stage.EMBEDDING: vector}


@pytest.fixture(autouse=True)
def _work_that_only_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(lease: Lease) -> None:
        with units.ending(lease):
            pass

    for stage in Stage:
        monkeypatch.setitem(pipeline.STAGES, stage, pipeline.StageSpec(end, ()))


def contract(stage: Stage, run: EtlJobRun, unit: Unit) -> dict[str, object]:
    """The message about a unit as another tool writes it: with the contract's keys alone."""
    shared = {"tenant_id": run.tenant_id, "job_id": run.job_id, "first_item": True, "last_item": False}
    if stage is Stage.EMBEDDING:
        external_id = vars(unit)["external_id"]
        return {**shared, "table_name": "work_items", "external_id": external_id, "operation": "insert"}
    named = {"integration_id": run.integration_id, "type": ISSUES, "provider": "Jira", "last_item": True}
    return {**shared, **named, **({"raw_data_id": unit.pk} if stage is Stage.TRANSFORM else {})}


def deliver(stage: Stage, body: dict[str, object]) -> Outcome:
    return get_worker(stage)(Delivery(queue_for(stage, Tier.FREE), orjson.dumps(body)))


def state(unit: Unit) -> str:
    unit.refresh_from_db()
    return unit.status


@pytest.mark.parametrize("stage", Stage)
def test_a_message_with_the_keys_of_the_contract_alone_works(stage: Stage) -> None:
    run = all_planned(a_run())
    unit = MAKERS[stage](run)

    assert deliver(stage, contract(stage, run, unit)) == Done()

    assert state(unit) == "completed"


@pytest.mark.parametrize("stage", Stage)
def test_a_message_of_another_tenant_is_a_dead_letter_and_its_unit_waits(stage: Stage) -> None:
    run = all_planned(a_run())
    unit, stranger = MAKERS[stage](run), Tenant.objects.create(name="Stranger")
    body = {**contract(stage, run, unit), "tenant_id": stranger.pk, "unit_id": unit.pk, "unit_ids": [unit.pk]}

    outcome = deliver(stage, body)

    assert outcome == Dead(f"the message says tenant_id {stranger.pk}, its {stage} unit says otherwise")
    assert state(unit) == "pending"


def test_a_job_of_another_tenant_is_a_dead_letter() -> None:
    run, stranger = all_planned(a_run()), Tenant.objects.create(name="Stranger")
    unit = checkpoint(run)

    outcome = deliver(Stage.EXTRACTION, {**contract(Stage.EXTRACTION, run, unit), "tenant_id": stranger.pk})

    assert isinstance(outcome, Dead)
    assert state(unit) == "pending"


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("body", [b"", b"not JSON", b"[]", b"{}", b'{"tenant_id": true, "job_id": 1}', b"\xff"])
def test_a_message_that_cannot_be_decoded_is_a_dead_letter(stage: Stage, body: bytes) -> None:
    assert isinstance(get_worker(stage)(Delivery(queue_for(stage, Tier.FREE), body)), Dead)


@pytest.mark.parametrize("stage", Stage)
def test_a_message_delivered_twice_is_dealt_with_once(stage: Stage) -> None:
    run = all_planned(a_run())
    unit = MAKERS[stage](run)
    body = {**contract(stage, run, unit), "unit_id": unit.pk}

    assert [deliver(stage, body), deliver(stage, body)] == [Done(), Done()]

    assert state(unit) == "completed"


def test_a_message_about_a_row_that_cannot_be_seen_is_an_error() -> None:
    run = a_run()
    body = {**contract(Stage.TRANSFORM, run, raw_row(run)), "raw_data_id": 10**9}

    with pytest.raises(UnitInvisible):
        deliver(Stage.TRANSFORM, body)


def test_an_extraction_message_without_a_unit_takes_the_oldest_that_waits_in_its_step() -> None:
    run = all_planned(a_run())
    done, oldest, youngest = checkpoint(run, status="completed"), checkpoint(run), checkpoint(run)

    deliver(Stage.EXTRACTION, contract(Stage.EXTRACTION, run, oldest))

    assert [state(unit) for unit in (done, oldest, youngest)] == ["completed", "completed", "pending"]


def test_an_extraction_message_for_which_nothing_waits_is_dealt_with() -> None:
    run = all_planned(a_run())

    assert deliver(Stage.EXTRACTION, contract(Stage.EXTRACTION, run, checkpoint(run, status="failed"))) == Done()


def test_a_batch_of_vectors_is_embedded_together() -> None:
    run = all_planned(a_run())
    both = [vector(run), vector(run)]
    body = contract(Stage.EMBEDDING, run, both[0])

    deliver(Stage.EMBEDDING, {**body, "unit_ids": [unit.pk for unit in both]})

    assert [state(unit) for unit in both] == ["completed", "completed"]


def test_a_batch_that_holds_a_vector_of_another_tenant_is_refused_as_a_whole() -> None:
    run = all_planned(a_run())
    mine, foreign = vector(run), vector(all_planned(a_run(an_integration(tenant="Stranger"))))
    body = {**contract(Stage.EMBEDDING, run, mine), "unit_ids": [mine.pk, foreign.pk]}

    assert isinstance(deliver(Stage.EMBEDDING, body), Dead)

    assert [state(unit) for unit in (mine, foreign)] == ["pending", "pending"]


def test_a_record_that_two_integrations_have_is_that_of_the_messages_job() -> None:
    run, other = all_planned(a_run()), all_planned(a_run(an_integration("Second site")))
    mine, alike = vector(run, external_id="10001"), vector(other, external_id="10001")

    deliver(Stage.EMBEDDING, contract(Stage.EMBEDDING, run, mine))

    assert [state(unit) for unit in (mine, alike)] == ["completed", "pending"]


@pytest.mark.parametrize("stage", Stage)
def test_a_worker_takes_the_queues_of_its_tiers(stage: Stage) -> None:
    assert get_worker(stage).queues((Tier.PREMIUM, Tier.FREE)) == [f"{stage}_queue_premium", f"{stage}_queue_free"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("attempt", "seconds"), [(1, 5), (3, 120), (99, 600)])
def test_while_our_own_database_is_away_a_message_comes_again_and_never_is_a_dead_letter(
    monkeypatch: pytest.MonkeyPatch, attempt: int, seconds: int
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the server is starting up")

    unit = raw_row(a_run())
    monkeypatch.setattr(pipeline, "handle", away)
    body = orjson.dumps(contract(Stage.TRANSFORM, unit.run, unit)) if unit.run else b""

    outcome = get_worker("transform")(Delivery("transform_queue_free", body, attempt=attempt))

    assert outcome == RetryIn(seconds, "OperationalError: the server is starting up")
