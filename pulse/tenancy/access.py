"""Whose rows a request may reach: who asks is found out among all tenants, and the answer is given within one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import update_last_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from pulse.postgres.scope import nobody_scope, platform_scope, tenant_scope
from pulse.tenancy import choosing
from pulse.tenancy.audit import acting, actor_of
from pulse.tenancy.models import User
from pulse.tenancy.throttling import Try

_OWN_PAGES = ("account", "admin:password_change")


def scope_of(user: object) -> AbstractContextManager[None]:
    """What the user may reach: a superuser all tenants' rows or the chosen one's, a member the tenant's."""
    if not isinstance(user, User) or not user.may_enter:
        return nobody_scope()
    if user.sees_all:
        return platform_scope()
    return tenant_scope(user.only_tenant_id) if user.only_tenant_id else nobody_scope()


def _reach(request: HttpRequest) -> AbstractContextManager[None]:
    """What the request may reach. On pages about themselves superusers reach their own row, which is no tenant's."""
    user = request.user
    if isinstance(user, User) and user.is_superuser and request.path in map(reverse, _OWN_PAGES):
        return platform_scope()
    return scope_of(user)


class AccessMiddleware:
    """Answers each request within the rows that its session's user may reach, whose doing it is.

    After Django's authentication.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        choosing.take_up(request)
        with _reach(request), acting(actor_of(request)):
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

    def user_can_authenticate(self, user: Any) -> bool:
        return isinstance(user, User) and user.may_enter

    def get_user(self, user_id: int) -> User | None:
        with platform_scope():
            user = User.objects.select_related("tenant").filter(pk=user_id).first()
        return user if user and user.may_enter else None


def as_now(user: User) -> User | None:
    """The user as they are now; None where they may enter no more, or have another password since."""
    found = UserBackend().get_user(user.pk)
    same = found and constant_time_compare(found.get_session_auth_hash(), user.get_session_auth_hash())
    return found if same else None


def note_login(user: User, **_: Any) -> None:
    """Django's receiver of each login, for users who are nobody until it is over."""
    with platform_scope():
        update_last_login(User, user)
