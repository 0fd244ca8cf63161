"""What services that change mappings raise. The API answers with it, the admin's forms show it."""

from collections.abc import Mapping


class Refused(Exception):
    """Nothing was saved: ``errors`` says by field what is wrong, naming the value."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{field}: {message}" for field, message in self.errors.items()))


class Outdated(Refused):
    """Somebody else saved meanwhile: look again at what there is before you save."""
