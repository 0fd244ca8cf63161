"""Encoders for tests that end runs and search for nothing."""


class NoEncoder:
    """Costs nothing: the same vector for every text."""

    model = "none"
    dimensions = 3

    def encode(self, texts: list[str]) -> list[list[float]]:
        return [[1.0, 0.0, 0.0] for _ in texts]
