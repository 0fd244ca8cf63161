"""What a query is answered with: the site, who asks, and what has been handed out so far."""

from dataclasses import dataclass, field

from integrations.sandbox.github.budgets import Charge
from integrations.sandbox.github.callers import CLASSIC, INSTALLATION, Caller
from integrations.sandbox.github.faults import GitHubFaults
from integrations.sandbox.github.pricing import Price
from integrations.sandbox.github.refusals import Refusal
from integrations.sandbox.github.repositories import Repository
from integrations.sandbox.github.store import Store


@dataclass(slots=True)
class Call:
    """One query. `charge` is None where the site has no limits."""

    site: Store
    faults: GitHubFaults
    caller: Caller
    price: Price
    charge: Charge | None
    served: int = field(default=0)

    def serve(self, nodes: int) -> None:
        """To be told of the nodes of each page. Raises Refusal as soon as they are too many."""
        self.served += nodes
        if self.faults.resource_nodes and self.served > self.faults.resource_nodes:
            raise Refusal("RESOURCE_LIMITS_EXCEEDED", "Resource limits for this query exceeded.")

    def require(self, permission: str) -> None:
        """Raises Refusal where an app or a fine-grained token lacks it."""
        if permission in self.faults.lacking and self.caller.kind != CLASSIC:
            what = "integration" if self.caller.kind == INSTALLATION else "personal access token"
            raise Refusal("FORBIDDEN", f"Resource not accessible by {what}")

    def require_sign_on(self, organization: str) -> None:
        """Raises Refusal for an organisation whose single sign-on the token has not passed."""
        if organization in self.faults.saml and self.caller.kind != INSTALLATION:
            message = "Resource protected by organization SAML enforcement."
            message += " You must grant your Personal Access token access to this organization."
            raise Refusal("FORBIDDEN", message, saml_failure=True)

    def finds(self, repository: Repository) -> bool:
        """Whether there is such a repository for this caller, even if its organisation's sign-on is to be passed."""
        return repository.name_with_owner not in self.faults.hidden and self.caller.may_read(repository)

    def may_read(self, repository: Repository) -> bool:
        hidden = repository.is_private and repository.owner.login in self.faults.saml
        return self.finds(repository) and not (hidden and self.caller.kind != INSTALLATION)
