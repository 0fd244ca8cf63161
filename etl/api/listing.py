"""Lists of what was loaded, of which a caller chooses the columns: in pages of JSON, or whole as a file."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.errors import NoSuchRow

M = TypeVar("M", bound=Model)


class ChosenAnswer(serializers.ModelSerializer[M]):
    """Tells of a row what its view's ``wanted`` names: in the schema nothing of it must be there (``chosen``)."""

    chosen: ClassVar = True

    def get_fields(self) -> dict[str, Any]:
        wanted = self.context["view"].wanted
        return {name: field for name, field in super().get_fields().items() if name in wanted}


class Listing(ApiView):
    """Base of a list, whose form has ``fields``, and of one of its rows.

    ``keys`` are its order (see `etl.api.paging`), ``long`` the columns that are read only where they are told, by the
    names under which the answer tells them.
    """

    keys: ClassVar[Sequence[str]]
    answer: ClassVar[type[ChosenAnswer[Any]]]
    long: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def found(self) -> QuerySet[Any]:
        """The rows that the form asks for."""

    @property
    def wanted(self) -> Sequence[str]:
        """What is told of a row, in the order of its answer."""
        names: Sequence[str] = self.answer.Meta.fields
        asked = self.given.get("fields", names)
        return [name for name in names if name in asked]

    def found_lightly(self) -> QuerySet[Any]:
        """The same without the long columns that nobody asked for."""
        return self.found().defer(*(column for name, column in self.long.items() if name not in self.wanted))

    def named(self, model: type[Model], parameter: str, column: str) -> list[int]:
        """The rows of a catalogue that the parameter names: each integration may have some. Raises NoSuchRow."""
        value = self.given[parameter]
        found = list(self.filtered(self.rows(model)).filter(**{column: value}).values_list("pk", flat=True))
        if not found:
            raise NoSuchRow(parameter, value)
        return found


class Pages(Listing):
    """GET: a page of the list."""

    def get(self, request: Request) -> Response:
        return Response(self.page(self.found_lightly(), self.keys, self.answer))


def short(names: Iterable[str], *long: str) -> tuple[str, ...]:
    """What a list tells where nobody says what: all but those."""
    return tuple(name for name in names if name not in long)
