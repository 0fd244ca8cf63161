"""Numbers of rows, as addresses and forms say them."""

LARGEST_ID = 2**63 - 1


def row_id(text: str) -> int | None:
    """The number that the text is; None where no row can have it."""
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID))
    return int(text) if fits and int(text) <= LARGEST_ID else None
