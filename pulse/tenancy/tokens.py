"""JSON web tokens: given to a user for one tenant.

A token says for which tenant it was given. It ends with its time, and with the user's password, tenant or account; it
rests while the tenant is inactive.
"""

from typing import Any, TypeVar

from django.utils.crypto import constant_time_compare
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken, Token

from pulse.postgres.scope import platform_scope
from pulse.tenancy.models import User

T = TypeVar("T", bound=Token)

_USER, _TENANT, _SESSION = "user_id", "tenant_id", "session"


def user_of(kind: type[T], text: Any) -> tuple[User, T]:
    """Whose token of that kind the text is, and the token. Raises AuthenticationFailed, which says why it is none."""
    try:
        token = kind(text)
    except TokenError as error:
        raise AuthenticationFailed(f"the {kind.token_type} token does not hold: {error}") from error
    with platform_scope():
        user = User.objects.select_related("tenant").filter(pk=token[_USER]).first()
    if user is None or not user.may_enter or not _still_holds(token, user):
        raise AuthenticationFailed("the user, or the user's password or tenant, was changed or switched off")
    return user, token


def _still_holds(token: Token, user: User) -> bool:
    session = str(token.get(_SESSION, ""))
    return token.get(_TENANT) == user.tenant_id and constant_time_compare(session, user.get_session_auth_hash())


def new_tokens(user: User) -> RefreshToken:
    """A refresh token, of which access tokens can be had."""
    token = RefreshToken.for_user(user)
    token[_TENANT] = user.tenant_id
    token[_SESSION] = user.get_session_auth_hash()
    return token
