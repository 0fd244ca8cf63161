"""All routes of the sandbox Jira. Importing a module of routes registers it."""

from integrations.sandbox.jira import changelogs, metadata, search
from integrations.sandbox.jira.api import JiraApi, router

__all__ = ["JiraApi", "changelogs", "metadata", "router", "search"]
