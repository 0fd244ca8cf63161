"""The calls of Jira's REST API, as data: what both dialects share, and what each has to say in its own way.

Everything here and in the dialects is pure; client.py makes the calls.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

# Both dialects know the first path: it is how they are told apart. The second is for what knows version 3 alone.
SERVER_INFO = ("/rest/api/2/serverInfo", "/rest/api/3/serverInfo")
# Without the first no issue is visible; without the second no development data.
BROWSE_PROJECTS, VIEW_DEV_TOOLS = "BROWSE_PROJECTS", "VIEW_DEV_TOOLS"
PERMISSIONS = (BROWSE_PROJECTS, VIEW_DEV_TOOLS)
_DEV_STATUS = "/rest/dev-status/latest/issue"

Place = str | int | None
"""Where a search goes on: a page token on Cloud, the number of issues before it elsewhere; None is the beginning."""


@dataclass(frozen=True)
class Call:
    """One HTTP call; ``accept`` are statuses of 400 and above that are answers and not errors."""

    method: str
    path: str
    params: Mapping[str, str | int] | None = None
    json: Any = None
    accept: tuple[int, ...] = ()


def server_info() -> list[Call]:
    """https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-server-info/#api-rest-api-2-serverinfo-get"""
    return [Call("GET", path) for path in SERVER_INFO]


class Dialect(ABC):
    """One method a call. ``api`` is the path that its version of the API lives under."""

    deployment: ClassVar[str]
    api: ClassVar[str]

    def myself(self) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-myself/#api-rest-api-3-myself-get"""
        return Call("GET", f"{self.api}/myself")

    def my_permissions(self, project_key: str | None) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-permissions/#api-rest-api-3-mypermissions-get"""
        params: dict[str, str | int] = {"permissions": ",".join(PERMISSIONS)}
        if project_key is not None:
            params["projectKey"] = project_key
        return Call("GET", f"{self.api}/mypermissions", params)

    def project(self, project_id: str) -> Call:
        """https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/project-getProject"""
        return Call("GET", f"{self.api}/project/{_segment(project_id)}", {"expand": "issueTypes"}, accept=(404,))

    def project_statuses(self, project_id: str) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-projectidorkey-statuses-get"""
        return Call("GET", f"{self.api}/project/{_segment(project_id)}/statuses")

    def statuses(self) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-workflow-statuses/#api-rest-api-3-status-get"""
        return Call("GET", f"{self.api}/status")

    def fields(self) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/#api-rest-api-3-field-get"""
        return Call("GET", f"{self.api}/field")

    def createmeta_types(self, project_id: str, start_at: int, size: int) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-createmeta-projectidorkey-issuetypes-get"""
        path = f"{self.api}/issue/createmeta/{_segment(project_id)}/issuetypes"
        return Call("GET", path, {"startAt": start_at, "maxResults": size})

    def createmeta_fields(self, project_id: str, type_id: str, start_at: int, size: int) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-createmeta-projectidorkey-issuetypes-issuetypeid-get"""
        path = f"{self.api}/issue/createmeta/{_segment(project_id)}/issuetypes/{_segment(type_id)}"
        return Call("GET", path, {"startAt": start_at, "maxResults": size})

    def createmeta(self, project_id: str) -> Call:
        """What sites had before these two, which have it no more or will not for long.

        https://docs.atlassian.com/software/jira/docs/api/REST/8.3.0/#api/2/issue-getCreateIssueMeta
        """
        params: dict[str, str | int] = {"projectIds": project_id, "expand": "projects.issuetypes.fields"}
        return Call("GET", f"{self.api}/issue/createmeta", params)

    def issue(self, issue_id: str) -> Call:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-get"""
        return Call("GET", f"{self.api}/issue/{_segment(issue_id)}", {"fields": "id"}, accept=(403, 404))

    def dev_summary(self, issue_id: str) -> Call:
        """Undocumented, and what the development panel of an issue itself asks. It takes ids and no keys."""
        return Call("GET", f"{_DEV_STATUS}/summary", {"issueId": issue_id})

    def dev_detail(self, issue_id: str, application_type: str, data_type: str) -> Call:
        """Undocumented. ``application_type`` as the summary spells it; ``data_type``: pullrequest, branch or
        repository, which means commits.
        """
        params = {"issueId": issue_id, "applicationType": application_type, "dataType": data_type}
        return Call("GET", f"{_DEV_STATUS}/detail", params)

    @abstractmethod
    def projects(self, start_at: int, size: int) -> Call: ...

    @abstractmethod
    def search(self, jql: str, size: int, place: Place, fields: Sequence[str], expand: str) -> Call: ...

    @abstractmethod
    def count(self, jql: str) -> Call: ...

    @abstractmethod
    def changelogs(self, issue_ids: Sequence[str], token: str | None, size: int) -> Call:
        """Histories of many issues. Raises Permanent where the dialect has no such call."""

    @abstractmethod
    def issue_changelog(self, issue_id: str, start_at: int) -> Call: ...

    @abstractmethod
    def issues(self, issue_ids: Sequence[str], fields: Sequence[str], expand: str) -> Call: ...


def _segment(text: str) -> str:
    """One part of a path, whatever the text holds."""
    return quote(text, safe="")
