"""Of many things that are done alike, one that fails holds up no other."""

import logging

import pytest
from django.db import OperationalError

from etl.jobs.isolating import isolated
from etl.jobs.states import IllegalTransition


@pytest.mark.parametrize(
    ("error", "level"), [(RuntimeError("broken"), logging.ERROR), (IllegalTransition("it runs"), logging.INFO)]
)
def test_what_goes_wrong_is_logged_with_what_it_kept_from_being_done(
    caplog: pytest.LogCaptureFixture, error: Exception, level: int
) -> None:
    caplog.set_level(logging.INFO)
    done = []
    for number in range(3):
        with isolated(f"{number} could not be done"):
            if number == 1:
                raise error
            done.append(number)

    assert done == [0, 2]
    (record,) = caplog.records
    assert record.levelno == level
    assert "1 could not be done" in record.getMessage()
    assert str(error) in caplog.text


def test_trouble_of_the_database_is_everybodys() -> None:
    with pytest.raises(OperationalError), isolated("it could not be done"):
        raise OperationalError("the server is gone")
