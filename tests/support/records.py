"""Records as a provider's normaliser would make them, with what a test does not care about filled in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.records import (
    Batch,
    Category,
    CommentRecord,
    CommitRecord,
    Person,
    PullRequestRecord,
    RepositoryRecord,
    ReviewRecord,
    StatusChange,
    StatusRecord,
    WitRecord,
    WorkItemRecord,
)

START = datetime(2024, 3, 1, 9, tzinfo=UTC)

TODO, DOING, DONE = Category.TO_DO, Category.IN_PROGRESS, Category.DONE
STATUSES = {
    "1": StatusRecord("1", "Backlog", TODO),
    "2": StatusRecord("2", "Selected", TODO),
    "3": StatusRecord("3", "Building", DOING),
    "4": StatusRecord("4", "Reviewing", DOING),
    "5": StatusRecord("5", "Closed", DONE),
}
TASK = WitRecord("10", "Task")
WEB = RepositoryRecord("500", "acme/web", "https://code.test/acme/web", "The shop", "main")


def at(hours: float) -> datetime:
    """That many hours after the time at which the issues of tests begin."""
    return START + timedelta(hours=hours)


def change(number: int, hours: float, from_id: str | None, to_id: str | None, **fields: Any) -> StatusChange:
    """A status change with the names of `STATUSES`; a status that these do not know is called "Gone" and its id."""
    known: dict[str, Any] = {"item": 0, "from_name": _name(from_id), "to_name": _name(to_id)}
    return StatusChange(str(number), at=at(hours), from_id=from_id, to_id=to_id, **{**known, **fields})


def _name(status_id: str | None) -> str:
    return STATUSES[status_id].name if status_id in STATUSES else f"Gone {status_id}"


def issue(external_id: str = "1", *, version: float = 0, status: str = "1", **fields: Any) -> WorkItemRecord:
    """A work item of project 100 that was last updated ``version`` hours after the start."""
    known: dict[str, Any] = {
        "key": f"ABC-{external_id}",
        "project_id": "100",
        "project_key": "ABC",
        "project_name": "Alphabet",
        "wit": TASK,
        "status": STATUSES[status],
        "created": START,
        "updated": at(version),
        "summary": f"Issue {external_id}",
        **fields,
    }
    return WorkItemRecord(external_id, **known)


def moved(external_id: str = "1", *path: str, **fields: Any) -> WorkItemRecord:
    """A work item that went through those statuses, one an hour, beginning with its creation."""
    changes = [change(n, n, path[n - 1], path[n]) for n in range(1, len(path))]
    return issue(external_id, status=path[-1], changes=tuple(changes), **{"version": len(path) - 1, **fields})


def commit(number: int, hours: float, *, committed: float | None = None, **fields: Any) -> CommitRecord:
    """A commit that was written at that hour, and committed then too unless that is said."""
    known: dict[str, Any] = {"message": f"Commit {number}", "author": Person("ann"), **fields}
    return CommitRecord(f"{number:040x}", at(hours), at(hours if committed is None else committed), **known)


def review(number: int, hours: float | None, by: str | None = "bob", **fields: Any) -> ReviewRecord:
    """A review that was submitted at that hour, if ever."""
    submitted = None if hours is None else at(hours)
    return ReviewRecord(str(number), author=Person(by), submitted=submitted, **{"state": "APPROVED", **fields})


def comment(number: int, hours: float = 0, **fields: Any) -> CommentRecord:
    return CommentRecord(str(number), at(hours), **{"author": Person("bob"), "body": f"Comment {number}", **fields})


def pull_request(external_id: str = "1", *, version: float = 0, **fields: Any) -> PullRequestRecord:
    """A pull request by Ann to "acme/web" that was last updated ``version`` hours after the start."""
    known: dict[str, Any] = {
        "number": int(external_id),
        "repository": WEB,
        "title": f"Pull request {external_id}",
        "state": "OPEN",
        "created": START,
        "updated": at(version),
        "author": Person("ann", "Ann Other"),
        **fields,
    }
    return PullRequestRecord(external_id, **known)


def pulls(*records: PullRequestRecord) -> Batch:
    return Batch(pull_requests=list(records))


def items(*records: WorkItemRecord) -> Batch:
    return Batch(work_items=list(records))


def statuses(*records: StatusRecord) -> Batch:
    return Batch(statuses=list(records))


def ids(records: Sequence[Any]) -> list[str]:
    return [record.external_id for record in records]
