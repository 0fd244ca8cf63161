"""Where sites deliver their webhooks: no session and no token, each delivery proves itself.

Nothing is fetched here, so that a site has its answer in milliseconds.
"""

import logging
from collections.abc import Iterable
from typing import Any

from rest_framework import status
from rest_framework.exceptions import ParseError, PermissionDenied
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from etl.api import errors
from etl.api.describing import Answer, Description
from etl.api.rendering import Json
from etl.jobs.webhooks import Receipt, receive
from integrations.errors import Permanent
from integrations.models import Integration
from pulse.postgres.scope import platform_scope, tenant_scope

logger = logging.getLogger(__name__)

# As much as sites are known to send: 25 MB, whichever kind these are.
MOST_BYTES = 25 * 2**20
# The same words whatever is wrong: they shall not tell which integrations there are.
REFUSED = "no integration takes this delivery: its address, its signature or its secret is wrong"
_CODES = {Receipt.ACCEPTED: status.HTTP_202_ACCEPTED}


RECEIPT_ANSWER = {"status": Receipt, "event": str, "delivery_id": str}


class AlwaysJson(BaseContentNegotiation):
    """Sites ask for all kinds of answers and read none: nobody is turned away for that."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), "application/json"


class WebhookView(APIView):
    """POST: takes a delivery. 202 accepted; 200 duplicate, ignored; 400, 403, 413: it is none; 503: come again."""

    answers = {"POST": (RECEIPT_ANSWER, Answer(RECEIPT_ANSWER, 202))}
    schema = Description()
    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (Json,)
    content_negotiation_class = AlwaysJson

    def post(self, request: Request, provider: str, integration_id: int, secret: str = "") -> Response:
        body = _body(request)
        integration = _integration(provider, integration_id)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            with tenant_scope(integration.tenant_id):
                event = integration.provider_code.webhook(integration.connection(), headers, body, secret)
                receipt = receive(integration, event)
        except PermissionError as error:
            logger.warning("integration %s: a delivery was refused: %s", integration_id, error)
            raise PermissionDenied(REFUSED) from error
        except Permanent as error:
            raise ParseError(str(error)) from error
        answer = {"status": receipt, "event": event.name, "delivery_id": event.delivery_id}
        return Response(answer, _CODES.get(receipt, status.HTTP_200_OK))

    def get_exception_handler(self) -> Any:
        # A database that is away is a 503, after which sites deliver again.
        return errors.problem


def _body(request: Request) -> bytes:
    """The bytes as they came, which are what was signed. Raises TooLarge. Django's own limit is for forms, and less."""
    # Read past the limit by a byte: the length that a client names need not be there, nor be true.
    body: bytes = request._request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise errors.TooLarge(f"the delivery is larger than {MOST_BYTES} bytes")
    return body


def _integration(provider: str, integration_id: int) -> Integration:
    found = Integration.objects.filter(pk=integration_id, provider=provider, active=True, tenant__active=True)
    with platform_scope():
        integration = found.select_related("tenant").first()
    if integration is None:
        raise PermissionDenied(REFUSED)
    return integration
