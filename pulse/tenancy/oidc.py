"""Login by OpenID Connect, where OIDC_RP_CLIENT_ID is set: a provider says who somebody is, of which tenant and role.

A user is known by the claim in OIDC_USERNAME_CLAIM ("sub", which providers never give to another), belongs to the
tenant whose name is in OIDC_TENANT_CLAIM, and has with each login the role that is in OIDC_ROLE_CLAIM. Superusers do
not come in so: no provider can make one, or become one.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import requests
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import SuspiciousOperation
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView

from pulse.postgres.scope import platform_scope
from pulse.tenancy.access import UserBackend
from pulse.tenancy.models import Role, Tenant, User
from pulse.tenancy.scoping import RANKS

logger = logging.getLogger(__name__)

LONGEST_USERNAME = 150
LONGEST_NAME = 150


@dataclass(frozen=True)
class Identity:
    """Who the provider says that somebody is."""

    username: str
    tenant: Tenant
    role: Role
    email: str
    first_name: str
    last_name: str


class OidcBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # the library has no types
    """The library's, which besides looks for whom and by whom the token was made, and that all is about one person."""

    get_user = UserBackend.get_user

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        try:
            # Whose user it is can be told only afterwards.
            with platform_scope():
                found: User | None = super().authenticate(request, **credentials)
        except requests.RequestException as error:
            # What the provider said may have a token in it.
            logger.warning("no login: the OpenID provider gave no good answer: %s", type(error).__name__)
        except (SuspiciousOperation, jwt.PyJWTError, KeyError) as error:
            logger.warning("no login: the OpenID provider's token does not hold: %s", error)
        else:
            return found
        return None

    def verify_token(self, token: str, **more: Any) -> dict[str, Any]:
        payload: dict[str, Any] = super().verify_token(token, **more)
        audience = payload.get("aud")
        if settings.OIDC_RP_CLIENT_ID not in (audience if isinstance(audience, list) else [audience]):
            raise SuspiciousOperation(f"it is for {audience!r}")
        if payload.get("iss") != settings.OIDC_ISSUER:
            raise SuspiciousOperation(f"it is from {payload.get('iss')!r}")
        if "exp" not in payload:
            raise SuspiciousOperation("it has no end")
        return payload

    def get_userinfo(self, access_token: str, id_token: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What the token and the user's endpoint say."""
        info = super().get_userinfo(access_token, id_token, payload)
        if not payload.get("sub") or info.get("sub") != payload["sub"]:
            raise SuspiciousOperation("the user's endpoint tells of another user than the token")
        return {**payload, **info}

    def verify_claims(self, claims: Mapping[str, Any]) -> bool:
        identity_of(claims)
        return True

    def filter_users_by_claims(self, claims: Mapping[str, Any]) -> QuerySet[User]:
        return User.objects.filter(username=identity_of(claims).username)

    def create_user(self, claims: Mapping[str, Any]) -> User:
        found = identity_of(claims)
        user = User(username=found.username, tenant=found.tenant, is_staff=True)
        user.set_unusable_password()
        return _as_told(user, found)

    def update_user(self, user: User, claims: Mapping[str, Any]) -> User:
        found = identity_of(claims)
        if user.is_superuser or not user.is_active or user.tenant_id != found.tenant.pk:
            raise SuspiciousOperation(f"{found.username!r} is switched off, of another tenant, or a superuser")
        return _as_told(user, found)


def _as_told(user: User, found: Identity) -> User:
    user.role, user.email = found.role, found.email
    user.first_name, user.last_name = found.first_name, found.last_name
    user.save()
    return user


def identity_of(claims: Mapping[str, Any]) -> Identity:
    """Raises SuspiciousOperation, which names the claim that is missing or that nobody here knows."""
    username = _text(claims, settings.OIDC_USERNAME_CLAIM)
    if not 0 < len(username) <= LONGEST_USERNAME:
        raise SuspiciousOperation(f"the claim {settings.OIDC_USERNAME_CLAIM!r} is no name: {username[:200]!r}")
    name = _text(claims, settings.OIDC_TENANT_CLAIM)
    tenant = Tenant.objects.filter(name=name, active=True).first()
    if tenant is None:
        raise SuspiciousOperation(f"the claim {settings.OIDC_TENANT_CLAIM!r} names no active tenant: {name[:200]!r}")
    return Identity(
        username,
        tenant,
        _role(claims.get(settings.OIDC_ROLE_CLAIM)),
        _text(claims, "email")[:254],
        _text(claims, "given_name")[:LONGEST_NAME],
        _text(claims, "family_name")[:LONGEST_NAME],
    )


def _role(said: Any) -> Role:
    """The highest of the roles that are said, as one word or as a list; a viewer where nothing is."""
    words = said if isinstance(said, list) else [said or Role.VIEWER]
    known = [role for role in Role if role in words]
    if not known:
        raise SuspiciousOperation(f"the claim {settings.OIDC_ROLE_CLAIM!r} names no role: {str(said)[:200]!r}")
    return max(known, key=RANKS.__getitem__)


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    return found.replace("\x00", "") if isinstance(found, str) else ""


class CallbackView(OIDCAuthenticationCallbackView):  # type: ignore[misc]
    """Where the provider sends people back to. Who is not let in is told so at the login."""

    def login_failure(self) -> HttpResponse:
        messages.error(self.request, "You were not let in: the log says why.")
        return HttpResponseRedirect(reverse("admin:login"))
