"""What was loaded: work items with their history, repositories and pull requests."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from etl.admin.behind import CategoryFilter, FinishedFilter, LinkedFilter, MergedFilter, TeamFilter
from etl.admin.explained import explain_item, explain_pr, in_words
from etl.admin.filters import MentionFilter, PrStateFilter, SizeClassFilter
from etl.admin.flow import FlowPages
from etl.admin.similar import SimilarPages
from etl.admin.tracing import AnswerFilter, TracedPages
from etl.models import Changelog, Pr, PrComment, PrCommit, PrReview, Repository, WorkItem, WorkItemPrLink
from pulse.tenancy.admin.base import ReadOnlyAdmin

_OWNER = ("tenant", "integration")


@admin.register(WorkItem)
class WorkItemAdmin(FlowPages, SimilarPages, TracedPages, ReadOnlyAdmin):
    explains = staticmethod(explain_item)
    relations = (*_OWNER, "project", "wit", "status", "parent")
    list_loads = ("parent__summary",)
    list_display = ("key", "summary", "project", "wit", "status", "cycle_time", "assignee_name", "updated", "tenant")
    list_filter = (
        "tenant",
        "integration",
        "project",
        CategoryFilter,
        FinishedFilter,
        TeamFilter,
        "rework_indicator",
        "direct_completion",
        AnswerFilter,
    )
    search_fields = ("key__exact", "external_id__exact")
    search_help_text = "An exact key such as PAY-12, or the source's id"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = super().get_fields(request, obj)
        return ["points" if name == "story_points" else name for name in names]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["points", *super().get_readonly_fields(request, obj)]

    @admin.display(description="cycle time")
    def cycle_time(self, item: WorkItem) -> str | None:
        """Of those that were finished."""
        return None if item.total_cycle_time_seconds is None else in_words(item.total_cycle_time_seconds)

    @admin.display(description="story points")
    def points(self, item: WorkItem) -> str | None:
        """As people write them: 8, not 8.000000."""
        return None if item.story_points is None else f"{item.story_points.normalize():f}"


@admin.register(Changelog)
class ChangelogAdmin(ReadOnlyAdmin):
    relations = (*_OWNER, "work_item", "from_status", "to_status")
    list_loads = ("work_item__summary",)
    list_display = (
        "transition_change_date",
        "work_item",
        "from_status_name",
        "to_status_name",
        "time_in_status_seconds",
        "changed_by",
        "tenant",
    )
    list_filter = ("tenant", "integration", AnswerFilter)
    search_fields = ("work_item__key__exact",)
    search_help_text = "The exact key of a work item"


@admin.register(Repository)
class RepositoryAdmin(ReadOnlyAdmin):
    relations = _OWNER
    list_display = (
        "full_name",
        "default_branch",
        "private",
        "archived",
        "fork",
        "active",
        "authority",
        "integration",
        "tenant",
    )
    list_filter = ("tenant", "integration", "active", "private", "archived", "fork", "authority")
    search_fields = ("full_name", "external_id__exact")
    search_help_text = "A part of owner/name, or the source's id"


@admin.register(Pr)
class PrAdmin(SimilarPages, TracedPages, ReadOnlyAdmin):
    explains = staticmethod(explain_pr)
    relations = (*_OWNER, "repository")
    list_display = (
        "number",
        "title",
        "repository",
        "state",
        "draft",
        "author",
        "size_class",
        "review_decision",
        "created",
        "merged",
        "time_to_first_review_seconds",
        "cycle_time_seconds",
        "tenant",
    )
    list_filter = (
        "tenant",
        "integration",
        "repository",
        PrStateFilter,
        MergedFilter,
        SizeClassFilter,
        "draft",
        "bot",
        LinkedFilter,
        AnswerFilter,
    )
    search_fields = ("number__exact", "external_id__exact", "head__exact", "author__exact")
    search_help_text = "A number, a branch, an author's account, or the source's id"


class PrPartAdmin(ReadOnlyAdmin):
    """Base of what belongs to a pull request."""

    relations = (*_OWNER, "pr")
    list_loads: ClassVar[tuple[str, ...]] = ("pr__title",)
    list_filter: ClassVar[tuple[Any, ...]] = ("tenant", "integration", "bot", AnswerFilter)
    search_fields: ClassVar[tuple[str, ...]] = ("external_id__exact", "pr__number__exact", "author__exact")
    search_help_text = "A pull request's number, an author's account, or the source's id"


@admin.register(PrCommit)
class PrCommitAdmin(PrPartAdmin):
    list_display = ("sha", "pr", "author", "created", "committed", "additions", "deletions", "tenant")


@admin.register(PrReview)
class PrReviewAdmin(PrPartAdmin):
    list_display = ("id", "pr", "state", "author", "bot", "created", "tenant")
    search_fields = (*PrPartAdmin.search_fields, "state__exact")
    search_help_text = "A pull request's number, an author's account, a state such as APPROVED, or the source's id"


@admin.register(PrComment)
class PrCommentAdmin(PrPartAdmin):
    list_display = ("id", "pr", "author", "bot", "path", "line", "resolved", "created", "tenant")
    list_filter = (*PrPartAdmin.list_filter, "resolved")


@admin.register(WorkItemPrLink)
class WorkItemPrLinkAdmin(ReadOnlyAdmin):
    relations = (*_OWNER, "work_item", "pr")
    list_loads = ("work_item__summary", "pr__title")
    list_display = ("work_item", "kind", "title", "state", "external_repo", "pr_number", "pr", "source", "tenant")
    list_filter = ("tenant", "integration", "kind", MentionFilter, AnswerFilter)
    search_fields = ("work_item__key__exact", "pr_number__exact", "source__exact", "state__exact")
    search_help_text = "The exact key of a work item, a pull request's number, a source or a state"
