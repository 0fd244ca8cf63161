"""What each step of the GitHub provider has to do."""

from integrations.providers.github.client import GitHubClient
from integrations.stepped import ProviderStep

GitHubStep = ProviderStep[GitHubClient]
