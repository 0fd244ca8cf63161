"""The sandbox as a test or a demo uses it: one site behind one port."""

import base64
import secrets
from dataclasses import replace

from integrations.sandbox.faults import Faults
from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira import admin
from integrations.sandbox.jira.routes import JiraApi, cloud, data_center
from integrations.sandbox.jira.site import Site
from integrations.sandbox.oauth import SITES_PATH, TOKEN_PATH, OAuthApp, bearer_of, sites
from integrations.sandbox.serving import SiteServer

EMAIL, TOKEN, BEARER = "demo@example.com", "sandbox-token", "sandbox-bearer"
CLOUD_ID = "5b2c1f0e-7a64-4f0d-9c56-8d6f1e2a3b4c"
GATEWAY = f"/ex/jira/{CLOUD_ID}"
CLOUD, SERVER = "Cloud", "Server"
INLINE_HISTORIES, PAGE_CAP = 40, 100
UNAUTHENTICATED = "Client must be authenticated to access this resource."


class SandboxServer(SiteServer):
    """`with SandboxServer(site) as server:` serves `server.url` on a free port until the block ends.

    `deployment` is "Cloud" or "Server" (Data Center). Cloud takes e-mail and API token at `url`, and `bearer` as an
    OAuth token at `gateway_url`, as well as those that its `oauth` app mints at `token_url`; Data Center takes user
    (`email`) and password (`token`), and `bearer` as a personal access token, both at `url`.

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
        oauth: OAuthApp | None = None,
    ) -> None:
        if deployment not in (CLOUD, SERVER):
            raise ValueError(f"deployment is {deployment!r}: expected {CLOUD} or {SERVER}")
        self.site, self.email, self.token, self.bearer, self.deployment = site, email, token, bearer, deployment
        self.oauth = oauth or OAuthApp()
        self._is_data_center = deployment == SERVER
        self._api = JiraApi(site, faults or Faults(), inline_histories, page_cap, is_data_center=self._is_data_center)
        # The lambda reads the site's clock at each answer, so that a test may replace it.
        super().__init__(self._answer, port, lambda: site.clock())

    @property
    def gateway_url(self) -> str:
        """Where Cloud takes OAuth tokens, as api.atlassian.com does for every site."""
        return self.url + GATEWAY

    @property
    def token_url(self) -> str:
        """Where Cloud's OAuth tokens are renewed, as auth.atlassian.com does."""
        return self.url + TOKEN_PATH

    def expire_tokens(self) -> None:
        """Refuses every page token that was given until now."""
        self._api.token_era += 1

    @property
    def faults(self) -> Faults:
        return self._api.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._api.faults = faults

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
        if request.path == TOKEN_PATH and not self._is_data_center:
            return faults.after(request, self.oauth.answer(request, self.site.clock()))
        if not self._authenticated(request, through_gateway or request.path == SITES_PATH):
            refusal = Response.json({"message": UNAUTHENTICATED, "status-code": 401}, 401)
            return Response(401, refusal.body, headers={"WWW-Authenticate": 'Basic realm="Jira"'})
        if request.path == SITES_PATH and not self._is_data_center:
            return faults.after(request, sites(CLOUD_ID))
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
        if through_gateway and self.oauth.takes(bearer_of(request), self.site.clock()):
            return True
        basic = "Basic " + base64.b64encode(f"{self.email}:{self.token}".encode()).decode()
        bearer = f"Bearer {self.bearer}"
        accepted = [basic, bearer] if self._is_data_center else [bearer if through_gateway else basic]
        # As bytes: compare_digest refuses text that is not ASCII.
        given = request.headers.get("authorization", "").encode()
        return any(secrets.compare_digest(given, one.encode()) for one in accepted)
