"""Whose rows a request may reach: who asks is found out among all tenants, and the answer is given within one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import update_last_login
from django.http import HttpRequest, HttpResponse

from pulse.postgres.scope import nobody_scope, platform_scope, tenant_scope
from pulse.tenancy.audit import acting, actor_of
from pulse.tenancy.models import User
from pulse.tenancy.throttling import Try


def scope_of(user: object) -> AbstractContextManager[None]:
    """What the user may reach: a superuser all tenants' rows, a member the tenant's, anybody else none."""
    if not isinstance(user, User) or not user.is_active:
        return nobody_scope()
    if user.is_superuser:
        return platform_scope()
    return tenant_scope(user.tenant_id) if user.tenant_id else nobody_scope()


class AccessMiddleware:
    """Answers each request within the rows that its session's user may reach, whose doing it is.

    After Django's authentication.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with scope_of(request.user), acting(actor_of(request)):
            return self._get_response(request)


class UserBackend(ModelBackend):
    """Django's, asking among all tenants: whose user it is can be told only afterwards.

    The one way in with a name and a password, for the admin as for tokens: so tries are counted here.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:  # type: ignore[override]  # as Django
        """The user; None where name or password is wrong. Raises TooManyTries, which is a ValidationError of forms."""
        if "username" not in credentials:
            return None
        attempt = Try(request, str(credentials["username"]))
        attempt.begin()
        with platform_scope():
            user = super().authenticate(request, **credentials)
        if user is not None:
            attempt.succeeded()
        return user

    def get_user(self, user_id: int) -> User | None:
        with platform_scope():
            return User.objects.select_related("tenant").filter(pk=user_id, is_active=True).first()


def note_login(user: User, **_: Any) -> None:
    """Django's receiver of each login, for users who are nobody until it is over."""
    with platform_scope():
        update_last_login(User, user)
