"""`schema/`: what all endpoints take and answer, for programs; `docs/`: the same for people. Neither shows any data."""

from functools import cache
from typing import Any

from django.views.generic import TemplateView
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import JsonView
from etl.api.describing import Answer

SCHEMA_ANSWER = {"openapi": str, "info": dict[str, Any], "paths": dict[str, Any], "components": dict[str, Any]}


@cache
def schema() -> dict[str, Any]:
    """OpenAPI 3. It takes seconds to make, and stays the same while the process lives."""
    found: dict[str, Any] = SchemaGenerator(urlconf="pulse.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


class SchemaView(JsonView):
    """GET: this description of all endpoints, as OpenAPI."""

    authentication_classes = ()
    permission_classes = ()
    answers = {"GET": Answer(SCHEMA_ANSWER)}

    def get(self, request: Request) -> Response:
        return Response(schema())


class DocsView(TemplateView):
    """The schema as a page that can be read, and tried out."""

    template_name = "etl/docs.html"
