"""Lists of what was loaded, of which a caller chooses the columns: in pages of JSON, or whole as a file."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from operator import attrgetter
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.expressions import Col
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.errors import NoSuchRow
from etl.api.filters import in_periods, is_asked
from etl.models import WorkItem

M = TypeVar("M", bound=Model)


class ChosenAnswer(serializers.ModelSerializer[M]):
    """Tells of a row what its view's ``wanted`` names: in the schema nothing of it must be there (``chosen``).

    A row is what `read` gives: of the columns only those that are told. What a method tells is ``made_of`` columns.
    """

    chosen: ClassVar = True
    made_of: ClassVar[Mapping[str, Sequence[str]]] = {}

    @classmethod
    def read(cls, rows: QuerySet[Any], wanted: Iterable[str], *more: str) -> QuerySet[Any]:
        """The rows as named tuples of the columns of what is wanted, and ``more``."""
        told = cls._told()
        columns = [column for name in wanted for column in cls.made_of.get(name, (told[name].source,))]
        return rows.values_list(*dict.fromkeys((*columns, *more)), named=True)

    @classmethod
    @cache
    def _told(cls) -> Mapping[str, Any]:
        """The fields by name; made once, which takes milliseconds."""
        return cls().fields

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """What the base would tell, in a third of the time: most of a page's thousands of values are as they are."""
        return {name: tell(instance) for name, tell in self._tellers}

    @cached_property
    def _tellers(self) -> list[tuple[str, Callable[[Any], Any]]]:
        told = self._told()
        return [(name, self._teller(told[name])) for name in self.context["view"].wanted]

    def _teller(self, field: Any) -> Callable[[Any], Any]:
        """Tells the field's value of a row."""
        if isinstance(field, serializers.SerializerMethodField):
            method: Callable[[Any], Any] = getattr(self, str(field.method_name))
            return method
        read = attrgetter(field.source)
        if type(field) in _AS_THEY_ARE:
            return read
        write = _moment if type(field) is serializers.DateTimeField else field.to_representation

        def tell(row: Any) -> Any:
            value = read(row)
            return None if value is None else write(value)

        return tell


# Their values are what JSON has, or nothing.
_AS_THEY_ARE = (
    serializers.BooleanField,
    serializers.CharField,
    serializers.FloatField,
    serializers.IntegerField,
    serializers.JSONField,
    serializers.ReadOnlyField,
)


def _moment(value: datetime) -> str:
    """In UTC, as the database gives it, whatever zone the caller lives in."""
    return value.isoformat().replace("+00:00", "Z")


class Listing(ApiView):
    """Base of a list, whose form has ``fields``, and of one of its rows.

    ``keys`` are its order (see `etl.api.paging`), ``periods`` the columns of times that may be asked about, each by the
    name under which people know it.
    """

    keys: ClassVar[Sequence[str]]
    periods: ClassVar[Mapping[str, str]] = {}
    answer: ClassVar[type[ChosenAnswer[Any]]]

    @abstractmethod
    def told(self) -> QuerySet[Any]:
        """The tenant's rows, with whatever is told of them."""

    @abstractmethod
    def found(self) -> QuerySet[Any]:
        """Those that the form asks for, at whatever time."""

    @property
    def order(self) -> Sequence[str]:
        """By the time that is asked about, if any, else by the keys: rows of one time may stand side by side anywhere
        in the other order, and then a page takes as long as it takes to come to them."""
        return next(((column, "id") for name, column in self.periods.items() if is_asked(name, self.given)), self.keys)

    @property
    def wanted(self) -> Sequence[str]:
        """What is told of a row, in the order of its answer."""
        names: Sequence[str] = self.answer.Meta.fields
        asked = self.given.get("fields", names)
        return [name for name in names if name in asked]

    def chosen(self) -> QuerySet[Any]:
        """Those that the form asks for: of each what is wanted, and what its place in the order is."""
        rows = in_periods(self.found(), self.given, self.periods)
        return self.answer.read(rows, self.wanted, *(key.lstrip("-") for key in self.order))

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
        return Response(self.page(self.chosen(), self.order, self.answer))


class Single(Listing):
    """GET: one row of the list, with all there is of it."""

    def get(self, request: Request, pk: int) -> Response:
        row = self.answer.read(self.told().filter(pk=pk), self.wanted).first()
        if row is None:
            raise NoSuchRow("id", pk)
        return Response(self.answer(row, context={"view": self}).data)


def short(names: Iterable[str], *long: str) -> tuple[str, ...]:
    """What a list tells where nobody says what: all but those."""
    return tuple(name for name in names if name not in long)


def item_id() -> Col:
    """The id of a joined work item: F("work_item__id") would be the other table's column, which has the same value."""
    return Col(WorkItem._meta.db_table, WorkItem._meta.get_field("id"))
