"""`repositories`: where pull requests are from."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.describing import Page
from etl.api.forms import IdField, PageForm
from etl.models import Repository


class RepositoriesForm(PageForm):
    """``full_name`` is owner/name in any case."""

    integration_id = IdField(required=False)
    full_name = serializers.CharField(required=False, max_length=512)
    private = serializers.BooleanField(required=False)
    archived = serializers.BooleanField(required=False)
    fork = serializers.BooleanField(required=False)
    active = serializers.BooleanField(required=False)


class RepositoryAnswer(serializers.ModelSerializer[Repository]):
    class Meta:
        model = Repository
        fields = (
            "id", "integration_id", "external_id", "name", "full_name", "url", "description", "default_branch",
            "private", "archived", "fork", "active", "created_at", "last_updated_at",
        )  # fmt: skip


class RepositoriesView(ApiView):
    """GET: the tenant's repositories."""

    forms = {"GET": RepositoriesForm}
    answers = {"GET": Page(RepositoryAnswer)}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(Repository), "private", "archived", "fork", "active")
        if "full_name" in self.given:
            rows = rows.filter(full_name__iexact=self.given["full_name"])
        return Response(self.page(rows, ["integration_id", "external_id"], RepositoryAnswer))
