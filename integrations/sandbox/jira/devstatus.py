"""The internal API behind the development panel: one issue a call, by its number and never by its key."""

from integrations.sandbox.http import ApiError, Request, Response
from integrations.sandbox.jira.api import JiraApi, cloud, data_center
from integrations.sandbox.jira.catalog import Json
from integrations.sandbox.jira.development import HOSTS, Development, PullRequest, summary_of
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.timestamps import stamp

# Kinds of development that no host of the sandbox has; they are in every summary.
OTHERS = ("build", "deployment-environment", "review")


@cloud.on("GET", "/rest/dev-status/(?:latest|1.0)/issue/summary")
@data_center.on("GET", "/rest/dev-status/(?:latest|1.0)/issue/summary")
def summary(api: JiraApi, request: Request) -> Response:
    found = summary_of(api.site.issue(_entry(api, request)).development)
    others = {
        kind: {"overall": {"count": 0, "lastUpdated": None, "dataType": kind}, "byInstanceType": {}} for kind in OTHERS
    }
    return Response.json({"errors": [], "configErrors": [], "summary": found | others})


@cloud.on("GET", "/rest/dev-status/(?:latest|1.0)/issue/detail")
@data_center.on("GET", "/rest/dev-status/(?:latest|1.0)/issue/detail")
def detail(api: JiraApi, request: Request) -> Response:
    """Nothing at all for an application type or data type that the issue does not have: that is no error."""
    entry = _entry(api, request)
    application, kind = _required(request, "applicationType"), _required(request, "dataType")
    found = [
        _detail(entry, development, kind)
        for development in api.site.issue(entry).development
        if development.application.lower() == application.lower() and kind in development.counts()
    ]
    return Response.json({"errors": [], "detail": found})


def _entry(api: JiraApi, request: Request) -> Entry:
    issue_id = _required(request, "issueId")
    if not issue_id.isdecimal():
        raise ApiError(400, f"The parameter issueId must be the number of an issue, not '{issue_id}'.")
    if not api.may("VIEW_DEV_TOOLS"):
        raise ApiError(403, "You do not have permission to view development tools.")
    return api.entry(issue_id)


def _required(request: Request, name: str) -> str:
    if not request.text(name):
        raise ApiError(400, f"The parameter {name} is required.")
    return request.text(name)


def _detail(entry: Entry, found: Development, kind: str) -> Json:
    name, url, _ = HOSTS[found.application]
    instance: Json = {"singleInstance": True, "baseUrl": url.split("/acme")[0].split("/projects")[0], "name": name}
    instance |= {"typeName": name, "id": found.application.lower(), "type": found.application}
    shown: Json = {"branches": [], "pullRequests": [], "repositories": [], "_instance": instance}
    # What a host no longer tells: the answer is whole, and empty.
    if found.gone:
        return shown
    if kind == "repository":
        return shown | {"repositories": [_repository(entry, found)]}
    if kind == "branch":
        shown["branches"] = [_branch(found, branch) for branch in found.branches]
    # They come with the branches too, so that one call may bring both.
    return shown | {"pullRequests": [_pull_request(entry, found, request) for request in found.pull_requests]}


def _pull_request(entry: Entry, found: Development, request: PullRequest) -> Json:
    """People have a name and a picture here, and nothing that identifies them."""
    branch = found.branches[0] if found.branches else "main"
    place: Json = {"name": found.repository, "avatar": "", "url": found.url}
    shown: Json = {"author": {"name": request.author, "avatar": ""}, "id": f"#{request.number}"}
    shown |= {"name": f"{entry.key} Change {found.repository}", "commentCount": request.number % 5}
    shown["source"] = {"branch": branch, "repository": place, "url": f"{found.url}/tree/{branch}"}
    shown["destination"] = {"branch": "main", "repository": place, "url": f"{found.url}/tree/main"}
    shown |= {"reviewers": [], "status": request.state, "url": found.pull_request_url(request)}
    shown |= {"lastUpdate": stamp(request.at, "UTC"), "repositoryName": found.repository, "repositoryUrl": found.url}
    return shown


def _branch(found: Development, name: str) -> Json:
    repository: Json = {"name": found.repository, "avatar": "", "url": found.url}
    return {"name": name, "url": f"{found.url}/tree/{name}", "repository": repository}


def _repository(entry: Entry, found: Development) -> Json:
    commits = [_commit(entry, found, place) for place in range(len(found.commits))]
    return {"name": found.repository, "avatar": "", "url": found.url, "commits": commits}


def _commit(entry: Entry, found: Development, place: int) -> Json:
    commit = found.commits[place]
    url = f"{found.url}/commit/{commit}"
    file: Json = {
        "path": "src/main.py",
        "url": f"{url}#main",
        "changeType": "MODIFIED",
        "linesAdded": 3,
        "linesRemoved": 1,
    }
    shown: Json = {"id": commit, "displayId": commit[:11], "authorTimestamp": stamp(found.at, "UTC"), "url": url}
    shown |= {"author": {"name": "Ben Carter", "avatar": ""}, "fileCount": 1, "merge": False}
    return shown | {"message": f"{entry.key} Part {place + 1}", "files": [file]}
