"""Filters that several lists share: periods of time."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers

M = TypeVar("M", bound=Model)

_ENDS = {"from": "gte", "to": "lt"}


def period_fields(*names: str) -> dict[str, serializers.DateTimeField]:
    """``NAME_from`` and ``NAME_to`` of each name; a date alone is its midnight in UTC."""
    return {f"{name}_{end}": serializers.DateTimeField(required=False) for name in names for end in _ENDS}


def is_asked(name: str, given: Mapping[str, Any]) -> bool:
    """Whether a period was given by that name."""
    return any(f"{name}_{end}" in given for end in _ENDS)


def in_periods(rows: QuerySet[M], given: Mapping[str, Any], columns: Mapping[str, str]) -> QuerySet[M]:
    """The rows whose columns are in the periods that were given by those names: from on, and before to."""
    return rows.filter(
        **{
            f"{column}__{lookup}": given[f"{name}_{end}"]
            for name, column in columns.items()
            for end, lookup in _ENDS.items()
            if f"{name}_{end}" in given
        }
    )
