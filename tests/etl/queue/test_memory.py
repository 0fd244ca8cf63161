"""What only the in-process broker says: whether anybody listens here."""

from collections.abc import Iterator

import pytest

from etl.queue.memory import MemoryBroker
from etl.queue.topology import FAILED_QUEUE, JOBS_QUEUE
from tests.etl.queue.recorder import Recorder, consuming


@pytest.fixture
def memory() -> Iterator[MemoryBroker]:
    broker = MemoryBroker()
    yield broker
    broker.close()


def test_it_delivers_here_only_while_somebody_takes_work(memory: MemoryBroker) -> None:
    assert not memory.delivers_here
    with consuming(memory, FAILED_QUEUE, Recorder()):
        assert not memory.delivers_here
        with consuming(memory, JOBS_QUEUE, Recorder()):
            assert memory.delivers_here
    assert not memory.delivers_here
