"""Deliberate bad answers in GitHub's words: what Faults does to any site, and what only this one does."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from integrations.sandbox.faults import Faults, Throttle
from integrations.sandbox.github.refusals import DOCUMENTATION, error
from integrations.sandbox.http import Response

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
PRIMARY = "API rate limit exceeded for user ID {number}."
BAD_GATEWAY = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body></body>\r\n</html>\r\n"
PRIMARY_POINTS, PRIMARY_SECONDS, MINUTE_POINTS = 5_000, 3_600, 2_000


@dataclass(slots=True)
class GitHubFaults(Faults):
    """All off by default but the limits that the real site has.

    Of the shared ones, throttling is the secondary limit here; `short_share` and `repeat_token` concern connections;
    `issues` are pull requests ("acme/identity#12") whose title is damaged, by one of TEXT_DAMAGES; `lacking` are
    permissions of an app or a fine-grained token: metadata, contents, pull_requests. `quota`, `late_...`,
    `forbidden_projects` and `token_pages` mean nothing.
    """

    # How the secondary limit is told: 403, 429, or 200 with errors in the body.
    throttle_status: int = 403
    # Points an hour and caller; None is what the deployment has: 5,000, and no limit at all on Enterprise Server.
    points: int | None = None
    points_seconds: int = PRIMARY_SECONDS
    # Points a minute and caller, beyond which the secondary limit is told; 0: none.
    minute_points: int = MINUTE_POINTS
    # The type in the error of an exhausted budget: RATE_LIMITED, or RATE_LIMIT as newer answers have it.
    rate_limit_type: str = "RATE_LIMITED"
    # A query that brings more nodes than this takes too long: `heavy_status`, and its points are charged twice.
    heavy_nodes: int = 0
    heavy_status: int = 502
    # A query that brings more nodes than this is ended: partial data and RESOURCE_LIMITS_EXCEEDED.
    resource_nodes: int = 0
    # Organisations whose single sign-on has not been passed by the token.
    saml: Collection[str] = ()
    # Repositories ("acme/identity") that no account may see: as if they were not there.
    hidden: Collection[str] = ()

    def heavy(self) -> Response:
        if self.heavy_status == 502:
            return Response(502, BAD_GATEWAY, "text/html")
        return error(self.heavy_status, "We couldn't respond to your request in time. Sorry about that.")

    def secondary(self, retry_after: int | None) -> Response:
        """The secondary limit; it may say nothing of when to come again."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if self.throttle_status != 200:
            return error(self.throttle_status, SECONDARY, headers)
        body: dict[str, Any] = {"errors": [{"type": self.rate_limit_type, "message": SECONDARY}]}
        body["documentation_url"] = DOCUMENTATION
        return Response(200, Response.json(body).body, headers=headers)

    def exhausted(self, number: int, *, graphql: bool) -> Response:
        """The primary limit: GraphQL answers with status 200, REST with 403. `number` is the caller's."""
        message = PRIMARY.format(number=number)
        if not graphql:
            return error(403, message)
        told: dict[str, Any] = {"type": self.rate_limit_type, "message": message}
        if self.rate_limit_type == "RATE_LIMIT":
            told["code"] = "graphql_rate_limit"
        return Response.json({"errors": [told]})

    def _error(self, status: int, message: str) -> Response:
        return Response(502, BAD_GATEWAY, "text/html") if status == 502 else error(status, message)

    def _throttled(self, now: float) -> Response:
        if self.throttle is not Throttle.RESET:
            return self.secondary(self.retry_after if self.throttle is Throttle.RETRY_AFTER else None)
        refused = self.secondary(None)
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(now) + self.reset_seconds)}
        return Response(refused.status, refused.body, headers=headers)

    def _unavailable(self) -> Response:
        return error(503, "Service unavailable", {"Retry-After": str(self.unavailable_seconds)})

    def _limited(self, response: Response, is_data_center: bool) -> Response:
        # The budgets are told by the site itself.
        return response
