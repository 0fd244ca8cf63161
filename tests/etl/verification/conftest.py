import pytest
from django.utils import timezone

from custommapping.models import Project
from etl.jobs import lifecycle
from etl.load.merging import Source
from etl.load.vectors import queue_vectors
from etl.models import Overall
from integrations.models import Integration
from tests.etl.verification.making import MANY, done
from tests.support.making import an_integration
from tests.support.scripted import ITEMS, Scripted
from tests.support.vectors import MemoryStore


@pytest.fixture
def store(memory_store: MemoryStore) -> MemoryStore:
    """The vector store of this process."""
    return memory_store


@pytest.fixture
def synced(scripted: Scripted, store: MemoryStore) -> Scripted:
    """A large project and a small one, all of which was read."""
    scripted.world.page = 50
    scripted.project("1", MANY)
    scripted.project("2", 3)
    run = lifecycle.start(scripted.job.pk, trigger="test")
    integration = scripted.integration
    source = Source(integration.tenant_id, integration.pk, 0, run.pk, ITEMS, "SCRIPTED", timezone.now())
    queue_vectors(source, "projects", list(Project.objects.values_list("pk", flat=True)))
    assert done(run).status == Overall.FINISHED
    scripted.world.calls.clear()
    return scripted


@pytest.fixture
def integration(db: None) -> Integration:
    return an_integration()
