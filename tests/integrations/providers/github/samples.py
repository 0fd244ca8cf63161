"""Answers in GitHub's GraphQL shapes, to be varied by tests."""

from collections.abc import Sequence
from typing import Any

from integrations.provider import RawAnswer
from integrations.providers.github.normalise import PULL_REQUEST_REST, PULL_REQUESTS, normalise
from integrations.records import Batch, PullRequestRecord, Quarantined

Json = dict[str, Any]

ADA = {"__typename": "User", "login": "ada", "name": "Ada Quill"}
ROBOT = {"__typename": "Bot", "login": "dependabot"}
HOME = {
    "id": "R_1",
    "databaseId": 207661645,
    "nameWithOwner": "acme/web",
    "url": "https://github.test/acme/web",
    "description": "The shop",
    "isPrivate": True,
    "isArchived": False,
    "isFork": False,
    "defaultBranchRef": {"name": "main"},
}


def given(whole: Json) -> Json:
    """Without what is ``...``."""
    return {name: value for name, value in whole.items() if value is not ...}


def listed(*nodes: Any, more: bool = False) -> Json:
    """A list within a pull request, or its beginning."""
    info = {"hasNextPage": more, "endCursor": "Y3Vyc29y" if nodes else None}
    return {"totalCount": len(nodes) + more, "pageInfo": info, "nodes": list(nodes)}


def oid(number: int) -> str:
    return f"{number:040x}"


def commit(number: int = 1, **fields: Any) -> Json:
    author = {"name": "Ada Quill", "email": "ada@example.com", "user": {"login": "ada", "name": "Ada Quill"}}
    whole = {
        "oid": oid(number),
        "message": f"Change {number}",
        "authoredDate": "2025-03-01T09:00:00Z",
        "committedDate": f"2025-03-02T09:00:{number % 60:02}Z",
        "additions": 3,
        "deletions": 1,
        "author": author,
    }
    return {"commit": given(whole | fields)}


def review(number: int = 1, **fields: Any) -> Json:
    whole = {
        "id": f"PRR_{number}",
        "fullDatabaseId": str(6_000_000_000 + number),
        "databaseId": None,
        "state": "APPROVED",
        "createdAt": "2025-03-03T09:00:00Z",
        "submittedAt": f"2025-03-03T10:00:{number % 60:02}Z",
        "body": "",
        "author": ADA,
    }
    return given(whole | fields)


def comment(number: int = 1, **fields: Any) -> Json:
    whole = {
        "id": f"IC_{number}",
        "fullDatabaseId": str(7_000_000_000 + number),
        "createdAt": f"2025-03-04T09:00:{number % 60:02}Z",
        "updatedAt": "2025-03-04T10:00:00Z",
        "body": f"Comment {number}",
        "author": ADA,
    }
    return given(whole | fields)


def code_comment(number: int = 1, **fields: Any) -> Json:
    more = {"path": "src/main.py", "line": 7, "pullRequestReview": {"fullDatabaseId": "6000000001"}}
    return comment(number, **(more | fields))


def thread(number: int = 1, *comments: Any, more: bool = False, **fields: Any) -> Json:
    whole = {"id": f"PRRT_{number}", "isResolved": True, "comments": listed(*comments, more=more)}
    return given(whole | fields)


def pull(place: int = 1, **fields: Any) -> Json:
    """A good pull request of acme/web; ``fields`` replace its own, those that are ``...`` go missing."""
    whole = {
        "id": f"PR_{place}",
        "fullDatabaseId": pull_id(place),
        "databaseId": None,
        "number": place,
        "url": f"https://github.test/acme/web/pull/{place}",
        "title": f"Thing {place}",
        "body": "",
        "state": "OPEN",
        "isDraft": False,
        "createdAt": "2025-03-01T09:00:00Z",
        "updatedAt": "2025-03-05T09:00:00Z",
        "closedAt": None,
        "mergedAt": None,
        "author": ADA,
        "mergedBy": None,
        "additions": 10,
        "deletions": 2,
        "changedFiles": 3,
        "reviewDecision": None,
        "baseRefName": "main",
        "headRefName": f"things/{place}",
        "headRepository": {"nameWithOwner": "acme/web"},
        "mergeCommit": None,
        "labels": listed(),
        "commits": listed(),
        "reviews": listed(),
        "comments": listed(),
        "reviewThreads": listed(),
    }
    return given(whole | fields)


def pull_id(number: int = 1) -> str:
    return str(4_000_000_000 + number)


def page(*pulls: Any, **home: Any) -> RawAnswer:
    repository = given(HOME | {"pullRequests": listed(*pulls)} | home)
    data = {"repository": repository, "rateLimit": {"cost": 7, "remaining": 4993}}
    return RawAnswer(PULL_REQUESTS, "repository:207661645:page:1", {"data": data})


def rest(number: int, name: str, *nodes: Any, more: bool = False, place: int = 1) -> RawAnswer:
    """What goes on behind the page: of a list of a pull request."""
    node = {"id": f"PR_{number}", "fullDatabaseId": pull_id(number), name: listed(*nodes, more=more)}
    metadata = {"pull_request": pull_id(number), "connection": name}
    return RawAnswer(PULL_REQUEST_REST, f"rest:{place}", {"data": {"node": node}}, metadata)


def rest_of_thread(number: int, thread_number: int, *nodes: Any, more: bool = False, place: int = 1) -> RawAnswer:
    name = f"PRRT_{thread_number}"
    metadata = {"pull_request": pull_id(number), "connection": "comments", "thread": name}
    content = {"data": {"node": {"id": name, "comments": listed(*nodes, more=more)}}}
    return RawAnswer(PULL_REQUEST_REST, f"rest:{place}", content, metadata)


def read(*pulls: Any, followups: Sequence[RawAnswer] = ()) -> Batch:
    return normalise(page(*pulls), followups)


def record(wanted: Json, *followups: RawAnswer) -> PullRequestRecord:
    """The one record of a pull request that must be readable in all its parts."""
    batch = read(wanted, followups=followups)
    assert list(batch.quarantined) == []
    return batch.pull_requests[0]


def refusal(wanted: Any, *followups: RawAnswer) -> Quarantined:
    """Why a pull request between two good ones is not taken; the good ones must be."""
    batch = read(pull(1), wanted, pull(3), followups=followups)
    assert [found.number for found in batch.pull_requests] == [1, 3]
    assert len(batch.quarantined) == 1
    return batch.quarantined[0]
