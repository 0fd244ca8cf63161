"""What the metrics of a work item or a pull request say, and from which entries they were computed, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from etl.admin.acting import page_of
from etl.models import Changelog, Pr, PrCommit, PrReview, WorkItem, WorkItemPrLink
from etl.transform.categories import history_order, read_categories
from etl.transform.metrics import METRIC_NAMES, Change
from etl.transform.pr_metrics import PR_METRIC_NAMES, who
from etl.transform.reasons import CREATION, PrReasons, Reasons, Stay, pr_reasons, reasons
from integrations.records import Category, CommitRecord, Person, PullRequestRecord, RepositoryRecord, ReviewRecord

# A history that is longer is not explained: nobody reads it.
MOST_CHANGES = 2000
SHOWN_ENTRIES = 12
SHOWN_PULL_REQUESTS = 5
# Of what is over, the time line goes on for a little.
TAIL = 0.06
UNKNOWN, REVIEW, WAITING, CODING = "No category", "Review", "Waiting for review", "Coding"

# Each metric: its title, and what it says.
ITEM_FIGURES: Mapping[str, tuple[str, str]] = {
    "work_first_committed_at": (
        "First committed",
        "When it first entered a To Do status. Creation counts.",
    ),
    "work_first_started_at": ("First started", "When it first entered an In Progress status. Creation counts."),
    "work_last_started_at": ("Last started", "When it last came into In Progress from another category."),
    "work_first_completed_at": ("First completed", "When it first entered a Done status."),
    "work_last_completed_at": ("Last completed", "When it last came into Done. It stays when the item is reopened."),
    "total_work_starts": ("Work starts", "How often work began: moves into In Progress from another category."),
    "total_completions": ("Completions", "Moves into Done from another category. Being created in Done is none."),
    "total_backlog_returns": ("Returns to backlog", "How often it went back to To Do from another category."),
    "total_work_time_seconds": ("Work time", "Time spent in In Progress statuses. Only stays that are over count."),
    "total_review_time_seconds": ("Review time", "Time spent waiting in To Do. Only stays that are over count."),
    "total_cycle_time_seconds": ("Cycle time", "From the first start to the last completion."),
    "total_lead_time_seconds": ("Lead time", "From the first commitment to the last completion."),
    "workflow_complexity_score": ("Complexity", "2 × returns + completions − 1, never below 0."),
    "rework_indicator": ("Rework", "Whether work was started more than once."),
    "direct_completion": ("Direct completion", "Whether it was completed without ever being In Progress."),
}
PR_FIGURES: Mapping[str, tuple[str, str]] = {
    "first_commit_at": ("First commit", "When the earliest of its commits was written."),
    "first_review_at": ("First review", "When somebody else, no bot, first submitted a review."),
    "time_to_first_review_seconds": ("Time to first review", "From the opening to the first review."),
    "review_rounds": ("Review rounds", "Groups of others' reviews: a commit between two reviews begins a new one."),
    "cycle_time_seconds": ("Cycle time", "From the first commit to the merge."),
    "size_class": ("Size", "By lines added and deleted: XS up to 9, S to 29, M to 99, L to 499, XL to 999, XXL above."),
}


@dataclass(frozen=True)
class Entry:
    """What a figure was computed from: a change, a stay, a commit. ``address`` is its page, '' where it has none."""

    text: str
    at: datetime | None = None
    address: str = ""


@dataclass(frozen=True)
class Figure:
    """A metric as it is stored. ``computed`` is there where the same computation gives another value today.

    ``stays`` are numbers of stays on the time line that it was computed from. Values are times, or words.
    """

    name: str
    title: str
    says: str
    value: datetime | str | None
    entries: Sequence[Entry]
    more_entries: int = 0
    stays: Sequence[int] = ()
    computed: datetime | str | None = None
    differs: bool = False


@dataclass(frozen=True)
class Span:
    """A piece of a time line: where it begins and how long it is, in hundredths of the line; its time in words.

    ``until`` is None where it lasts. ``kind`` is a category, or what a pull request waits for.
    """

    number: int
    title: str
    kind: str
    since: datetime
    until: datetime | None
    lasted: str
    left: float
    width: float
    address: str = ""


@dataclass(frozen=True)
class Line:
    """A time line with its first and last moment; ``lanes`` are more lines under it, each with its title."""

    spans: Sequence[Span]
    begins: datetime
    ends: datetime
    lanes: Sequence[tuple[str, str, Sequence[Span]]] = ()

    @property
    def kinds(self) -> list[str]:
        """The kinds that are on it, in the order of their first span."""
        every = [*self.spans, *(span for _, _, spans in self.lanes for span in spans)]
        return list(dict.fromkeys(span.kind for span in every))


@dataclass(frozen=True)
class Explained:
    """``problem`` says why nothing else is there."""

    figures: Sequence[Figure] = ()
    line: Line | None = None
    problem: str = ""


def in_words(seconds: float) -> str:
    """A duration by its two largest units: "3 d 4 h"."""
    left = abs(int(seconds))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        parts.append((count, unit))
    first = next((number for number, (count, _) in enumerate(parts) if count), len(parts) - 1)
    words = " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
    return f"{'−' if seconds <= -1 else ''}{words or '0 s'}"


def _shown(name: str, value: Any) -> datetime | str | None:
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return in_words(value) if name.endswith("_seconds") else str(value)


# Work items


def explain_item(item: WorkItem) -> Explained:
    """The flow metrics of a work item, from its changelogs as they are stored. In a bounded number of queries."""
    rows = Changelog.objects.filter(work_item=item).select_related("from_status", "to_status")
    changes = list(rows.defer("from_status__description", "to_status__description")[: MOST_CHANGES + 1])
    if len(changes) > MOST_CHANGES:
        return Explained(problem=f"It changed its status more than {MOST_CHANGES:,} times: that is not explained here.")
    changes.sort(key=lambda row: (row.transition_change_date, history_order(row.external_id), row.item_number))
    path = [Change(row.transition_change_date, _id(row.from_status), _id(row.to_status)) for row in changes]
    categories = read_categories(item.tenant_id, item.integration_id)
    found = reasons(item.created, item.status.external_id, path, categories)
    figures = [_item_figure(name, item, found, changes) for name in METRIC_NAMES]
    return Explained(figures, _item_line(item, found, changes))


def _id(status: Any) -> str | None:
    return status.external_id if status else None


def _item_figure(name: str, item: WorkItem, found: Reasons, changes: Sequence[Changelog]) -> Figure:
    stored, computed = getattr(item, name), getattr(found.metrics, name)
    entries = [_move(item, place, changes) for place in found.moves_of[name]]
    entries += [_time(found.stays[number], item, changes) for number in found.stays_of[name]]
    return Figure(
        *(name, *ITEM_FIGURES[name], _shown(name, stored), entries[:SHOWN_ENTRIES]),
        more_entries=max(0, len(entries) - SHOWN_ENTRIES),
        stays=_counted(name, found),
        computed=_shown(name, computed),
        differs=stored != computed,
    )


def _counted(name: str, found: Reasons) -> Sequence[int]:
    """The stays that were counted; of times between two moves, those between them; else those that moves began."""
    begun = [place + 1 for place in found.moves_of[name]]
    if name in ("total_cycle_time_seconds", "total_lead_time_seconds") and begun:
        return range(begun[0], begun[-1])
    return found.stays_of[name] or begun


def _move(item: WorkItem, place: int, changes: Sequence[Changelog]) -> Entry:
    if place == CREATION:
        return Entry(f"created in {_left(changes[0]) if changes else item.status.name}", item.created)
    change = changes[place]
    by = f" by {change.changed_by}" if change.changed_by else ""
    return Entry(f"{_left(change)} → {_entered(change)}{by}", change.transition_change_date, page_of(change))


def _left(change: Changelog) -> str:
    return change.from_status_name or "?"


def _entered(change: Changelog) -> str:
    return change.to_status_name or "?"


def _time(stay: Stay, item: WorkItem, changes: Sequence[Changelog]) -> Entry:
    left = changes[stay.left or 0]
    lasted = in_words((left.transition_change_date - stay.since).total_seconds())
    return Entry(f"{_left(left)}: {lasted}, until", left.transition_change_date, page_of(left))


# Time lines


def _item_line(item: WorkItem, found: Reasons, changes: Sequence[Changelog]) -> Line:
    begins, last = item.created, found.stays[-1]
    reached = max(last.since, begins)
    ends = _end(begins, reached) if last.category is Category.DONE else max(timezone.now(), reached)
    names = [_left(changes[0]), *(_entered(change) for change in changes)] if changes else [item.status.name]
    pieces = [
        (
            name,
            str(stay.category or UNKNOWN),
            stay.since,
            stay.until,
            page_of(changes[stay.came]) if stay.came >= 0 else "",
        )
        for name, stay in zip(names, found.stays, strict=True)
    ]
    return Line(_spans(pieces, begins, ends), begins, ends, _lanes(item, begins, ends))


def _end(begins: datetime, reached: datetime) -> datetime:
    return reached + max(timedelta(hours=1), (reached - begins) * TAIL)


Piece = tuple[str, str, datetime, datetime | None, str]


def _spans(pieces: Sequence[Piece], begins: datetime, ends: datetime) -> list[Span]:
    """The pieces (title, kind, since, until, page), as far as they are on the line."""
    whole = (ends - begins).total_seconds() or 1
    spans = []
    for number, (title, kind, since, until, address) in enumerate(pieces):
        first, last = max(since, begins), min(until or ends, ends)
        left, width = (first - begins).total_seconds() / whole, (last - first).total_seconds() / whole
        lasted = in_words(((until or timezone.now()) - since).total_seconds())
        spans.append(Span(number, title, kind, since, until, lasted, 100 * left, 100 * max(0, width), address))
    return spans


def _lanes(item: WorkItem, begins: datetime, ends: datetime) -> list[tuple[str, str, Sequence[Span]]]:
    """The pull requests of an item beside its statuses, the first ones."""
    links = WorkItemPrLink.objects.filter(work_item=item, tenant_id=item.tenant_id, pr__isnull=False)
    ids = links.values_list("pr_id", flat=True).distinct()
    found = Pr.objects.filter(pk__in=ids).select_related("repository").defer("body", "labels", "mentioned_keys")
    lanes: list[tuple[str, str, Sequence[Span]]] = []
    for pr in found.order_by("created")[:SHOWN_PULL_REQUESTS]:
        pieces = [piece for piece in _pr_pieces(pr) if piece[2] < ends and (piece[3] or ends) > begins]
        lanes.append((f"{pr.repository} #{pr.number}", page_of(pr), _spans(pieces, begins, ends)))
    return lanes


def _pr_pieces(pr: Pr) -> list[Piece]:
    """What a pull request waited for, one thing after the other."""
    over, reviewed, coded = pr.merged or pr.closed, pr.first_review_at, pr.first_commit_at
    pieces: list[Piece] = []
    if coded and coded < pr.created:
        pieces.append(("Commits", CODING, coded, pr.created, ""))
    pieces.append(("Opened", WAITING, pr.created, _least(reviewed, over), ""))
    if reviewed and (over is None or reviewed < over):
        pieces.append(("First review", REVIEW, max(reviewed, pr.created), over, ""))
    return pieces


def _least(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time), default=None)


# Pull requests


def explain_pr(pr: Pr) -> Explained:
    """The metrics of a pull request, from its commits and reviews as they are stored."""
    commits = list(PrCommit.objects.filter(pr=pr).order_by("pk").defer("message")[: MOST_CHANGES + 1])
    reviews = list(PrReview.objects.filter(pr=pr).order_by("pk").defer("body")[: MOST_CHANGES + 1])
    if max(len(commits), len(reviews)) > MOST_CHANGES:
        return Explained(problem=f"It has more than {MOST_CHANGES:,} commits or reviews: that is not explained here.")
    found = pr_reasons(_record(pr, commits, reviews))
    pages = {row.external_id: page_of(row) for row in (*commits, *reviews)}
    return Explained([_pr_figure(name, pr, found, pages) for name in PR_METRIC_NAMES], _pr_line(pr))


def _record(pr: Pr, commits: Sequence[PrCommit], reviews: Sequence[PrReview]) -> PullRequestRecord:
    """As the load had it, as far as the metrics read it."""
    return PullRequestRecord(
        *(pr.external_id, pr.number, RepositoryRecord("", ""), pr.title, pr.state, pr.created, pr.updated),
        author=Person(pr.author),
        merged=pr.merged,
        additions=pr.additions,
        deletions=pr.deletions,
        commits=tuple(CommitRecord(row.external_id, row.created, row.committed) for row in commits),
        reviews=tuple(
            ReviewRecord(row.external_id, row.state, Person(row.author), row.bot, row.created) for row in reviews
        ),
    )


def _pr_figure(name: str, pr: Pr, found: PrReasons, pages: Mapping[str, str]) -> Figure:
    stored, computed = getattr(pr, name), getattr(found.metrics, name)
    entries = _pr_entries(name, pr, found, pages)
    return Figure(
        *(name, *PR_FIGURES[name], _shown(name, stored), entries[:SHOWN_ENTRIES]),
        more_entries=max(0, len(entries) - SHOWN_ENTRIES),
        computed=_shown(name, computed),
        differs=stored != computed,
    )


def _pr_entries(name: str, pr: Pr, found: PrReasons, pages: Mapping[str, str]) -> list[Entry]:
    commit, opened = found.first_commit, Entry("opened", pr.created)
    first = [Entry(f"commit {commit.sha[:10]}", found.metrics.first_commit_at, pages[commit.sha])] if commit else []
    reviews = [
        Entry(f"round {number}: {review.state} by {who(review.author)}", review.submitted, pages[review.external_id])
        for review, number in found.reviews
    ]
    merged = [Entry("merged", pr.merged)] if pr.merged else []
    return {
        "first_commit_at": first,
        "first_review_at": reviews[:1],
        "time_to_first_review_seconds": [opened, *reviews[:1]],
        "review_rounds": reviews,
        "cycle_time_seconds": [*first, *merged],
        "size_class": [Entry(f"+{pr.additions:,} −{pr.deletions:,} lines")],
    }[name]


def _pr_line(pr: Pr) -> Line:
    pieces = _pr_pieces(pr)
    begins, over = min(piece[2] for piece in pieces), pr.merged or pr.closed
    ends = _end(begins, over) if over else max(timezone.now(), pr.created)
    return Line(_spans(pieces, begins, ends), begins, ends)
