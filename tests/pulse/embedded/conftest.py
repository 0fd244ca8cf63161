import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulse.embedded import EmbeddedPostgres


def _temporary_home() -> Iterator[Path]:
    # Not tmp_path: its name is too long for a socket.
    home = Path(tempfile.mkdtemp(prefix="pulse-test-", dir="/tmp")).resolve()
    try:
        yield home
    finally:
        EmbeddedPostgres(home).stop()
        shutil.rmtree(home)


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A short folder in which there is no database yet."""
    yield from _temporary_home()


@pytest.fixture(scope="module")
def used_home() -> Iterator[Path]:
    """A folder that the module's tests share, because creating a database takes most of a second."""
    yield from _temporary_home()


@pytest.fixture
def home(used_home: Path) -> Iterator[Path]:
    """The shared folder, with its server stopped before and after the test."""
    yield used_home
    EmbeddedPostgres(used_home).stop()
