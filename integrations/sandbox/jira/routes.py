"""All routes of the sandbox Jira. Importing a module of routes registers it."""

from integrations.sandbox.jira import changelogs, createmeta, devstatus, metadata, permissions, search, search_v2
from integrations.sandbox.jira.api import JiraApi, cloud, data_center

__all__ = [
    "JiraApi",
    "changelogs",
    "cloud",
    "createmeta",
    "data_center",
    "devstatus",
    "metadata",
    "permissions",
    "search",
    "search_v2",
]
