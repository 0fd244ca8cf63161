"""The rows behind the figures: the same conditions as those of `flow` and `pull_requests`, for lists of people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from custommapping.models import Status, StatusMapping
from etl.metrics.asking import midnight
from etl.models import Pr, WorkItem, WorkItemPrLink
from integrations.records import Category


@dataclass(frozen=True)
class Days:
    """From the first day to the last, both included, UTC. As text: ``2024-03-01..2024-03-31``."""

    first: date
    last: date

    @classmethod
    def parse(cls, text: str) -> "Days":
        """Raises ValueError, which names the text."""
        first, _, last = text.partition("..")
        try:
            found = cls(date.fromisoformat(first), date.fromisoformat(last))
        except ValueError as error:
            raise ValueError(f"{text!r} is no time such as 2024-03-01..2024-03-31") from error
        if not date.min < found.first <= found.last < date.max:
            raise ValueError(f"{text!r} ends before it begins, or is too far away")
        return found

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"

    def of(self, column: str) -> dict[str, object]:
        """As conditions of a query: that the column's moment is in them."""
        return {f"{column}__gte": midnight(self.first), f"{column}__lt": midnight(self.last + timedelta(days=1))}


def of_category(items: QuerySet[WorkItem], category: Category) -> QuerySet[WorkItem]:
    """Those whose status means that: by the tenant's mapping first, the source's category else."""
    mapped = StatusMapping.objects.filter(
        tenant=OuterRef("tenant"),
        integration=OuterRef("integration"),
        status_external_id=OuterRef("external_id"),
        active=True,
    )
    meant = Status.objects.annotate(meant=Coalesce(Subquery(mapped.values("category")), "category"))
    return items.filter(active=True, status__in=meant.filter(meant=category.value).values("pk"))


def finished_in(items: QuerySet[WorkItem], days: Days) -> QuerySet[WorkItem]:
    """Those that `flow.finished` counts."""
    return of_category(items, Category.DONE).filter(**days.of("work_last_completed_at"))


def merged_in(prs: QuerySet[Pr], days: Days) -> QuerySet[Pr]:
    """Those that `pull_requests.merged` counts, those of bots too."""
    return prs.filter(active=True, **days.of("merged"))


def linked_to(
    prs: QuerySet[Pr], projects: Sequence[int] | None = None, teams: Sequence[str | None] | None = None
) -> QuerySet[Pr]:
    """Those that `pull_requests` counts for such projects and teams; a team of None is that of whatever has none."""
    links = WorkItemPrLink.objects.filter(pr=OuterRef("pk"), active=True, work_item__active=True)
    narrowed = links if projects is None else links.filter(work_item__project__in=projects)
    if teams is not None:
        named = Q(work_item__team__in=[team for team in teams if team is not None])
        narrowed = narrowed.filter(named | Q(work_item__team=None) if None in teams else named)
    if projects is None and teams is not None and None in teams:
        return prs.filter(Exists(narrowed) | ~Exists(links))
    return prs.filter(Exists(narrowed))


def unlinked(prs: QuerySet[Pr]) -> QuerySet[Pr]:
    """Those that are of no project."""
    return prs.exclude(Exists(WorkItemPrLink.objects.filter(pr=OuterRef("pk"), active=True, work_item__active=True)))
