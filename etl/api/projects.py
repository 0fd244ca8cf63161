"""`projects`: what the source calls projects, with their keys."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from custommapping.models import Project
from etl.api.base import ApiView
from etl.api.describing import Page
from etl.api.forms import IdField, PageForm


class ProjectsForm(PageForm):
    integration_id = IdField(required=False)
    key = serializers.CharField(required=False, max_length=255)
    archived = serializers.BooleanField(required=False)
    active = serializers.BooleanField(required=False)


class ProjectAnswer(serializers.ModelSerializer[Project]):
    class Meta:
        model = Project
        fields = (
            "id", "integration_id", "external_id", "key", "name", "project_type", "description", "lead_id",
            "lead_name", "archived", "active", "created_at", "last_updated_at",
        )  # fmt: skip


class ProjectsView(ApiView):
    """GET: the tenant's projects."""

    forms = {"GET": ProjectsForm}
    answers = {"GET": Page(ProjectAnswer)}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(Project), "key", "archived", "active")
        return Response(self.page(rows, ["integration_id", "external_id"], ProjectAnswer))
