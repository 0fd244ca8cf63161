"""What helps with `custom-fields/mapping`: suggestions, its export and import, and how much fields are used."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from custommapping.exchange import exported, imported
from custommapping.models import MAPPED_COLUMNS
from custommapping.suggestions import Suggestion
from etl.api.base import ApiView
from etl.api.forms import IntegrationForm, OneOfField
from etl.api.mapping import MAPPING_ANSWER, VersionForm, columns_at, mapping_answer
from etl.mapping.profile import profile
from etl.mapping.saving import save_mapping
from etl.mapping.suggesting import accept, suggestions

DOCUMENT_ANSWER = {"format": str, "version": int, "columns": dict[str, Any]}


class AcceptForm(VersionForm):
    """``columns`` are those whose suggestions are accepted; all where it is left out."""

    columns = serializers.ListField(child=OneOfField(MAPPED_COLUMNS), required=False, min_length=1)


class ImportForm(VersionForm):
    """``document`` is what an export answered, of this site or another."""

    document = serializers.JSONField()


class SuggestionsView(ApiView):
    """GET: which fields probably mean what columns mean that no field fills."""

    forms = {"GET": IntegrationForm}
    answers = {"GET": {"integration_id": int, "columns": dict[str, Any]}}

    def get(self, request: Request) -> Response:
        integration = self.integration()
        found = suggestions(integration)
        columns = {column: _told(suggestion) for column, suggestion in found.items()}
        return Response({"integration_id": integration.pk, "columns": columns})


def _told(suggestion: Suggestion) -> dict[str, Any]:
    names = ("id", "external_id", "name", "field_type", "items_seen", "items_filled", "examples")
    field = {name: getattr(suggestion.field, name) for name in names}
    return {"field": field, "score": suggestion.score, "reason": suggestion.reason}


class AcceptView(ApiView):
    """POST: makes suggestions part of the mapping, and has that applied to what is loaded."""

    forms = {"POST": AcceptForm}
    answers = {"POST": MAPPING_ANSWER}

    def post(self, request: Request) -> Response:
        integration, given = self.integration(), self.given
        with columns_at("columns"):
            accept(integration, given.get("columns"), version=given["version"], by=self.user.username)
        return Response(mapping_answer(integration))


class ExportView(ApiView):
    """GET: the mapping as a document."""

    forms = {"GET": IntegrationForm}
    answers = {"GET": DOCUMENT_ANSWER}

    def get(self, request: Request) -> Response:
        return Response(exported(self.integration()))


class ImportView(ApiView):
    """POST: makes what a document says the mapping, and has that applied to what is loaded."""

    forms = {"POST": ImportForm}
    answers = {"POST": MAPPING_ANSWER}

    def post(self, request: Request) -> Response:
        integration, given = self.integration(), self.given
        with columns_at("document.columns"):
            columns = imported(integration, given["document"])
            save_mapping(integration, columns, version=given["version"], by=self.user.username)
        return Response(mapping_answer(integration))


class ProfileView(ApiView):
    """POST: looks at the stored answers how much each field is used."""

    forms = {"POST": IntegrationForm}
    answers = {"POST": {"changed": int}}

    def post(self, request: Request) -> Response:
        return Response({"changed": profile(self.integration())})
