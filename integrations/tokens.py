"""Access tokens that do not last: minted with an integration's secrets, kept encrypted, renewed before they expire.

A provider says what mints one (a call with a refresh token, or with a JWT that its app's key signs) and gives its
client a `RenewedToken` as ``auth``. All workers share the token: one renews it under a lock, the others wait.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

import httpx
from django.db import transaction
from django.utils import timezone

from integrations.errors import Permanent, RateLimited, Transient
from integrations.http import throttled
from integrations.models import Integration, IntegrationToken
from integrations.provider import Connection

logger = logging.getLogger(__name__)

# Renewed so long before it expires, or in the last quarter of its life where that is short.
EARLY_SECONDS = 300
# A token as young as that did not expire. It may have been revoked; but where a new one is refused as well, it is the
# call that is refused, or the site takes a moment to know its own tokens: for so long no young one is replaced then.
YOUNG_SECONDS = 30
# How long a token that still lasts is used on where the issuer does not answer.
USED_ON_SECONDS = 30
_UNAUTHORISED = 401
_TOKEN, _MADE_OF = "token", "made_of"


@dataclass(frozen=True)
class Minted:
    """A new access token. ``replaced`` are secrets, by name, that are good from now on in place of those just used."""

    token: str = field(repr=False)
    expires_at: datetime
    replaced: Mapping[str, str] = field(default_factory=dict, repr=False)


Mint = Callable[[Connection], Minted]
"""Makes the call that gives a token. Raises a StageError, whose message says which secret is to be given anew."""


@dataclass(frozen=True)
class _Usable:
    token: str = field(repr=False)
    renew_at: datetime


class RenewedToken(httpx.Auth):
    """The Bearer token of an integration's calls, minted where none is kept that lasts. Safe to share between threads.

    ``names`` are the settings and secrets that a token depends on: where one is given anew, so is the token. A call
    that is refused with 401 is made again with a new token, once.
    """

    def __init__(self, connection: Connection, names: Sequence[str], mint: Mint) -> None:
        self._integration_id, self._names, self._mint = connection.integration_id, tuple(names), mint
        self._usable: _Usable | None = None
        self._renewing = threading.Lock()
        # Of the monotonic clock: from then on a young token that is refused is replaced.
        self._replaceable_at = time.monotonic()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self.token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == _UNAUTHORISED and (renewed := self.token(refused=token)) != token:
            request.headers["Authorization"] = f"Bearer {renewed}"
            response = yield request
            if response.status_code == _UNAUTHORISED:
                self._replaceable_at = time.monotonic() + YOUNG_SECONDS

    def token(self, refused: str = "") -> str:
        """One that lasts, and is not the one that was just ``refused``, unless that is too young for it."""
        usable = self._usable
        if usable is None or usable.token == refused or usable.renew_at <= timezone.now():
            usable = self._renewed(usable, refused)
        return usable.token

    def _renewed(self, known: _Usable | None, refused: str) -> _Usable:
        with self._renewing:
            # Whoever waited finds what another thread just renewed.
            if self._usable is None or self._usable is known:
                self._usable = self._kept_or_minted(refused)
            return self._usable

    def _kept_or_minted(self, refused: str) -> _Usable:
        # Durable: a secret that replaced another must not be rolled back with whatever else a caller does.
        with transaction.atomic(durable=True):
            # As it is now: a worker may hold what it read before somebody gave a new secret.
            integration = Integration.objects.get(pk=self._integration_id)
            connection, kept, now = integration.connection(), _locked(integration), timezone.now()
            made_of = _digest(*(connection.setting(name) for name in self._names))
            lasting = kept.secrets.get(_TOKEN, "") if kept.secrets.get(_MADE_OF) == made_of else ""
            if lasting and not self._is_due(kept, now, is_refused=lasting == refused):
                return _Usable(lasting, _renew_at(kept))
            try:
                minted = _minted(self._mint, connection, kept.secrets)
            except (Transient, RateLimited) as error:
                if lasting in ("", refused) or kept.expires_at <= now:
                    raise
                logger.warning("%s: the token is used on, although it expires soon: %s", connection.name, error)
                return _Usable(lasting, min(kept.expires_at, now + timedelta(seconds=USED_ON_SECONDS)))
            _keep(kept, connection, minted, made_of)
            return _Usable(minted.token, _renew_at(kept))

    def _is_due(self, kept: IntegrationToken, now: datetime, *, is_refused: bool) -> bool:
        if not is_refused:
            return _renew_at(kept) <= now
        is_young = kept.minted_at + timedelta(seconds=YOUNG_SECONDS) > now
        return not is_young or time.monotonic() >= self._replaceable_at


def _locked(integration: Integration) -> IntegrationToken:
    """The row, which no other worker reads until this transaction ends; one without a token where there was none."""
    now = timezone.now()
    none = IntegrationToken(integration=integration, tenant_id=integration.tenant_id, minted_at=now, expires_at=now)
    IntegrationToken.objects.bulk_create([none], ignore_conflicts=True)
    return IntegrationToken.objects.select_for_update().get(pk=integration.pk)


def _renew_at(kept: IntegrationToken) -> datetime:
    lifetime = kept.expires_at - kept.minted_at
    return kept.expires_at - min(timedelta(seconds=EARLY_SECONDS), lifetime / 4)


def _minted(mint: Mint, connection: Connection, kept: Mapping[str, str]) -> Minted:
    """With the secrets as they were given, or as the issuer replaced them since."""
    secrets = {name: kept.get(_digest(value.strip()), value) for name, value in connection.secrets.items()}
    # No slot of the site's ceiling is waited for under the lock.
    with throttled(None):
        minted = mint(replace(connection, secrets=secrets))
    # httpx would show it in its error.
    if not (minted.token and minted.token.isascii() and minted.token.isprintable() and " " not in minted.token):
        raise Permanent("the access token that was issued is empty or holds characters that no header takes")
    return minted


def _keep(kept: IntegrationToken, connection: Connection, minted: Minted, made_of: str) -> None:
    """Under what they replace, so that nothing is used on of which somebody gave a new one."""
    given = {name: _digest(value.strip()) for name, value in connection.secrets.items()}
    still = {digest: kept.secrets[digest] for digest in given.values() if digest in kept.secrets}
    replaced = {given[name]: value for name, value in minted.replaced.items()}
    kept.secrets = {**still, **replaced, _TOKEN: minted.token, _MADE_OF: made_of}
    kept.minted_at, kept.expires_at = timezone.now(), minted.expires_at
    kept.save()


def _digest(*texts: str) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()
