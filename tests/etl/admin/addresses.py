"""The addresses of a model's pages."""

from typing import Any

from django.db.models import Model
from django.urls import reverse


def _name(model: type[Model], page: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def list_of(model: type[Model]) -> str:
    return reverse(_name(model, "changelist"))


def add(model: type[Model]) -> str:
    return reverse(_name(model, "add"))


def page_of(row: Any) -> str:
    return reverse(_name(type(row), "change"), args=[row.pk])


def delete(row: Any) -> str:
    return reverse(_name(type(row), "delete"), args=[row.pk])


def history(row: Any) -> str:
    return reverse(_name(type(row), "history"), args=[row.pk])
