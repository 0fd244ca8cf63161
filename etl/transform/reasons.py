"""Why metrics are what they are: the same computation, with somebody looking on who notes what each change did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import NamedTuple

from etl.transform.metrics import DERIVED_FROM, METRIC_NAMES, Categories, Change, FlowMetrics, flow_metrics
from etl.transform.pr_metrics import PrMetrics, committed_at, pr_metrics, rounds, submitted_by_another, written_at
from integrations.records import Category, CommitRecord, PullRequestRecord, ReviewRecord

CREATION = -1
"""The place of the creation among an item's changes."""

_values = attrgetter(*METRIC_NAMES)
# A later move takes the place of an earlier one, also of one at the same instant.
_OVERWRITTEN = ("work_last_started_at", "work_last_completed_at")


class Stay(NamedTuple):
    """An item's stay in a status, between the changes at these places: it came with one and left with the other.

    ``left`` and ``until`` are None of the status that it is in now. A stay without ``status_id`` is in one that the
    history does not name.
    """

    came: int
    left: int | None
    status_id: str | None
    category: Category | None
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Reasons:
    """``moves`` and ``stays`` name, for each metric, what it was computed from: places of changes, and of stays."""

    metrics: FlowMetrics
    stays: Sequence[Stay]
    moves_of: Mapping[str, Sequence[int]]
    stays_of: Mapping[str, Sequence[int]]


class _Watched(FlowMetrics):
    """Metrics that note, as they are counted, which change changed which of them."""

    def __init__(self) -> None:
        super().__init__()
        self.place = CREATION
        self.moves_of: dict[str, list[int]] = {name: [] for name in METRIC_NAMES}
        self.stays_of: dict[str, list[int]] = {name: [] for name in METRIC_NAMES}

    def enter(self, category: Category, at: datetime, *, created: bool, known: Category | None) -> None:
        before = _values(self)
        kept = {name: getattr(self, name) for name in _OVERWRITTEN}
        for name in _OVERWRITTEN:
            setattr(self, name, None)
        super().enter(category, at, created=created, known=known)
        for name, value in zip(METRIC_NAMES, before, strict=True):
            now = getattr(self, name)
            if name in kept and now is not None:
                self.moves_of[name] = [self.place]
            elif name in kept:
                setattr(self, name, value)
            elif now != value:
                self.moves_of[name].append(self.place)

    def spend(self, category: Category | None, seconds: float) -> None:
        """Each stay ends with the next change: the first one with the change at place 0."""
        self.place += 1
        before = _values(self)
        super().spend(category, seconds)
        for name, value in zip(METRIC_NAMES, before, strict=True):
            if getattr(self, name) != value:
                self.stays_of[name].append(self.place)


def reasons(created: datetime, status_id: str, changes: Sequence[Change], categories: Categories) -> Reasons:
    """What `flow_metrics` of the same makes, and why."""
    watched = _Watched()
    flow_metrics(created, status_id, changes, categories, watched)
    for name, inputs in DERIVED_FROM.items():
        watched.moves_of[name] = sorted({place for origin in inputs for place in watched.moves_of[origin]})
    metrics = FlowMetrics(*_values(watched))
    return Reasons(metrics, _stays(created, status_id, changes, categories), watched.moves_of, watched.stays_of)


def _stays(created: datetime, status_id: str, changes: Sequence[Change], categories: Categories) -> list[Stay]:
    """One before each change, and the one that lasts."""
    entered = [changes[0].from_id if changes else status_id, *(change.to_id for change in changes)]
    times = [created, *(change.at for change in changes), None]
    return [
        Stay(
            number - 1,
            number if number < len(changes) else None,
            status,
            categories.get(status or ""),
            times[number] or created,
            times[number + 1],
        )
        for number, status in enumerate(entered)
    ]


@dataclass(frozen=True)
class PrReasons:
    """``reviews`` are those that count, in the order of their submission, each with its round from 1."""

    metrics: PrMetrics
    first_commit: CommitRecord | None
    reviews: Sequence[tuple[ReviewRecord, int]]


def pr_reasons(record: PullRequestRecord) -> PrReasons:
    """What `pr_metrics` makes of the same, and why."""
    metrics = pr_metrics(record)
    first = [commit for commit in record.commits if written_at(commit) == metrics.first_commit_at]
    counted = [(at, review) for review in record.reviews if (at := submitted_by_another(review, record.author))]
    counted.sort(key=itemgetter(0))
    numbers = rounds([at for at, _ in counted], committed_at(record))
    reviews = [(review, number) for (_, review), number in zip(counted, numbers, strict=True)]
    return PrReasons(metrics, first[0] if first and metrics.first_commit_at else None, reviews)
