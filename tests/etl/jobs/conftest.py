"""What tests of jobs share."""

from collections.abc import Iterator

import pytest

from tests.support.scripted import Scripted, scripted_site


@pytest.fixture
def scripted(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """An integration with a site that the test holds in its hands."""
    with scripted_site(monkeypatch) as made:
        yield made
