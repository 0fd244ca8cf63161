"""The 15 flow metrics of a work item, from its status changes: in memory, one pass, no query.

A *move* is an entry into a category from another one. Being created in a status is the first move for the dates
and the starts, at the creation time; it is neither a completion nor a return. A status without a category is no
move and its time counts nowhere: the next known category is compared with the last known one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from integrations.records import Category


class Change(NamedTuple):
    """A status change: when, and from and to which status (the source's ids)."""

    at: datetime
    from_id: str | None
    to_id: str | None


@dataclass(slots=True)
class FlowMetrics:
    """Names as in ``work_items``. Times are whole seconds, of finished intervals only."""

    work_first_committed_at: datetime | None = None
    work_first_started_at: datetime | None = None
    work_last_started_at: datetime | None = None
    work_first_completed_at: datetime | None = None
    work_last_completed_at: datetime | None = None
    total_work_starts: int = 0
    total_completions: int = 0
    total_backlog_returns: int = 0
    total_work_time_seconds: int = 0
    total_review_time_seconds: int = 0
    total_cycle_time_seconds: int | None = None
    total_lead_time_seconds: int | None = None
    workflow_complexity_score: int = 0
    rework_indicator: bool = False
    direct_completion: bool = False

    def enter(self, category: Category, at: datetime, *, created: bool, known: Category | None) -> None:
        """Counts a move into a category, from the last known one, or the creation in it."""
        if category is Category.IN_PROGRESS:
            self.work_first_started_at = self.work_first_started_at or at
            self.work_last_started_at = at
            self.total_work_starts += 1
        elif category is Category.DONE:
            self.work_first_completed_at = self.work_first_completed_at or at
            self.work_last_completed_at = at
            self.total_completions += not created
        else:
            self.work_first_committed_at = self.work_first_committed_at or at
            self.total_backlog_returns += known is not None

    def spend(self, category: Category | None, seconds: float) -> None:
        """Counts a finished interval in a status of that category."""
        if category is Category.IN_PROGRESS:
            self.total_work_time_seconds += max(0, int(seconds))
        elif category is Category.TO_DO:
            self.total_review_time_seconds += max(0, int(seconds))


METRIC_NAMES: tuple[str, ...] = tuple(FlowMetrics.__slots__)

Categories = Mapping[str, Category | None]


def _span(start: datetime | None, end: datetime | None) -> int | None:
    return int((end - start).total_seconds()) if start and end else None


def _derive(metrics: FlowMetrics) -> None:
    """The metrics that follow from others."""
    metrics.total_cycle_time_seconds = _span(metrics.work_first_started_at, metrics.work_last_completed_at)
    metrics.total_lead_time_seconds = _span(metrics.work_first_committed_at, metrics.work_last_completed_at)
    metrics.workflow_complexity_score = max(0, metrics.total_backlog_returns * 2 + metrics.total_completions - 1)
    metrics.rework_indicator = metrics.total_work_starts > 1
    metrics.direct_completion = metrics.work_last_completed_at is not None and metrics.total_work_starts == 0


DERIVED_FROM: Mapping[str, tuple[str, ...]] = {
    "total_cycle_time_seconds": ("work_first_started_at", "work_last_completed_at"),
    "total_lead_time_seconds": ("work_first_committed_at", "work_last_completed_at"),
    "workflow_complexity_score": ("total_backlog_returns", "total_completions"),
    "rework_indicator": ("total_work_starts",),
    "direct_completion": ("total_work_starts", "work_last_completed_at"),
}
"""Which metrics `_derive` reads for which."""


def flow_metrics(
    created: datetime,
    status_id: str,
    changes: Sequence[Change],
    categories: Categories,
    metrics: FlowMetrics | None = None,
) -> FlowMetrics:
    """The metrics of an item created then, now in that status, with its changes in order.

    They are counted in ``metrics``, new ones where none are given: others can look on (see `etl.transform.reasons`).
    """
    metrics = FlowMetrics() if metrics is None else metrics
    status = changes[0].from_id if changes else status_id
    category = categories.get(status or "")
    known = category
    if category:
        metrics.enter(category, created, created=True, known=None)
    since = created
    for change in changes:
        metrics.spend(category, (change.at - since).total_seconds())
        since = change.at
        category = categories.get(change.to_id or "")
        if category and category is not known:
            metrics.enter(category, change.at, created=False, known=known)
        known = category or known
    _derive(metrics)
    return metrics
