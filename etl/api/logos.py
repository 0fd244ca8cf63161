"""`integrations/{id}/logo`: the integration's picture."""

from collections.abc import Mapping
from typing import IO, Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.describing import Answer
from etl.api.errors import NoSuchRow, TooLarge
from etl.api.forms import Form
from etl.api.integrations import IntegrationAnswer, OfIntegrations
from etl.api.parsing import read_body
from integrations.logos import delete_logo, save_logo
from integrations.models import Integration, IntegrationLogo
from pulse.pictures import MOST_BYTES


class ImageBody(BaseParser):
    """Takes a body of any type of picture as ``image``. Raises TooLarge."""

    media_type = "image/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, bytes]:
        content = read_body(stream, MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise TooLarge(f"the picture is larger than {MOST_BYTES} bytes")
        return {"image": content}


class _Bytes(serializers.Field[bytes, bytes, bytes, Any]):
    def to_internal_value(self, data: bytes) -> bytes:
        return data


class LogoForm(Form):
    image = _Bytes(write_only=True)


PICTURES = tuple(Answer(OpenApiTypes.BINARY, media_type=f"image/{kind}") for kind in ("png", "jpeg", "webp"))


class LogoView(OfIntegrations):
    """PUT: keeps a PNG, JPEG or WebP as the logo. GET: the logo. DELETE: there is none any more."""

    parser_classes = (ImageBody,)
    forms = {"PUT": LogoForm}
    answers = {"GET": PICTURES, "PUT": IntegrationAnswer, "DELETE": IntegrationAnswer}

    def get(self, request: Request, pk: int) -> HttpResponse:
        logo = self._logo(pk)
        answer = HttpResponse(bytes(logo.content), content_type=logo.content_type)
        answer["Cache-Control"] = "private, no-cache"
        # Nothing in it is ever run, whatever a browser takes it for.
        answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer["X-Content-Type-Options"] = "nosniff"
        return answer

    def put(self, request: Request, pk: int) -> Response:
        save_logo(self.row(Integration, pk), self.given["image"])
        return Response(self.told(pk))

    def delete(self, request: Request, pk: int) -> Response:
        delete_logo(self._logo(pk))
        return Response(self.told(pk))

    def _logo(self, pk: int) -> IntegrationLogo:
        """Raises NoSuchRow, which says whether it is the integration that is not there, or its logo."""
        integration = self.row(Integration, pk)
        found = self.rows(IntegrationLogo).filter(integration=integration).first()
        if found is None:
            raise NoSuchRow("logo", pk)
        return found
