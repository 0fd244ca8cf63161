"""The sandbox as a test or a demo uses it: one site behind one port."""

import base64
import secrets
from collections import Counter, deque
from types import TracebackType
from typing import Self

from integrations.sandbox.faults import Faults
from integrations.sandbox.http import HttpServer, Request, Response
from integrations.sandbox.jira.routes import JiraApi, router
from integrations.sandbox.jira.site import Site

EMAIL, TOKEN = "demo@example.com", "sandbox-token"
INLINE_HISTORIES = 40
UNAUTHENTICATED = "Client must be authenticated to access this resource."


class SandboxServer:
    """`with SandboxServer(site) as server:` serves `server.url` on a free port until the block ends.

    `server.faults` may be changed or replaced meanwhile. `server.requests` are the calls as they came, `server.counts`
    their number per path. `inline_histories` is how many an embedded changelog holds. Raises OSError on a taken port.
    """

    def __init__(
        self,
        site: Site,
        port: int = 0,
        faults: Faults | None = None,
        *,
        email: str = EMAIL,
        token: str = TOKEN,
        inline_histories: int = INLINE_HISTORIES,
    ) -> None:
        self.site, self.email, self.token = site, email, token
        self._api = JiraApi(site, faults or Faults(), inline_histories)
        # The lambda reads the site's clock at each answer, so that a test may replace it.
        self._http = HttpServer(self._answer, port, lambda: site.clock())

    @property
    def url(self) -> str:
        return self._http.url

    @property
    def faults(self) -> Faults:
        return self._api.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._api.faults = faults

    @property
    def requests(self) -> deque[Request]:
        return self._http.requests

    @property
    def counts(self) -> Counter[str]:
        return self._http.counts

    def start(self) -> None:
        self._http.start()

    def stop(self) -> None:
        self._http.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answer(self, request: Request) -> Response:
        faults = self.faults
        if delay := faults.delay(request):
            # Not a sleep: a stop ends it.
            self._http.stopping.wait(delay)
        # Before the credentials are looked at, as gateways do.
        bad = faults.instead(request, self.site.clock())
        if bad is not None:
            return bad
        if not self._authenticated(request):
            refusal = Response.json({"message": UNAUTHENTICATED, "status-code": 401}, 401)
            return Response(401, refusal.body, headers={"WWW-Authenticate": 'Basic realm="Jira"'})
        return faults.after(request, router.handle(self._api, request))

    def _authenticated(self, request: Request) -> bool:
        expected = base64.b64encode(f"{self.email}:{self.token}".encode()).decode()
        # As bytes: compare_digest refuses text that is not ASCII.
        return secrets.compare_digest(request.headers.get("authorization", "").encode(), f"Basic {expected}".encode())
