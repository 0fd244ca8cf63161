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


class TimedOut(Transient):
    """There was no answer in time: the same question may well take as long again."""


class RateLimited(StageError):
    """The other side asked to wait until `until` (aware, UTC; None where it does not say); uses up no try.

    ``least_seconds``, where it is known, is how long to wait at least where the other side does not say.
    """

    def __init__(self, message: str, until: datetime | None, least_seconds: float | None = None) -> None:
        super().__init__(message)
        self.until, self.least_seconds = until, least_seconds


class Permanent(StageError):
    """Will fail again in the same way: bad input, wrong credentials."""


class ForbiddenHost(Permanent):
    """A host that tenants may not have called: see `integrations.addresses`."""
