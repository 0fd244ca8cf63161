"""What is said of the vector store and the model."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from etl.doctor import vectors
from etl.doctor.results import State
from etl.embedding.backends import close_stores
from tests.etl.embedding.qdrant_standin import QdrantStandIn

KEY = "key-of-the-stand-in"


@pytest.fixture(autouse=True)
def _encoder() -> None:
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


def test_the_model_makes_vectors_of_384_dimensions() -> None:
    assert vectors.model().said.endswith(", 384 dimensions")


def test_a_model_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from etl.embedding.encoder import MiniLm

    monkeypatch.setattr("etl.embedding.encoder.MODEL_PACKAGE", "no_such_package")
    monkeypatch.setattr("etl.doctor.vectors.get_encoder", MiniLm)
    found = vectors.model()
    assert "no_such_package" in found.said
    assert "pip install" in found.advice
