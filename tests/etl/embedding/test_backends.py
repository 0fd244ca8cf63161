from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from etl.embedding.backends import close_stores, get_encoder, get_store
from etl.embedding.edge_store import EdgeStore
from etl.embedding.qdrant_store import QdrantStore
from integrations.errors import Transient


@pytest.fixture(autouse=True)
def own_stores(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.PULSE_HOME = tmp_path
    settings.QDRANT_URL = settings.QDRANT_API_KEY = ""
    yield
    close_stores()


def test_without_a_server_the_vectors_are_below_the_home_folder(tmp_path: Path) -> None:
    store = get_store()
    store.ensure_collection("tenant_1", 2)

    assert isinstance(store, EdgeStore)
    assert (tmp_path / "vectors" / "tenant_1").is_dir()


def test_with_a_server_its_store_is_used(settings: Settings) -> None:
    settings.QDRANT_URL = "http://127.0.0.1:1"

    assert isinstance(get_store(), QdrantStore)


def test_threads_share_one_store_and_one_encoder() -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = set(pool.map(lambda _: get_store(), range(8)))
        encoders = set(pool.map(lambda _: id(get_encoder()), range(8)))

    assert len(stores) == 1
    assert len(encoders) == 1


def test_after_closing_the_store_is_opened_anew() -> None:
    first = get_store()
    first.ensure_collection("tenant_1", 2)

    close_stores()

    assert get_store().count("tenant_1") == 0
    with pytest.raises(Transient, match="closed"):
        first.count("tenant_1")
