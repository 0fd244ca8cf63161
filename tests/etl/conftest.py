"""What tests of moving data share."""

from collections.abc import Iterator

import pytest

from etl.embedding import backends
from etl.extraction import reading
from pulse.tenancy.models import Tenant
from tests.etl.admin.rows import Rows
from tests.support.brokers import RecordingBroker
from tests.support.encoders import NoEncoder
from tests.support.scripted import Scripted, scripted_site
from tests.support.scripted_host import ScriptedHost
from tests.support.vectors import MemoryStore


@pytest.fixture
def acme(db: None) -> Rows:
    return Rows(Tenant.objects.create(name="Acme"))


@pytest.fixture
def rival(db: None) -> Rows:
    return Rows(Tenant.objects.create(name="Rival"))


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> RecordingBroker:
    """This process's broker: it keeps what is published."""
    broker = RecordingBroker()
    monkeypatch.setattr("etl.queue._broker", broker)
    return broker


@pytest.fixture
def scripted(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A scripted site that is connected and has nothing in it."""
    with scripted_site(monkeypatch) as made:
        yield made


@pytest.fixture
def hosted(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A scripted host of code that is connected and has nothing in it."""
    with scripted_site(monkeypatch, ScriptedHost) as made:
        yield made


@pytest.fixture(autouse=True)
def _encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vectors of this process cost nothing, where a test does not want real ones."""
    encoder = NoEncoder()
    monkeypatch.setattr(backends, "_encoder", lambda: encoder)


@pytest.fixture(autouse=True)
def memory_store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore | None:
    """The vector store of this process is in memory, where a test does not want the real one, which waits for disks."""
    store = MemoryStore()
    monkeypatch.setattr(backends, "_stores", {})
    monkeypatch.setattr(backends, "_open", lambda *_: store)
    return store


@pytest.fixture(autouse=True)
def _one_thread_in_one_transaction(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test's rows are never committed, a thread that fetches ahead could wait for them for ever."""
    marker = request.node.get_closest_marker("django_db")
    if not (marker and marker.kwargs.get("transaction")) and "transactional_db" not in request.fixturenames:
        monkeypatch.setattr(reading, "KEEP_SECONDS", 0.0)


@pytest.fixture
def page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers put a partition back after each page, so that a test can look in between."""
    monkeypatch.setattr(reading, "KEEP_SECONDS", 0.0)
