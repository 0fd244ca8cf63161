"""What can go wrong with the embedded server, in one exception."""


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot be found, created, started or stopped; the text says why and where to look."""
