"""Whose rows a person may see, in the admin and the API, and who may change them."""

from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from pulse.tenancy.models import Role, Tenant, User

M = TypeVar("M", bound=Model)

RANKS = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMINISTRATOR: 2}


def person(request: HttpRequest) -> User:
    """Who asks. Before the login it is Django's anonymous user, which is no staff."""
    return cast(User, request.user)


def has_role(user: User, least: Role) -> bool:
    """Whether the user may do what at least that role may. Superusers may do everything."""
    return user.is_superuser or RANKS[Role(user.role)] >= RANKS[least]


def tenant_path(model: type[Model]) -> str | None:
    """The field that names a row's tenant; None where the rows are the installation's own."""
    if model is Tenant:
        return "pk"
    return "tenant" if any(field.name == "tenant" for field in model._meta.fields) else None


def visible_to(user: User, rows: QuerySet[M], tenant: Tenant | None = None) -> QuerySet[M]:
    """All rows for a superuser who has chosen no tenant; else those of the one tenant that the user looks at.

    Where a tenant is named, only its rows. Tables that belong to no tenant, and superusers that belong to one, are for
    superusers alone.
    """
    path = tenant_path(rows.model)
    if tenant is not None:
        rows = rows.filter(**{path: tenant.pk}) if path else rows.none()
    if user.sees_all or (user.is_superuser and path is None):
        return rows
    if path is None or user.only_tenant_id is None:
        return rows.none()
    own: dict[str, Any] = {path: user.only_tenant_id}
    if issubclass(rows.model, User) and not user.is_superuser:
        own["is_superuser"] = False
    return rows.filter(**own)
