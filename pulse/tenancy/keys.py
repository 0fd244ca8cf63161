"""A tenant's keys for the API, for programs: made, found again by their text, limited and withdrawn.

A key's text is `pk_` with eight letters and digits that people know it by, and 256 random bits. Only the SHA-256 of the
text is kept: what is random throughout cannot be guessed from it, and needs no slow hash.
"""

import hashlib
import re
import secrets
import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.urls import URLResolver, get_resolver
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from rest_framework.exceptions import AuthenticationFailed

from pulse.postgres.scope import platform_scope
from pulse.tenancy import audit
from pulse.tenancy.models import ApiKey, Role, Tenant, User

API = "app/etl/"
# Where no key leads: there somebody logs in, a site delivers, or keys themselves are made.
CLOSED = {"auth", "webhooks", "api-keys"}
ONLY_READING = ":read"
USED_SECONDS = 60
NOTED = ("name", "role", "scopes", "active", "expires_at")

_TEXT = re.compile(r"(pk_[a-z0-9]{8})_[A-Za-z0-9_-]{43}")
_LETTERS = string.ascii_lowercase + string.digits


def create_key(key: ApiKey, said: Mapping[str, Any], *, by: User) -> str:
    """Makes the tenant's new key of what is said: a name, and perhaps role, scopes and expires_at.

    Returns its text, which is known now and never again. Raises Django's ValidationError.
    """
    key.prefix = "pk_" + "".join(secrets.choice(_LETTERS) for _ in range(8))
    text = f"{key.prefix}_{secrets.token_urlsafe(32)}"
    key.key_hash, key.created_by = _hash(text), by
    with transaction.atomic():
        _save(key, said)
        audit.note("api_key.created", key, audit.differences({}, audit.values(key, NOTED)))
    return text


def change_key(key: ApiKey, said: Mapping[str, Any]) -> ApiKey:
    """Makes of the key what is said; what is left out stays. Raises Django's ValidationError."""
    with transaction.atomic():
        before = audit.values(ApiKey.objects.get(pk=key.pk), NOTED)
        _save(key, said)
        audit.note("api_key.changed", key, audit.differences(before, audit.values(key, NOTED)))
    return key


def withdraw(key: ApiKey) -> None:
    """From now on nobody comes in with it."""
    with transaction.atomic():
        audit.note("api_key.withdrawn", key, audit.differences(audit.values(key, NOTED), {}))
        key.delete()


def _save(key: ApiKey, said: Mapping[str, Any]) -> None:
    # Of two at once the second finds what the first said.
    Tenant.objects.select_for_update(no_key=True).get(pk=key.tenant_id)
    for name, value in said.items():
        setattr(key, name, value)
    if problems := _problems(key, said):
        raise ValidationError(problems)
    key.full_clean(exclude=["tenant", "created_by"], validate_unique=False, validate_constraints=False)
    # Not when a known one was last used: it may be used at this moment.
    key.save(update_fields=[*NOTED, "last_updated_at"] if key.pk else None)


def _problems(key: ApiKey, said: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    if problem := name_problem(key, key.name):
        found["name"] = problem
    if problem := scopes_problem(key.scopes):
        found["scopes"] = problem
    if problem := end_problem(said.get("expires_at")):
        found["expires_at"] = problem
    return found


def name_problem(key: ApiKey, name: str) -> str | None:
    """What is wrong with that as the name of the key, if anything is."""
    others = ApiKey.objects.filter(tenant_id=key.tenant_id, name=name).exclude(pk=key.pk or 0)
    return f"there is a key {name!r} already" if others.exists() else None


def end_problem(expires_at: datetime | None) -> str | None:
    """What is wrong with that as the end of a key, if anything is."""
    if expires_at is None or expires_at > timezone.now():
        return None
    return f"{expires_at.isoformat()} is over already"


# What it may do


def scopes_problem(scopes: Any) -> str | None:
    """What is wrong with the scopes of a key, if anything is."""
    if not isinstance(scopes, list):
        return "is no list"
    known = parts()
    for scope in scopes:
        if not isinstance(scope, str) or scope.removesuffix(ONLY_READING) not in known:
            return f"{scope!r} is none of: {', '.join(known)}; each may have {ONLY_READING!r} behind it"
    return None


def parts() -> list[str]:
    """The parts of the API that a key's scopes may name: the first words of its addresses."""
    resolvers = [one for one in get_resolver().url_patterns if isinstance(one, URLResolver) and str(one.pattern) == API]
    words = {str(one.pattern).partition("/")[0] for resolver in resolvers for one in resolver.url_patterns}
    return sorted(word for word in words - CLOSED if re.fullmatch("[a-z-]+", word))


def may_enter(key: ApiKey, route: str, *, reading: bool) -> bool:
    """Whether the key leads to that route ("app/etl/jobs/<int:pk>"); what it may do there its role says."""
    part = route.removeprefix(API).partition("/")[0]
    if part in CLOSED:
        return False
    return not key.scopes or part in key.scopes or (reading and part + ONLY_READING in key.scopes)


# Who comes with it


def key_of(text: str) -> ApiKey:
    """The key of that text. Raises AuthenticationFailed."""
    found, now = _looked_up(text), timezone.now()
    if found is None or not found.active:
        raise AuthenticationFailed("there is no such API key, or it was withdrawn")
    if found.expires_at is not None and found.expires_at <= now:
        raise AuthenticationFailed(f"the API key {found.prefix}… has expired at {found.expires_at.isoformat()}")
    _note_use(found, now)
    return found


def _looked_up(text: str) -> ApiKey | None:
    shape = _TEXT.fullmatch(text)
    if shape is None:
        return None
    with platform_scope():
        found = ApiKey.objects.select_related("tenant").filter(prefix=shape[1]).first()
    return found if found and constant_time_compare(found.key_hash, _hash(text)) else None


def _note_use(key: ApiKey, now: datetime) -> None:
    """At most once a minute: a key that is always in use would else be written with each request."""
    since = now - timedelta(seconds=USED_SECONDS)
    if key.last_used_at is None or key.last_used_at < since:
        with platform_scope():
            unseen = Q(last_used_at=None) | Q(last_used_at__lt=since)
            ApiKey.objects.filter(unseen, pk=key.pk).update(last_used_at=now)


def holder(key: ApiKey) -> User:
    """Who comes with the key: nobody of the tenant's users, with the key's role."""
    return program(f"key {key.name}", key.tenant, Role(key.role))


def program(name: str, tenant: Tenant, role: Role) -> User:
    """A program that may do in the tenant what the role allows. It has no row among the users."""
    return User(username=name[:150], tenant=tenant, role=role)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
