"""`workflows`: the ordered steps that statuses are mapped to, for one project or for all."""

from typing import Any

from django.db.models import Q
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from custommapping.models import Project, Workflow
from custommapping.workflows import LONGEST_STEP, MOST_STEPS
from etl.api.base import ApiView
from etl.api.describing import Answer, Page
from etl.api.forms import Form, IdField, PageForm
from etl.api.wits import ForceForm
from etl.mapping.workflows import delete_workflow, save_workflow
from integrations.models import Integration


class WorkflowsForm(PageForm):
    integration_id = IdField(required=False)
    project_id = IdField(required=False)


class WorkflowAnswer(serializers.ModelSerializer[Workflow]):
    """A workflow; ``project``, a key, and ``project_id`` are None where it is for all projects."""

    project = serializers.CharField(source="project.key", default=None)

    class Meta:
        model = Workflow
        fields = ("id", "name", "project_id", "project", "steps", "active", "created_at", "last_updated_at")


class NewWorkflowForm(Form):
    name = serializers.CharField(max_length=255)
    project_id = IdField(default=None, allow_null=True)
    steps = serializers.ListField(child=serializers.CharField(max_length=LONGEST_STEP), max_length=MOST_STEPS)


class WorkflowForm(NewWorkflowForm):
    """``last_updated_at`` is that of the workflow which the caller saw; with ``force`` also used steps vanish."""

    last_updated_at = serializers.DateTimeField(required=False)
    force = serializers.BooleanField(default=False)


class _Workflows(ApiView):
    def save(self, known: Workflow | None = None) -> dict[str, Any]:
        """Makes the known workflow, or a new one, what was given."""
        given, project_id = self.given, self.given["project_id"]
        row = save_workflow(
            self.tenant,
            given["name"],
            self.row(Project, project_id, "project_id") if project_id else None,
            given["steps"],
            by=self.user.username,
            known=known,
            seen=given.get("last_updated_at"),
            force=given.get("force", False),
        )
        return WorkflowAnswer(row).data


class WorkflowsView(_Workflows):
    """GET: the tenant's workflows; those that apply to a project, or to any of an integration. POST: makes one."""

    forms = {"GET": WorkflowsForm, "POST": NewWorkflowForm}
    answers = {"GET": Page(WorkflowAnswer), "POST": Answer(WorkflowAnswer, 201)}

    def get(self, request: Request) -> Response:
        rows, given = self.rows(Workflow).select_related("project"), self.given
        if "integration_id" in given:
            integration = self.row(Integration, given["integration_id"], "integration_id")
            rows = rows.filter(Q(project__integration=integration) | Q(project=None))
        if "project_id" in given:
            project = self.row(Project, given["project_id"], "project_id")
            rows = rows.filter(Q(project=project) | Q(project=None))
        return Response(self.page(rows, ["name", "id"], WorkflowAnswer))

    def post(self, request: Request) -> Response:
        return Response(self.save(), status.HTTP_201_CREATED)


class WorkflowView(_Workflows):
    """GET, PUT and DELETE one workflow."""

    forms = {"PUT": WorkflowForm, "DELETE": ForceForm}
    answers = {"GET": WorkflowAnswer, "PUT": WorkflowAnswer, "DELETE": {"deleted": int}}

    def get(self, request: Request, pk: int) -> Response:
        return Response(WorkflowAnswer(self.row(Workflow, pk)).data)

    def put(self, request: Request, pk: int) -> Response:
        return Response(self.save(self.row(Workflow, pk)))

    def delete(self, request: Request, pk: int) -> Response:
        delete_workflow(self.row(Workflow, pk), by=self.user.username, force=self.given["force"])
        return Response({"deleted": pk})
