"""The OAuth 2.0 app of the sandbox: access tokens that expire, and refresh tokens that are good once.

https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens/
"""

import threading
from dataclasses import dataclass, field

from integrations.sandbox.http import Request, Response
from integrations.sandbox.jira.people import BASE_URL

TOKEN_PATH, SITES_PATH = "/oauth/token", "/oauth/token/accessible-resources"
SCOPES = ("read:jira-user", "read:jira-work")
HOUR_SECONDS = 3600
# Atlassian's: whoever lost an answer may ask for it again.
REUSE_SECONDS = 600


@dataclass(slots=True)
class OAuthApp:
    """One app that one account has authorised.

    An access token lives `lifetime_seconds`. A refresh token that was used is refused `reuse_seconds` later, and with
    it the ones that came of it, unless not `rotating`: then there is one for ever. `client_id`, `client_secret` and
    the first `refresh_token` are what people type in.
    """

    client_id: str = "sandbox-app"
    client_secret: str = "sandbox-app-secret"
    refresh_token: str = "sandbox-refresh-token"
    lifetime_seconds: float = HOUR_SECONDS
    reuse_seconds: float = REUSE_SECONDS
    rotating: bool = True
    # How many access tokens were given.
    minted: int = 0
    _access: dict[str, float] = field(default_factory=dict, repr=False)
    _used: dict[str, float] = field(default_factory=dict, repr=False)
    _current: str = field(default="", repr=False)
    _revoked: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def expire(self) -> None:
        """Refuses every access token that was given until now."""
        with self._lock:
            self._access.clear()

    def revoke(self) -> None:
        """The account takes its permission back: no token of any kind is taken any more."""
        self._revoked = True
        self.expire()

    def takes(self, token: str, now: float) -> bool:
        with self._lock:
            return self._access.get(token, 0) > now

    def answer(self, request: Request, now: float) -> Response:
        """To a call of `TOKEN_PATH`."""
        asked = request.json() if request.method == "POST" else None
        if type(asked) is not dict or asked.get("grant_type") != "refresh_token":
            return _refusal(400, "unsupported_grant_type")
        if (asked.get("client_id"), asked.get("client_secret")) != (self.client_id, self.client_secret):
            return _refusal(401, "access_denied")
        with self._lock:
            return self._exchanged(str(asked.get("refresh_token")), now)

    def _exchanged(self, refresh_token: str, now: float) -> Response:
        current = self._current or self.refresh_token
        if refresh_token in self._used and self._used[refresh_token] + self.reuse_seconds <= now:
            # Two hold the same token, and one of them may have stolen it.
            self._revoked = True
        if self._revoked or (refresh_token != current and refresh_token not in self._used):
            return _refusal(403, "invalid_grant")
        self.minted += 1
        token = f"sandbox-access-{self.minted}"
        self._access[token] = now + self.lifetime_seconds
        given: dict[str, object] = {"access_token": token, "expires_in": self.lifetime_seconds, "token_type": "Bearer"}
        if self.rotating:
            self._used.setdefault(refresh_token, now)
            self._current = given["refresh_token"] = f"{self.refresh_token}-{self.minted}"
        return Response.json(given | {"scope": " ".join(SCOPES)})


def sites(cloud_id: str) -> Response:
    """What an access token reaches: the answer to a call of `SITES_PATH`."""
    return Response.json([{"id": cloud_id, "url": BASE_URL, "name": "Sandbox", "scopes": SCOPES, "avatarUrl": ""}])


def bearer_of(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _refusal(status: int, error: str) -> Response:
    return Response.json({"error": error, "error_description": "refused by the sandbox"}, status)
