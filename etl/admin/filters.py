"""Filters whose choices come from the code: reading them from a big table would scan it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from etl.models.code import MENTION
from etl.queue.topology import ALL_QUEUES, Stage
from etl.transform.pr_metrics import SIZES
from integrations.registry import get_provider, provider_names

LEVELS = ("info", "warning", "error")


class _DeclaredFilter(admin.SimpleListFilter):
    """Base: the rows whose column of this name has the chosen value."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class EntityTypeFilter(_DeclaredFilter):
    """By the entity types that some provider knows."""

    title = "entity type"
    parameter_name = "entity_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = {name for provider in provider_names() for name in get_provider(provider).entity_types()}
        return [(name, name) for name in sorted(names)]


class StepFilter(_DeclaredFilter):
    """By the steps of all providers, in their order."""

    title = "step"
    parameter_name = "step"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        steps = [step for provider in provider_names() for step in get_provider(provider).steps]
        return [(step.name, step.display_name) for step in steps]


class StageFilter(_DeclaredFilter):
    """By the stages, in their order."""

    title = "stage"
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(stage.value, stage.value) for stage in Stage]


class LevelFilter(_DeclaredFilter):
    """By the levels that lines of a log have."""

    title = "level"
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(level, level) for level in LEVELS]


class QueueFilter(_DeclaredFilter):
    """By the queues that there are."""

    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in ALL_QUEUES]


class PrStateFilter(_DeclaredFilter):
    """By the states that pull requests are loaded in, whatever their source calls them."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in ("OPEN", "CLOSED", "MERGED")]


class SizeClassFilter(_DeclaredFilter):
    """By the classes of size, smallest first."""

    title = "size class"
    parameter_name = "size_class"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(size, size) for size in SIZES]


class MentionFilter(admin.SimpleListFilter):
    """By which side a link was found on."""

    title = "found"
    parameter_name = "found"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("mention", "in the pull request's text"), ("source", "by the work item's source")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(source=MENTION) if self.value() == "mention" else queryset.exclude(source=MENTION)
