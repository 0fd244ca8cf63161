"""What each step of the Jira provider has to do."""

from integrations.providers.jira.client import JiraClient
from integrations.stepped import ProviderStep

JiraStep = ProviderStep[JiraClient]
