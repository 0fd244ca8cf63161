"""What may go wrong in a stage: again later, again at a given time, or never."""

from datetime import datetime


class StageError(Exception):
    """Base of every error that a stage raises on purpose; the message names the call and the value.

    ``status`` is that of the HTTP answer, where one was the cause.
    """

    status: int | None = None


class Transient(StageError):
    """May work when tried again: a lost connection, a server error, a deadlock."""


class Passing(Transient):
    """Transient, and so often gone at once that the same call is made a second time before it counts."""


class RateLimited(StageError):
    """The other side asked to wait until `until` (aware, UTC; None where it does not say); uses up no try."""

    def __init__(self, message: str, until: datetime | None) -> None:
        super().__init__(message)
        self.until = until


class Permanent(StageError):
    """Will fail again in the same way: bad input, wrong credentials."""
