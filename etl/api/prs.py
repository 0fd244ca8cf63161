"""`prs`: pull requests, found by repository, state, author and times."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from etl.api.filters import period_fields
from etl.api.forms import Form, IdField, NamesField, OneOfField, PageForm
from etl.api.listing import ChosenAnswer, Listing, Pages, Single, short
from etl.models import Pr, Repository

STATES = ("OPEN", "CLOSED", "MERGED")
PERIODS = {name: name for name in ("created", "updated", "closed", "merged")}
_LARGEST_NUMBER = 2**31 - 1


class PrAnswer(ChosenAnswer[Pr]):
    """A pull request. Names that end with ``_seconds`` are seconds."""

    repository = serializers.CharField(source="repository__full_name")

    class Meta:
        model = Pr
        fields = (
            "id", "integration_id", "external_id", "repository", "repository_id", "number", "title", "url", "body",
            "state", "draft", "author", "bot", "created", "updated", "closed", "merged", "merged_by",
            "first_commit_at", "first_review_at", "additions", "deletions", "changed_files", "commits", "reviews",
            "comments", "review_decision", "base", "head", "head_repository", "merge_commit", "labels",
            "time_to_first_review_seconds", "review_rounds", "cycle_time_seconds", "size_class", "active",
            "created_at", "last_updated_at",
        )  # fmt: skip


NAMES = PrAnswer.Meta.fields


class PrsFilter(Form):
    """``repository`` is a full name (owner/name) in any case; ``fields`` names what is answered."""

    integration_id = IdField(required=False)
    repository = serializers.CharField(required=False, max_length=512)
    number = serializers.IntegerField(required=False, min_value=1, max_value=_LARGEST_NUMBER)
    state = OneOfField(STATES, required=False)
    author = serializers.CharField(required=False, max_length=255)
    draft = serializers.BooleanField(required=False)
    bot = serializers.BooleanField(required=False)
    base = serializers.CharField(required=False, max_length=1000)
    active = serializers.BooleanField(default=True)

    def get_fields(self) -> dict[str, Any]:
        periods = period_fields(*PERIODS)
        return {**super().get_fields(), **periods, "fields": NamesField(NAMES, default=short(NAMES, "body"))}


class PrsForm(PrsFilter, PageForm):
    """The same in pages."""


class Prs(Listing):
    keys = ("id",)
    periods = PERIODS
    answer = PrAnswer

    def told(self) -> QuerySet[Pr]:
        return self.rows(Pr)

    def found(self) -> QuerySet[Pr]:
        rows = self.filtered(self.told(), "number", "state", "author", "draft", "bot", "base", "active")
        if "repository" in self.given:
            rows = rows.filter(repository_id__in=self.named(Repository, "repository", "full_name__iexact"))
        return rows


class PullRequestsView(Pages, Prs):
    """GET: the tenant's pull requests."""

    forms = {"GET": PrsForm}


class PullRequestView(Single, Prs):
    """GET: one pull request, with all there is of it."""
