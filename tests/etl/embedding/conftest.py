import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.embedding.edge_store import EdgeStore
from etl.embedding.encoder import MiniLm
from etl.embedding.qdrant_store import QdrantStore
from etl.embedding.store import VectorStore
from tests.etl.embedding.qdrant_standin import QdrantStandIn

API_KEY = "key-of-the-stand-in"
REAL_SERVER = "PULSE_TEST_QDRANT_URL"


@pytest.fixture(autouse=True)
def _encoder() -> None:
    """The real one."""


@pytest.fixture(autouse=True)
def memory_store() -> None:
    """The real one."""


@pytest.fixture
def standin() -> Iterator[QdrantStandIn]:
    server = QdrantStandIn(API_KEY)
    yield server
    server.stop()


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[EdgeStore]:
    store = EdgeStore(tmp_path / "vectors")
    yield store
    store.close()


@pytest.fixture
def qdrant(standin: QdrantStandIn, recwarn: pytest.WarningsRecorder) -> Iterator[QdrantStore]:
    """On the stand-in; `recwarn` takes the client's warning about a key sent without TLS."""
    store = QdrantStore(standin.url, API_KEY)
    yield store
    store.close()


@pytest.fixture
def real_server() -> Iterator[QdrantStore]:
    store = QdrantStore(os.environ[REAL_SERVER])
    yield store
    store.close()


@pytest.fixture(params=["edge", "qdrant", *(["real_server"] if REAL_SERVER in os.environ else [])])
def store(request: pytest.FixtureRequest) -> VectorStore:
    chosen: VectorStore = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(scope="session")
def encoder() -> MiniLm:
    return MiniLm()
