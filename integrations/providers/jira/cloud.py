"""Jira Cloud: platform REST API version 3."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from integrations.providers.jira.dialect import Call, Dialect, Place

# The most that a page has; what exceeds it gets a smaller page and no error.
HISTORIES_OF_AN_ISSUE = 100


class Cloud(Dialect):
    deployment = "Cloud"
    api = "/rest/api/3"

    def projects(self, start_at: int, size: int) -> Call:
        """404 means that the account sees no project, and is given as an answer.

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-search-get
        """
        params: dict[str, str | int] = {
            "startAt": start_at,
            "maxResults": size,
            "expand": "description,lead,issueTypes",
        }
        return Call("GET", f"{self.api}/project/search", params, accept=(404,))

    def search(self, jql: str, size: int, place: Place, fields: Sequence[str], expand: str) -> Call:
        """By POST, since JQL can be long. ``expand`` is one text here. Of the histories only the newest come.

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-jql-post
        """
        # A key that Jira does not know is a 400, so nothing is sent that has no value.
        body: dict[str, Any] = {"jql": jql, "maxResults": size, "fields": list(fields)}
        if expand:
            body["expand"] = expand
        return Call("POST", f"{self.api}/search/jql", json=_with_token(body, place))

    def count(self, jql: str) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-approximate-count-post"""
        return Call("POST", f"{self.api}/search/approximate-count", json={"jql": jql})

    def changelogs(self, issue_ids: Sequence[str], token: str | None, size: int) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-changelog-bulkfetch-post"""
        body: dict[str, Any] = {"issueIdsOrKeys": list(issue_ids), "maxResults": size}
        return Call("POST", f"{self.api}/changelog/bulkfetch", json=_with_token(body, token))

    def issue_changelog(self, issue_id: str, start_at: int) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-changelog-get"""
        path = f"{self.api}/issue/{quote(issue_id, safe='')}/changelog"
        return Call("GET", path, {"startAt": start_at, "maxResults": HISTORIES_OF_AN_ISSUE})

    def issues(self, issue_ids: Sequence[str], fields: Sequence[str], expand: str) -> Call:
        """Follows issues that moved; those that are gone come under ``issueErrors``.

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-bulkfetch-post
        """
        body = {"issueIdsOrKeys": list(issue_ids), "fields": list(fields), "expand": expand.split(",")}
        return Call("POST", f"{self.api}/issue/bulkfetch", json=body)


def _with_token(body: dict[str, Any], token: Place) -> dict[str, Any]:
    """A token of null would be refused, so the first page names none."""
    return body if token is None else {**body, "nextPageToken": token}
