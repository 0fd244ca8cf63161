"""The calls that Pulse makes to Jira Cloud, platform REST API version 3."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from integrations.errors import Permanent
from integrations.http import HttpClient, Response, shared_client
from integrations.provider import Connection

API = "/rest/api/3"
PROJECTS_A_PAGE = 50
HISTORIES_A_PAGE = 1000


class JiraClient:
    """One method a call. Each raises what `HttpClient.request` raises."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def myself(self) -> Response:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-myself/#api-rest-api-3-myself-get"""
        return self._http.request("GET", f"{API}/myself")

    def projects(self, start_at: int) -> Response:
        """404 means that the account sees no project, and is given as an answer.

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-search-get
        """
        params: dict[str, str | int] = {
            "startAt": start_at,
            "maxResults": PROJECTS_A_PAGE,
            "expand": "description,lead,issueTypes",
        }
        return self._http.request("GET", f"{API}/project/search", params=params, accept=(404,))

    def project_statuses(self, project_id: str) -> Response:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-projectidorkey-statuses-get"""
        return self._http.request("GET", f"{API}/project/{quote(project_id, safe='')}/statuses")

    def statuses(self) -> Response:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-workflow-statuses/#api-rest-api-3-status-get"""
        return self._http.request("GET", f"{API}/status")

    def fields(self) -> Response:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/#api-rest-api-3-field-get"""
        return self._http.request("GET", f"{API}/field")

    def search(self, jql: str, size: int, token: str | None) -> Response:
        """Issues with all fields and the newest of their histories. By POST, since JQL can be long.

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-jql-post
        """
        body: dict[str, Any] = {"jql": jql, "maxResults": size, "fields": ["*all"], "expand": "changelog"}
        return self._http.request("POST", f"{API}/search/jql", json=_with_token(body, token))

    def changelogs(self, issue_ids: Sequence[str], token: str | None) -> Response:
        """Whole histories of up to 1000 issues; one issue's can be split over pages.

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-changelog-bulkfetch-post
        """
        body: dict[str, Any] = {"issueIdsOrKeys": list(issue_ids), "maxResults": HISTORIES_A_PAGE}
        return self._http.request("POST", f"{API}/changelog/bulkfetch", json=_with_token(body, token))


def client_for(connection: Connection) -> JiraClient:
    """A client on the integration's shared connections. Raises Permanent where a setting is missing or wrong."""
    return JiraClient(shared_client(connection, _http_client))


def checked_base_url(text: str) -> str:
    """The site's address without a slash at its end. Raises Permanent, naming the setting and its value."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Permanent(f"setting base_url is {text!r}: {error}") from None
    if parts.username or parts.password:
        raise Permanent(f"setting base_url holds a user or password before the host {host!r}: use email and api_token")
    whole = parts.scheme in ("http", "https") and host and not parts.query and not parts.fragment
    if not whole or any(character.isspace() for character in text):
        raise Permanent(f"setting base_url is {text!r}: expected an address like https://acme.atlassian.net")
    return text.rstrip("/")


def checked_account(connection: Connection) -> tuple[str, str]:
    """(e-mail address, API token). Raises Permanent where one is missing."""
    user = connection.setting("email") or connection.setting("username")
    token = connection.setting("api_token")
    for name, value in (("email", user), ("api_token", token)):
        if not value:
            raise Permanent(f"setting {name} is empty: Jira asks for an account and its API token")
    return user, token


def _http_client(connection: Connection) -> HttpClient:
    base_url = checked_base_url(connection.setting("base_url"))
    return HttpClient(base_url, auth=checked_account(connection))


def _with_token(body: dict[str, Any], token: str | None) -> dict[str, Any]:
    """A token of null would be refused, so the first page names none."""
    return body if token is None else {**body, "nextPageToken": token}
