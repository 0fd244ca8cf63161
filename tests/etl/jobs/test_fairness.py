"""Within a tier no tenant keeps the others waiting, and no stage is run over by the one before it."""

import pytest
from pytest_django import Settings

from custommapping.models import Authority, Project
from etl.jobs import lifecycle
from etl.models import EtlJobRun, ExtractionCheckpoint, Overall, RawExtractionData, WorkItem
from etl.queue.topology import Stage
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.support.brokers import RecordingBroker
from tests.support.scripted import Scripted
from tests.support.turns import InTurn

pytestmark = pytest.mark.django_db
MANY, PARALLEL = 50, 4


@pytest.fixture(autouse=True)
def _narrow_windows(settings: Settings) -> None:
    settings.WINDOW_TRANSFORM = settings.WINDOW_EMBEDDING = PARALLEL


def started(scripted: Scripted, name: str, projects: int) -> EtlJobRun:
    """A sync of a tenant of its own, of so many projects of one page each."""
    tenant = Tenant.objects.create(name=name)
    integration = Integration.objects.create(tenant=tenant, provider="scripted", name=name)
    for _ in range(projects):
        number = f"{name}{len(scripted.world.items)}"
        scripted.world.fill(number, 2)
        Project.objects.create(
            tenant=tenant, integration=integration, external_id=number, key=f"P{number}", authority=Authority.LISTED
        )
    return lifecycle.start(integration.jobs.get().pk, trigger="test")


def is_open(run: EtlJobRun) -> bool:
    run.refresh_from_db()
    return run.status == Overall.RUNNING


def test_a_tenant_with_little_work_does_not_wait_for_one_that_has_fifty_times_as_much(
    scripted: Scripted, recording: RecordingBroker, page_by_page: None
) -> None:
    big, small = started(scripted, "big", MANY), started(scripted, "small", 1)
    workers = InTurn(recording)

    while is_open(small):
        assert workers.turn()

    assert (small.status, is_open(big)) == (Overall.FINISHED, True)
    before = [stage for stage, run_id in workers.handled if run_id == big.pk]
    # In each stage as many of the big one's as its window holds are ahead of each of the small one's.
    assert before.count(Stage.EXTRACTION) <= 4 * PARALLEL
    assert before.count(Stage.TRANSFORM) <= 3 * PARALLEL
    assert ExtractionCheckpoint.objects.filter(run=big, status="pending").count() >= MANY - 4 * PARALLEL


def test_the_sync_of_a_slow_loader_ends_with_no_more_answers_waiting_than_the_limit(
    scripted: Scripted, recording: RecordingBroker, page_by_page: None, settings: Settings
) -> None:
    settings.BACKLOG_LIMIT = 3
    run = started(scripted, "big", 12)
    for item in list(scripted.world.items.values())[::3]:
        item.cut = True
    workers, waiting = InTurn(recording), []

    while is_open(run):
        # Three calls for each answer that is loaded.
        for stage in (Stage.EXTRACTION, Stage.EXTRACTION):
            workers.take(stage)
        assert workers.turn()
        answers = RawExtractionData.objects.filter(run=run, status__in=("pending", "processing"))
        waiting.append(answers.filter(is_complete=True, parent=None).count())

    assert run.status == Overall.FINISHED
    assert WorkItem.objects.count() == 24
    # Those that were called for already still come.
    assert settings.BACKLOG_LIMIT < max(waiting) <= settings.BACKLOG_LIMIT + 1 + PARALLEL
