"""Records as a provider's normaliser would make them, with what a test does not care about filled in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.records import Batch, Category, StatusChange, StatusRecord, WitRecord, WorkItemRecord

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


def items(*records: WorkItemRecord) -> Batch:
    return Batch(work_items=list(records))


def statuses(*records: StatusRecord) -> Batch:
    return Batch(statuses=list(records))


def ids(records: Sequence[Any]) -> list[str]:
    return [record.external_id for record in records]
