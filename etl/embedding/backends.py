"""Which vector store and which encoder this process uses; both are made at first use and shared by its threads."""

from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from django.conf import settings

from etl.embedding.store import VectorStore

if TYPE_CHECKING:
    from etl.embedding.encoder import Encoder

# functools.cache alone would let two threads make one each, and the second embedded store finds its files locked.
_lock = Lock()
_stores: dict[tuple[str, str, str], VectorStore] = {}


def get_store() -> VectorStore:
    """The server at QDRANT_URL, where that is set; else the embedded store below PULSE_HOME."""
    key = (settings.QDRANT_URL, settings.QDRANT_API_KEY, str(settings.PULSE_HOME))
    with _lock:
        if key not in _stores:
            _stores[key] = _open(*key)
        return _stores[key]


def close_stores() -> None:
    """Let go of the store's files and connections; the next get_store() opens it again."""
    with _lock:
        while _stores:
            _stores.popitem()[1].close()


def get_encoder() -> "Encoder":
    """The model takes 0.3 s and 250 MB, once."""
    with _lock:
        return _encoder()


def _open(url: str, api_key: str, home: str) -> VectorStore:
    # Imported here so that a process loads only the client that it uses.
    if url:
        from etl.embedding.qdrant_store import QdrantStore

        return QdrantStore(url, api_key)
    from etl.embedding.edge_store import EdgeStore

    return EdgeStore(Path(home) / "vectors")


@cache
def _encoder() -> "Encoder":
    # Imported here so that a process that embeds nothing has neither numpy nor its threads.
    from etl.embedding.encoder import MiniLm

    return MiniLm()
