"""Jira Data Center (and Server): REST API version 2."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from integrations.errors import Permanent
from integrations.providers.jira.dialect import Call, Dialect, Place


class Server(Dialect):
    deployment = "Server"
    api = "/rest/api/2"

    def projects(self, start_at: int, size: int) -> Call:
        """All projects in one array, whatever page is asked for.

        https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/project-getAllProjects
        """
        # Archived projects are left out unless asked for, and their issues are in no search.
        return Call("GET", f"{self.api}/project", {"expand": "description,lead,issueTypes,projectKeys"})

    def search(self, jql: str, size: int, place: Place, fields: Sequence[str], expand: str) -> Call:
        """By POST, since JQL can be long. The histories come whole.

        https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/search-searchUsingSearchRequest
        """
        body: dict[str, Any] = {"jql": jql, "startAt": place or 0, "maxResults": size, "fields": list(fields)}
        if expand:
            body["expand"] = expand.split(",")
        return Call("POST", f"{self.api}/search", json=body)

    def count(self, jql: str) -> Call:
        """A search that gives no issue, but says how many there are."""
        return Call("POST", f"{self.api}/search", json={"jql": jql, "startAt": 0, "maxResults": 0, "fields": ["id"]})

    def changelogs(self, issue_ids: Sequence[str], token: str | None, size: int) -> Call:
        raise Permanent("Jira Data Center has no call for the histories of many issues: they are asked for one by one")

    def issue_changelog(self, issue_id: str, start_at: int) -> Call:
        """The whole history, under the issue: there is no call for it alone.

        https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/issue-getIssue
        """
        path = f"{self.api}/issue/{quote(issue_id, safe='')}"
        return Call("GET", path, {"expand": "changelog", "fields": "id"})

    def issues(self, issue_ids: Sequence[str], fields: Sequence[str], expand: str) -> Call:
        """A search by id. Unless it is told not to validate them, one id that is gone makes it refuse all."""
        found = self.search(f"id in ({', '.join(issue_ids)})", len(issue_ids), None, fields, expand)
        return Call(found.method, found.path, json={**found.json, "validateQuery": False})
