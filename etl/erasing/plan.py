"""What is to be deleted of a connection or a tenant, and in which order: as the models' references say.

So nothing has to be added here for a new table.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.db import models

from integrations.models import Integration
from pulse.tenancy.models import Erasure, Tenant

TENANT, INTEGRATION = "tenant_id", "integration_id"
ROOTS: Mapping[str, type[models.Model]] = {TENANT: Tenant, INTEGRATION: Integration}
# References that are told in words only: table → (column, the table that it refers to).
_LOOSE = {"etl_dead_letters": ("run_id", "etl_job_runs")}

Model = type[models.Model]


@dataclass(frozen=True)
class Step:
    """Rows ``t`` of a table that are to be deleted, or in which a reference, ``clears``, is to be emptied.

    The condition's parameters are ``id`` and ``tenant``.
    """

    table: str
    key: str
    condition: str
    clears: str = ""


@cache
def steps(column: str) -> tuple[Step, ...]:
    """In order: what refers to a row goes before it. The root's own row is none of them."""
    conditions = _conditions(column)
    return tuple(step for model in _in_order(conditions) for step in _steps_of(model, conditions, column))


def _models() -> list[Model]:
    return [model for model in apps.get_models(include_auto_created=True) if model is not Erasure]


def _conditions(column: str) -> dict[Model, str]:
    """What is to be deleted of each table, of rows called {t}."""
    found = {model: _own(model, column) for model in _models() if model is not ROOTS[column] and _own(model, column)}
    while True:
        more = {
            model: _owned_by(model) + _refers(field.column, field.related_model, found)
            for model in _models()
            if model not in found and model is not ROOTS[column]
            for field in _references(model)
            if field.related_model in found and not _is_emptied(field)
        }
        if not more:
            break
        found |= more
    tables = {model._meta.db_table: model for model in found}
    for model in _models():
        name, (told, target) = model._meta.db_table, _LOOSE.get(model._meta.db_table, ("", ""))
        if told and name not in tables:
            found[model] = _owned_by(model) + _refers(told, tables[target], found)
    return found


def _own(model: Model, column: str) -> str:
    """By its own column; empty where it has none."""
    if column not in _columns(model):
        return ""
    # Indexes begin with the tenant.
    return "{t}.tenant_id = %(tenant)s" + ("" if column == TENANT else " AND {t}.integration_id = %(id)s")


def _owned_by(model: Model) -> str:
    """What it refers to in words only may have the number of another tenant's row."""
    return "{t}.tenant_id = %(tenant)s AND " if TENANT in _columns(model) else ""


def _columns(model: Model) -> set[str]:
    return {str(field.column) for field in model._meta.concrete_fields}


def _references(model: Model) -> Iterator[Any]:
    """The references that the database checks."""
    for field in model._meta.concrete_fields:
        if field.is_relation and field.db_constraint:  # type: ignore[attr-defined]  # references have it
            yield field


def _is_emptied(field: Any) -> bool:
    """Whether the row stays, without the reference, where what it refers to goes."""
    return field.remote_field.on_delete is models.SET_NULL


def _refers(column: str, target: Model, conditions: Mapping[Model, str]) -> str:
    told = conditions[target].replace("{t}", "r")
    return f"{{t}}.{column} IN (SELECT r.{_key(target)} FROM {target._meta.db_table} r WHERE {told})"


def _key(model: Model) -> str:
    return str(model._meta.pk.column)


def _in_order(conditions: Mapping[Model, str]) -> Iterable[Model]:
    before: dict[Model, set[Model]] = {model: set() for model in conditions}
    tables = {model._meta.db_table: model for model in conditions}
    for model in conditions:
        for field in _references(model):
            if field.related_model in conditions and field.related_model is not model:
                before[field.related_model].add(model)
        if model._meta.db_table in _LOOSE:
            target = tables.get(_LOOSE[model._meta.db_table][1])
            if target:
                before[target].add(model)
    return TopologicalSorter(before).static_order()


def _steps_of(model: Model, conditions: Mapping[Model, str], column: str) -> Iterator[Step]:
    """What other owners' rows say of it, what its own rows say of each other, and then itself."""
    for other in _models():
        for field in _references(other):
            if field.related_model is model and field.null and (other is model or _is_emptied(field)):
                told = _refers(field.column, model, conditions)
                yield _step(other, told, conditions if other is not model else {}, clears=field.column)
            elif field.related_model is model and _spans(other, column):
                yield _step(other, _refers(field.column, model, conditions), conditions)
    yield _step(model, conditions[model], {})


def _spans(model: Model, column: str) -> bool:
    """Whether its rows may be of one connection and refer to another's: those that none refer to, as links."""
    referred_to = {field.related_model for other in _models() for field in _references(other)}
    return column == INTEGRATION and bool(_own(model, column)) and model not in referred_to


def _step(model: Model, told: str, without: Mapping[Model, str], clears: str = "") -> Step:
    """``without`` are conditions of what will be deleted anyway."""
    but = f" AND ({without[model]}) IS NOT TRUE" if model in without else ""
    condition = f"{told}{but}".replace("{t}", "t")
    return Step(model._meta.db_table, _key(model), condition, clears)
