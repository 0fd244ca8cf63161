"""`qdrant`: the vector store: whether it answers, what it holds of the tenant, and how far that is from the rows."""

from dataclasses import asdict

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView, InstallationView
from etl.api.describing import Results
from etl.api.forms import Form, IdField, IntegrationForm
from etl.doctor import vectors
from etl.doctor.results import State
from etl.embedding import inspecting
from etl.verification.drift import Drift, drift


class QdrantHealthView(InstallationView):
    """GET: whether the vector store, which all tenants share, answers. Superusers are told what it says."""

    answers = {"GET": {"status": State, "kind": str}}

    def get(self, request: Request) -> Response:
        found = vectors.store()
        answer = {"status": found.state, "kind": "server" if settings.QDRANT_URL else "embedded"}
        return Response(answer | ({"said": found.said, "advice": found.advice} if self.user.is_superuser else {}))


class CollectionsView(ApiView):
    """GET: the tenant's collections, with their points."""

    answers = {"GET": Results(inspecting.Collection)}

    def get(self, request: Request) -> Response:
        return Response({"results": [asdict(one) for one in inspecting.collections(self.tenant.pk)]})


class CountsForm(Form):
    integration_id = IdField(required=False)


class CountsView(ApiView):
    """GET: how many vectors the rows speak of, by integration, table and state."""

    forms = {"GET": CountsForm}
    answers = {"GET": Results(inspecting.Counted)}

    def get(self, request: Request) -> Response:
        integration = self.integration().pk if "integration_id" in self.given else None
        return Response({"results": [asdict(one) for one in inspecting.counts(self.tenant.pk, integration)]})


class DriftView(ApiView):
    """GET: the vectors of an integration that the store lost, and those that it has too many. Lists all of them."""

    forms = {"GET": IntegrationForm}
    answers = {"GET": Drift}

    def get(self, request: Request) -> Response:
        return Response(asdict(drift(self.integration())))
