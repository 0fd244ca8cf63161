"""A row of any model, every column filled, so that no page can hide one."""

import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db import models
from django.utils import timezone

import pulse.urls  # noqa: F401  (finds the pages)
from pulse.tenancy.models import Tenant, User
from pulse.tenancy.scoping import tenant_path

HOSTILE = "<script>alert(1)</script>"
APPS = ("tenancy", "integrations", "custommapping", "etl")
PAGES = sorted(admin.site._registry.items(), key=lambda entry: entry[0]._meta.label)
OWNED = [(model, page) for model, page in PAGES if tenant_path(model)]

_FIXED: Mapping[str, Any] = {"provider": "jira", "is_superuser": False, "is_active": True, "active": True}
_BY_TYPE: list[tuple[type["models.Field[Any, Any]"], Callable[[int], Any]]] = [
    (models.UUIDField, lambda number: uuid.uuid4()),
    (models.JSONField, lambda number: {"text": HOSTILE, "number": number}),
    (models.DateTimeField, lambda number: timezone.now()),
    (models.DateField, lambda number: timezone.now().date()),
    (models.BooleanField, lambda number: True),
    (models.DecimalField, lambda number: Decimal(number)),
    (models.IntegerField, lambda number: number),
    (models.FloatField, float),
    (models.BinaryField, lambda number: b"\x89PNG"),
    (models.URLField, lambda number: f"https://site.test/{number}"),
    (models.GenericIPAddressField, lambda number: "127.0.0.1"),
]


class Rows:
    """Makes rows of one tenant; what they refer to is made once per number."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._made: dict[tuple[type[models.Model], int], Any] = {}

    def row(self, model: type[models.Model], number: int = 1) -> Any:
        """The tenant's row of that number. Its texts hold the tenant's name."""
        if model is Tenant:
            return self.tenant
        key = (model, number)
        if key not in self._made:
            fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
            values = {field.name: self._value(model, field, number) for field in fields}
            self._made[key] = model._default_manager.create(**values)
        return self._made[key]

    def _value(self, model: type[models.Model], field: Any, number: int) -> Any:
        if field.name in _FIXED:
            return _FIXED[field.name]
        if field.name == "secrets":
            return {"api_token": f"token of {self.tenant}"}
        if field.is_relation:
            return None if field.related_model is model else self.row(field.related_model, number)
        if field.choices:
            return field.choices[0][0]
        return self._plain(field, number, model._meta.model_name)

    def _plain(self, field: Any, number: int, kind_of_row: str | None) -> Any:
        for kind, make in _BY_TYPE:
            if isinstance(field, kind):
                return make(number)
        return f"{number} {self.tenant} {kind_of_row} {HOSTILE}"[: field.max_length]


def staff(name: str, tenant: Tenant | None, role: str = "administrator", **more: Any) -> User:
    """A person that may come into the admin."""
    return User.objects.create_user(name, password="right horse", tenant=tenant, role=role, is_staff=True, **more)
