"""Typed reading of a JSON object that somebody else wrote."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import orjson

from integrations.errors import Permanent

SHOWN_CHARACTERS = 80
LARGEST_INTEGER = 2**63 - 1  # a bigint
T = TypeVar("T")


class Undecodable(Permanent):
    """A message that cannot be read; says which field and which value."""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


class Fields:
    """The fields of one object. Absent and null are the same; the wrong type raises Undecodable."""

    def __init__(self, values: Mapping[str, object], path: str = "") -> None:
        self._values = values
        self._path = path

    @classmethod
    def of_json(cls, body: bytes) -> "Fields":
        """The fields of a JSON object in UTF-8."""
        try:
            values = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Undecodable(f"the body is not JSON ({error}): {_shown(body)}") from error
        if not isinstance(values, dict):
            raise Undecodable(f"the body is not a JSON object: {_shown(body)}")
        return cls(values)

    def integer(self, name: str, default: int | None = None, within: tuple[int, int] | None = None) -> int:
        """A whole number of 64 bits, never a boolean; required where there is no default."""
        value = self._required(name, self.optional_integer(name), default)
        if within is not None and not within[0] <= value <= within[1]:
            raise self._wrong(name, f"a whole number within {within[0]}..{within[1]}", value)
        return value

    def optional_integer(self, name: str) -> int | None:
        """A whole number, or None."""
        value = self._values.get(name)
        return None if value is None else self._integer(name, value)

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers, empty where it is missing."""
        return tuple(self._integer(name, value) for value in self._list(name))

    def text(self, name: str, one_of: Sequence[str] = ()) -> str:
        """A text, not empty; one of some words where they are given."""
        value = self._required(name, self.optional_text(name), None)
        if not value or (one_of and value not in one_of):
            raise self._wrong(name, f"one of {', '.join(one_of)}" if one_of else "a text that is not empty", value)
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None."""
        value = self._values.get(name)
        return None if value is None else self._text(name, value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, empty where it is missing."""
        return tuple(self._text(name, value) for value in self._list(name))

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean; 0 and 1 are none."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def moment(self, name: str) -> datetime | None:
        """An ISO 8601 date as UTC; without a zone it is UTC already."""
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._wrong(name, "an ISO 8601 date", text) from None

    def value(self, name: str) -> object:
        """The value as it is, None where it is missing."""
        return self._values.get(name)

    def nested(self, name: str) -> "Fields":
        """The fields of an object inside this one; none where it is missing."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._wrong(name, "an object", value)
        return Fields(value or {}, f"{self._path}{name}.")

    def _required(self, name: str, value: T | None, default: T | None) -> T:
        found = default if value is None else value
        if found is None:
            raise Undecodable(f"{self._path}{name} is missing")
        return found

    def _list(self, name: str) -> Sequence[object]:
        value = self._values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._wrong(name, "a list", value)
        return value

    def _integer(self, name: str, value: object) -> int:
        # Python counts True as an int, JSON does not
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST_INTEGER:
            raise self._wrong(name, "a whole number", value)
        return value

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str):
            raise self._wrong(name, "a text", value)
        return value

    def _wrong(self, name: str, expected: str, value: object) -> Undecodable:
        return Undecodable(f"{self._path}{name} is {_shown(value)}, not {expected}")
