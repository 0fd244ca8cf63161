"""The one shape of errors: {"type", "title", "detail", "errors": {field: [message, …]}}.

``type`` is a word for programs, ``title`` the status in words, ``detail`` says all of it in one line. Never a stack.
"""

import logging
import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from custommapping.errors import Outdated, Refused
from etl.jobs.asked import InvalidRequest
from etl.jobs.lifecycle import IllegalTransition
from etl.queue.broker import BrokerUnavailable, PublishFailed
from integrations.errors import StageError
from pulse.tenancy.throttling import TooManyTries

logger = logging.getLogger(__name__)


class NoSuchRow(exceptions.NotFound):
    """What a parameter or a body's key names is not there, or is another tenant's: nobody is told which."""

    def __init__(self, field: str, value: object) -> None:
        super().__init__({field: [f"there is no {value!r}"]})


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "what is there now does not allow it"


class OutdatedVersion(Conflict):
    default_code = "outdated"


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "the body is too large"


class Unavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "the database cannot be reached now: ask again later"


class TooManyLogins(exceptions.Throttled):
    """``wait`` is told in the header Retry-After."""

    def __init__(self, error: TooManyTries) -> None:
        super().__init__(detail=str(error.message))
        self.wait = math.ceil(error.wait)


def problem(error: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to an error that was raised while a request was worked on (Django REST framework's hook)."""
    set_rollback()
    known = _known(error)
    if known is None:
        # As Django does: it reaches the log and whoever collects errors, not the caller.
        got_request_exception.send(sender=type(context.get("view")), request=context.get("request"))
        logger.error("a request failed", exc_info=error)
        known = exceptions.APIException("something went wrong here; it is in the log")
    return Response(body(known), known.status_code, headers=_headers(known))


def body(error: exceptions.APIException) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    for path, message in _flat(error.detail):
        errors.setdefault(path, []).append(message)
    said = [f"{path}: {message}" if path else message for path, found in errors.items() for message in found]
    title = HTTPStatus(error.status_code).phrase
    errors.pop("", None)
    return {"type": error.default_code, "title": title, "detail": "; ".join(said), "errors": errors}


def _known(error: Exception) -> exceptions.APIException | None:
    """The error as one that names its status; None where nobody foresaw it."""
    found: exceptions.APIException | None = None
    match error:
        case exceptions.APIException():
            found = error
        case Http404():
            found = exceptions.NotFound()
        case DjangoPermissionDenied():
            found = exceptions.PermissionDenied()
        case Outdated():
            found = OutdatedVersion(_lists(error))
        case Refused() | InvalidRequest():
            found = exceptions.ValidationError(_lists(error))
        case TooManyTries():
            found = TooManyLogins(error)
        case DjangoValidationError():
            found = exceptions.ValidationError(_said_by_models(error))
        case IllegalTransition():
            found = Conflict(str(error))
        case BrokerUnavailable() | PublishFailed():
            logger.warning("a request met no queue: %s", error)
            found = Unavailable("the queue cannot be reached now: ask again later")
        case StageError():
            logger.warning("a request met a service that did not answer as it should: %s", error)
            found = Unavailable("a service that this needs cannot be reached now: ask again later")
        case OperationalError() | InterfaceError():
            logger.warning("a request met no database: %s", error)
            found = Unavailable()
    return found


def _lists(error: Refused | InvalidRequest) -> dict[str, list[str]]:
    return {field: [message] for field, message in error.errors.items()}


def _said_by_models(error: DjangoValidationError) -> dict[str, list[str]]:
    """What a model's own checks say, by field."""
    if not hasattr(error, "error_dict"):
        return {api_settings.NON_FIELD_ERRORS_KEY: error.messages}
    whole = api_settings.NON_FIELD_ERRORS_KEY
    return {whole if field == NON_FIELD_ERRORS else field: said for field, said in error.message_dict.items()}


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The messages with the paths of what they are about ("columns.team"); "" where it is the whole request."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from _flat(inner, path if key == api_settings.NON_FIELD_ERRORS_KEY else f"{path}.{key}".lstrip("."))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            # Only the items of a list that is wrong in parts are numbered, not the messages of one field.
            yield from _flat(inner, f"{path}.{number}".lstrip(".") if isinstance(inner, Mapping) else path)
    else:
        yield path, str(detail)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {"WWW-Authenticate": getattr(error, "auth_header", None), "Retry-After": getattr(error, "wait", None)}
    return {name: str(value) for name, value in headers.items() if value}
