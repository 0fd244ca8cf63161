"""The sandbox as a test or a demo uses it: one site behind one port."""

import base64
import secrets
from collections import Counter, deque
from dataclasses import replace
from types import TracebackType
from typing import Self

from integrations.sandbox.faults import Faults
from integrations.sandbox.http import ApiError, HttpServer, Request, Response
from integrations.sandbox.jira import admin
from integrations.sandbox.jira.routes import JiraApi, cloud, data_center
from integrations.sandbox.jira.site import Site

EMAIL, TOKEN, BEARER = "demo@example.com", "sandbox-token", "sandbox-bearer"
CLOUD_ID = "5b2c1f0e-7a64-4f0d-9c56-8d6f1e2a3b4c"
GATEWAY = f"/ex/jira/{CLOUD_ID}"
CLOUD, SERVER = "Cloud", "Server"
INLINE_HISTORIES, PAGE_CAP = 40, 100
UNAUTHENTICATED = "Client must be authenticated to access this resource."


class SandboxServer:
    """`with SandboxServer(site) as server:` serves `server.url` on a free port until the block ends.

    `deployment` is "Cloud" or "Server" (Data Center). Cloud takes e-mail and API token at `url`, and `bearer` as an
    OAuth token at `gateway_url`; Data Center takes user (`email`) and password (`token`), and `bearer` as a personal
    access token, both at `url`.

    `server.faults` may be changed or replaced meanwhile. `server.requests` are the calls as they came, `server.counts`
    their number per path. `inline_histories` is how many an embedded changelog holds on Cloud, `page_cap` the most
    issues that Data Center gives a page. Raises OSError on a taken port, ValueError for an unknown deployment.
    """

    def __init__(
        self,
        site: Site,
        port: int = 0,
        faults: Faults | None = None,
        *,
        email: str = EMAIL,
        token: str = TOKEN,
        bearer: str = BEARER,
        deployment: str = CLOUD,
        inline_histories: int = INLINE_HISTORIES,
        page_cap: int = PAGE_CAP,
    ) -> None:
        if deployment not in (CLOUD, SERVER):
            raise ValueError(f"deployment is {deployment!r}: expected {CLOUD} or {SERVER}")
        self.site, self.email, self.token, self.bearer, self.deployment = site, email, token, bearer, deployment
        self._is_data_center = deployment == SERVER
        self._api = JiraApi(site, faults or Faults(), inline_histories, page_cap, is_data_center=self._is_data_center)
        # The lambda reads the site's clock at each answer, so that a test may replace it.
        self._http = HttpServer(self._answer, port, lambda: site.clock())

    @property
    def gateway_url(self) -> str:
        """Where Cloud takes OAuth tokens, as api.atlassian.com does for every site."""
        return self.url + GATEWAY

    def expire_tokens(self) -> None:
        """Refuses every page token that was given until now."""
        self._api.token_era += 1

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
        # Not a part of Jira: no fault and no password stands in the way of who changes the site.
        if request.path.startswith("/sandbox/"):
            return admin.router.handle(self.site, request)
        request, through_gateway = self._at_the_site(request)
        faults = self.faults
        if delay := faults.delay(request):
            # Not a sleep: a stop ends it.
            self._http.stopping.wait(delay)
        # Before the credentials are looked at, as gateways do.
        bad = faults.instead(request, self.site.clock(), is_data_center=self._is_data_center)
        if bad is not None:
            return bad
        if not self._authenticated(request, through_gateway):
            refusal = Response.json({"message": UNAUTHENTICATED, "status-code": 401}, 401)
            return Response(401, refusal.body, headers={"WWW-Authenticate": 'Basic realm="Jira"'})
        try:
            response = (data_center if self._is_data_center else cloud).handle(self._api, request)
        except ApiError as error:
            # Refusals go through the same wires as answers.
            response = error.response()
        return faults.after(request, response, is_data_center=self._is_data_center)

    def _at_the_site(self, request: Request) -> tuple[Request, bool]:
        """The call as the site sees it, and whether it came through the gateway of Cloud."""
        if self._is_data_center or not request.path.startswith(f"{GATEWAY}/"):
            return request, False
        return replace(request, path=request.path.removeprefix(GATEWAY)), True

    def _authenticated(self, request: Request, through_gateway: bool) -> bool:
        basic = "Basic " + base64.b64encode(f"{self.email}:{self.token}".encode()).decode()
        bearer = f"Bearer {self.bearer}"
        accepted = [basic, bearer] if self._is_data_center else [bearer if through_gateway else basic]
        # As bytes: compare_digest refuses text that is not ASCII.
        given = request.headers.get("authorization", "").encode()
        return any(secrets.compare_digest(given, one.encode()) for one in accepted)
