"""What every call of the sandbox GitHub has at hand."""

from integrations.sandbox.github.budgets import GRAPHQL, MINUTE, Budgets, Charge
from integrations.sandbox.github.callers import Caller, Callers
from integrations.sandbox.github.faults import PRIMARY_POINTS, GitHubFaults
from integrations.sandbox.github.site import GitHubSite
from integrations.sandbox.http import Response

# Of the secondary limit; no resource is called so.
MINUTELY = "minute"


class GitHubApi:
    """One site as its calls see it. `faults` may be replaced while the server runs."""

    def __init__(self, site: GitHubSite, faults: GitHubFaults, callers: Callers, *, is_enterprise: bool) -> None:
        self.site, self.faults, self.callers, self.is_enterprise = site, faults, callers, is_enterprise
        self.budgets = Budgets()

    @property
    def points(self) -> int:
        """An hour's for each caller; 0: no limit, as Enterprise Server has none by default."""
        if self.faults.points is None:
            return 0 if self.is_enterprise else PRIMARY_POINTS
        return self.faults.points

    def standing(self, caller: Caller, resource: str) -> Charge | None:
        """None where there is no limit."""
        if not self.points:
            return None
        now, seconds = self.site.clock(), self.faults.points_seconds
        return self.budgets.standing(caller.number, resource, self.points, seconds, now)

    def spend(self, caller: Caller, resource: str, cost: int) -> Charge | Response | None:
        """The charge (None where there is no limit), or the refusal where the caller has nothing left."""
        if not self.points:
            return None
        now, seconds = self.site.clock(), self.faults.points_seconds
        if resource == GRAPHQL and self.faults.minute_points:
            # A query counts 1 here, whatever it costs.
            within = self.budgets.spend(caller.number, MINUTELY, 1, self.faults.minute_points, MINUTE, now)
            if within is None:
                return self.faults.secondary(self.budgets.wait(caller.number, MINUTELY, MINUTE, now))
        charge = self.budgets.spend(caller.number, resource, cost, self.points, seconds, now)
        if charge is None:
            refused = self.faults.exhausted(caller.number, graphql=resource == GRAPHQL)
            spent = self.budgets.standing(caller.number, resource, self.points, seconds, now)
            return with_headers(refused, spent)
        return charge


def with_headers(response: Response, charge: Charge | None) -> Response:
    headers = response.headers | (charge.headers() if charge else {})
    return Response(response.status, response.body, response.content_type, headers)
