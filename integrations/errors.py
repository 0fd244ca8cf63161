"""What may go wrong in a stage: again later, again at a given time, or never."""

from datetime import datetime


class StageError(Exception):
    """Base of every error that a stage raises on purpose; the message names the call and the value."""


class Transient(StageError):
    """May work when tried again: a lost connection, a server error, a deadlock."""


class RateLimited(StageError):
    """The other side asked to wait until `until` (aware, UTC); uses up no try."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class Permanent(StageError):
    """Will fail again in the same way: bad input, wrong credentials."""
