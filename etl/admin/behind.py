"""What stands behind figures: filters of lists that say the same as the figures do, and addresses of such lists."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from etl.metrics.behind import Days, finished_in, linked_to, merged_in, of_category, unlinked
from integrations.records import Category
from pulse.numbers import row_id

LAST_DAYS = (7, 30, 90)


def list_of(model: type[Model], **filters: Any) -> str:
    """The address of the model's list with these filters; those that are None are left out."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    asked = {name: value for name, value in filters.items() if value is not None}
    return f"{address}?{urlencode(asked)}" if asked else address


def of_projects(ids: Sequence[int] | None) -> dict[str, Any]:
    """The filter of the list of work items that has those of the projects."""
    if ids is None:
        return {}
    return {"project__id__exact": ids[0]} if len(ids) == 1 else {"project__id__in": ",".join(map(str, ids))}


def of_team(team: str | None) -> dict[str, Any]:
    """The same of a team; None: of those that have none."""
    return {"team__isnull": "True"} if team is None else {"team__exact": team}


class _AddressedFilter(admin.SimpleListFilter):
    """Base of filters whose values come from addresses. Subclasses narrow the rows where there is one."""

    @property
    def said(self) -> str:
        return self.value() or ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Raises IncorrectLookupParameters, naming the value."""
        if not self.said:
            return queryset
        try:
            return self.narrowed(queryset)
        except ValueError as error:
            raise IncorrectLookupParameters(str(error)) from error

    def narrowed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Raises ValueError, which names the value."""
        raise NotImplementedError


class CategoryFilter(_AddressedFilter):
    """By what the items' statuses mean."""

    title = "category of the status"
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(category.value, category.value) for category in Category]

    def narrowed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return of_category(queryset, Category(self.said))


class _DaysFilter(_AddressedFilter):
    """Base: by the days in which something happened."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        today = datetime.now(UTC).date()
        usual = {str(Days(today - timedelta(days=days - 1), today)): f"in the last {days} days" for days in LAST_DAYS}
        if self.said:
            usual.setdefault(self.said, self.said.replace("..", " to "))
        return list(usual.items())


class FinishedFilter(_DaysFilter):
    """By the days in which items were finished, without those that were opened again."""

    title = "finished"
    parameter_name = "finished"

    def narrowed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return finished_in(queryset, Days.parse(self.said))


class MergedFilter(_DaysFilter):
    """By the days in which pull requests were merged."""

    title = "merged"
    parameter_name = "merged_in"

    def narrowed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return merged_in(queryset, Days.parse(self.said))


class TeamFilter(_AddressedFilter):
    """Says which team a list is narrowed to, and leads out of it: teams are too many to be offered."""

    title = "team"
    parameter_name = "team__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(self.said, self.said)] if self.said else []

    def narrowed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(team=self.said)


class LinkedFilter(_AddressedFilter):
    """Narrows pull requests to those linked to work items of projects, and of a team: ``3,7``, ``3/Owls``, ``/Owls``.

    ``none`` has those that are linked to no work item, and an empty team those of none.
    """

    title = "linked to"
    parameter_name = "linked_to"
    UNLINKED = "none"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known = {self.UNLINKED: "no work item"}
        if self.said:
            known.setdefault(self.said, "work items of the project or team that was chosen")
        return list(known.items())

    def narrowed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.said == self.UNLINKED:
            return unlinked(queryset)
        ids, has_team, team = self.said.partition("/")
        named = [row_id(part) for part in ids.split(",") if part]
        projects = [pk for pk in named if pk is not None]
        if len(projects) < len(named):
            raise ValueError(f"{ids!r} are no numbers of projects")
        return linked_to(queryset, projects or None, [team or None] if has_team else None)


def linked_value(projects: Sequence[int] | None, teams: Sequence[str | None] | None) -> str | None:
    """What `LinkedFilter` is given to have those of the projects and the one team; None: all."""
    if projects is None and teams is None:
        return None
    ids = ",".join(map(str, projects or ()))
    return ids if teams is None else f"{ids}/{teams[0] or ''}"
