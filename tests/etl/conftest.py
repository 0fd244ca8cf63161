"""What tests of moving data share."""

import pytest

from tests.support.brokers import RecordingBroker


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> RecordingBroker:
    """This process's broker: it keeps what is published."""
    broker = RecordingBroker()
    monkeypatch.setattr("etl.queue._broker", broker)
    return broker
