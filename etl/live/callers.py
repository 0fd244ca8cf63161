"""Who opens a socket: by a session, as browsers have it, or by an access token, as programs have it."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.security.websocket import AllowedHostsOriginValidator
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.tokens import AccessToken

from pulse.tenancy.models import User
from pulse.tenancy.tokens import user_of

# The subprotocol that a token is offered behind: addresses are logged, this header is not.
BEARER = "bearer"


class BySessionOrToken:
    """Goes on to ``inner`` with ``user`` in the scope, and with a token the ``subprotocol`` and when it ``ends_at``.

    A session comes along whichever page opens the socket, so the page must be ours; a token is sent by who knows it.
    """

    def __init__(self, inner: Any) -> None:
        self._by_token = inner
        self._by_session = AllowedHostsOriginValidator(AuthMiddlewareStack(inner))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        offered = scope.get("subprotocols") or []
        if BEARER not in offered:
            return await self._by_session(scope, receive, send)
        user, ends_at = await database_sync_to_async(_holder)([one for one in offered if one != BEARER])
        found = {"user": user, "ends_at": ends_at, "subprotocol": BEARER}
        return await self._by_token({**scope, **found}, receive, send)


def _holder(offered: list[str]) -> tuple[User | None, float]:
    """Whose token it is, and when it ends, in seconds since 1970."""
    try:
        user, token = user_of(AccessToken, "".join(offered))
    except AuthenticationFailed:
        return None, 0
    return user, float(token["exp"])
