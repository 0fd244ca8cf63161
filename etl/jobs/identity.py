"""Which worker this process is: the row of the workers' table that its leases name."""

_row_id: int | None = None


def current() -> int | None:
    """The id of this process's row; None where it takes no messages."""
    return _row_id


def assume(row_id: int | None) -> None:
    """Makes this process that worker, or none."""
    global _row_id
    _row_id = row_id
