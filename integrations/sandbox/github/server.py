"""The sandbox GitHub as a test or a demo uses it: one site behind one port."""

from dataclasses import replace

from integrations.sandbox.github import admin, graphql, rest
from integrations.sandbox.github.api import GitHubApi
from integrations.sandbox.github.callers import FINE_GRAINED_TOKEN, TOKEN, Callers, GitHubApp
from integrations.sandbox.github.faults import GitHubFaults
from integrations.sandbox.github.refusals import Denied
from integrations.sandbox.github.site import GitHubSite
from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.serving import SiteServer

GRAPHQL_PATHS = ("/graphql", "/api/graphql")
ENTERPRISE_PREFIX = "/api/"


class GitHubServer(SiteServer):
    """`with GitHubServer(site) as server:` serves `server.url` on a free port until the block ends.

    GraphQL is at /graphql and /api/graphql, REST at / and under /api/v3; an Enterprise Server (`is_enterprise`) has
    only what is under /api, and no limits. It takes `token` (classic), `fine_grained_token` (of the organisation acme),
    and the tokens that `app` mints. `server.faults` may be changed or replaced meanwhile. `server.requests` are the
    calls as they came, `server.counts` their number per path. Raises OSError on a taken port.
    """

    def __init__(
        self,
        site: GitHubSite,
        port: int = 0,
        faults: GitHubFaults | None = None,
        *,
        token: str = TOKEN,
        fine_grained_token: str = FINE_GRAINED_TOKEN,
        app: GitHubApp | None = None,
        is_enterprise: bool = False,
    ) -> None:
        self.site, self.token, self.fine_grained_token, self.app = site, token, fine_grained_token, app or GitHubApp()
        callers = Callers(site.accounts, site.viewer, self.app, token, fine_grained_token)
        self._api = GitHubApi(site, faults or GitHubFaults(), callers, is_enterprise=is_enterprise)
        # The lambda reads the site's clock at each answer, so that a test may replace it.
        super().__init__(self._answer, port, lambda: site.clock())

    @property
    def faults(self) -> GitHubFaults:
        return self._api.faults

    @faults.setter
    def faults(self, faults: GitHubFaults) -> None:
        self._api.faults = faults

    def _answer(self, request: Request) -> Response:
        # Not a part of GitHub: no fault and no token stands in the way of who changes the site.
        if request.path.startswith("/sandbox/"):
            return admin.router.handle(self.site, request)
        faults = self.faults
        if delay := faults.delay(request):
            # Not a sleep: a stop ends it.
            self._http.stopping.wait(delay)
        # Before the credentials are looked at, as gateways do.
        bad = faults.instead(request, self.site.clock())
        if bad is not None:
            return bad
        try:
            response = self._served(request)
        except Denied as denied:
            response = denied.response()
        except ApiError as error:
            response = Denied(error.status, " ".join(error.messages)).response()
        # Refusals go through the same wires as answers.
        return faults.after(request, response)

    def _served(self, request: Request) -> Response:
        api = self._api
        if "user-agent" not in request.headers:
            raise Denied(403, "Request forbidden by administrative rules. Please make sure it has a User-Agent header.")
        if api.is_enterprise and not request.path.startswith(ENTERPRISE_PREFIX):
            raise Denied(404, "Not Found")
        if request.path in GRAPHQL_PATHS and request.method == "POST":
            return graphql.answer(api, api.callers.caller(request.headers, self.site.clock()), request)
        with self.site.lock:
            return rest.router.handle(api, replace(request, path=request.path.removeprefix("/api/v3")))
