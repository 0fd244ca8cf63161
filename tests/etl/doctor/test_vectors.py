"""What is said of the vector store and the model."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from etl.doctor import vectors
from etl.doctor.results import State
from etl.embedding.backends import close_stores
from etl.embedding.edge_store import EdgeStore
from pulse.tenancy.models import Tenant
from tests.etl.embedding.qdrant_standin import Collection, QdrantStandIn
from tests.support.encoders import NoEncoder

KEY = "key-of-the-stand-in"


@pytest.fixture(autouse=True)
def _encoder() -> None:
    """The real one."""


@pytest.fixture(autouse=True)
def memory_store() -> None:
    """The real one."""


@pytest.fixture
def qdrant(settings: Settings) -> Iterator[QdrantStandIn]:
    server = QdrantStandIn(KEY)
    settings.QDRANT_URL, settings.QDRANT_API_KEY = server.url, KEY
    yield server
    close_stores()
    server.stop()


def test_a_server_that_answers_is_well(qdrant: QdrantStandIn) -> None:
    found = vectors.store()
    assert found.state is State.OK
    assert found.said.startswith("Qdrant has 0 collections")


def test_a_server_that_refuses_us_is_told_from_one_that_is_away(qdrant: QdrantStandIn, settings: Settings) -> None:
    settings.QDRANT_API_KEY = "another"
    assert "QDRANT_API_KEY" in vectors.store().advice
    settings.QDRANT_URL = "http://127.0.0.1:9"
    assert vectors.store().advice == "start Qdrant, or correct QDRANT_URL"


def test_the_embedded_index_is_looked_at_without_opening_it(settings: Settings, tmp_path: Path) -> None:
    settings.QDRANT_URL, settings.PULSE_HOME = "", tmp_path
    assert vectors.store().said == f"embedded, 0 collections in {tmp_path}/vectors"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(settings: Settings) -> None:
    settings.QDRANT_URL, settings.PULSE_HOME = "", Path("/dev/null")
    found = vectors.store()
    assert (found.state, found.advice) == (State.FAILED, "give the user of Pulse the folder /dev/null")


@pytest.mark.django_db
def test_a_tenants_collection_of_other_dimensions_is_told(qdrant: QdrantStandIn) -> None:
    Tenant.objects.create(name="Empty")
    ours = f"tenant_{Tenant.objects.create(name='Acme').pk}"
    qdrant.collections |= {"somebody_elses": Collection(3), ours: Collection(vectors.DIMENSIONS)}
    assert vectors.collections().said == "1 of tenants, 384 dimensions"
    qdrant.collections[ours] = Collection(768)
    found = vectors.collections()
    assert (found.state, found.said) == (State.FAILED, f"{ours} has 768 dimensions, not 384")
    assert "verify --repair" in found.advice


@pytest.mark.django_db
def test_an_embedded_collection_of_other_dimensions_is_told_though_another_has_it_open(
    settings: Settings, tmp_path: Path
) -> None:
    settings.QDRANT_URL, settings.PULSE_HOME = "", tmp_path
    name = f"tenant_{Tenant.objects.create(name='Acme').pk}"
    owner = EdgeStore(tmp_path / "vectors")
    owner.ensure_collection(name, 3)
    assert vectors.collections().said == f"{name} has 3 dimensions, not 384"
    owner.close()


def test_the_model_makes_vectors_of_384_dimensions() -> None:
    assert vectors.model().said.endswith(", 384 dimensions")


def test_a_model_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from etl.embedding.encoder import MiniLm

    monkeypatch.setattr("etl.embedding.encoder.MODEL_PACKAGE", "no_such_package")
    monkeypatch.setattr("etl.doctor.vectors.get_encoder", MiniLm)
    found = vectors.model()
    assert "no_such_package" in found.said
    assert "pip install" in found.advice


def test_a_model_that_breaks_while_it_loads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("Protobuf parsing failed")

    monkeypatch.setattr("etl.doctor.vectors.get_encoder", broken)
    found = vectors.model()
    assert (found.state, found.said) == (State.FAILED, "RuntimeError: Protobuf parsing failed")
    assert "pip install" in found.advice


def test_a_model_that_makes_other_vectors_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = NoEncoder()
    monkeypatch.setattr(encoder, "encode", lambda texts: [[0.0] * 768])
    monkeypatch.setattr("etl.doctor.vectors.get_encoder", lambda: encoder)
    assert vectors.model().said == "its vectors have 768 dimensions, not 384"
