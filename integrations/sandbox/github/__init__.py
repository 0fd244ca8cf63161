"""A stand-in for GitHub: its GraphQL API, the REST calls around it, and its webhooks, over generated data."""

from integrations.sandbox.github.entries import GitHubSpec
from integrations.sandbox.github.faults import GitHubFaults
from integrations.sandbox.github.server import GitHubServer
from integrations.sandbox.github.site import GitHubSite

__all__ = ["GitHubFaults", "GitHubServer", "GitHubSite", "GitHubSpec"]
