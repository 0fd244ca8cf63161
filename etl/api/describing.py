"""What the schema says of an endpoint: of its forms what may be given, of its ``answers`` what comes back.

A view's docstring says of each method what it does ("GET: one job. PATCH: changes it."). ``answers`` says by method
what the body is: a serializer, a dataclass, a type, a list of one of these, or a mapping of names to them; within an
`Answer` where the status is not 200, within a `Page` or `Results` where it is a list, within `With` where more stands
beside it. Errors have the one shape of `etl.api.errors`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from inspect import getdoc
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import resolve_type_hint
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from etl.api.forms import Form

PREFIX = "/app/etl/"
WITH_BODY = ("POST", "PUT", "PATCH")
ERRORS = {
    400: "a parameter, a key or the body is wrong; nothing was changed",
    401: "log in, or refresh the token",
    403: "the role, or the key's scopes, do not allow it",
    404: "nothing of the tenant has that id",
    406: "answers are JSON",
    409: "somebody else saved meanwhile, or the state does not allow it: `detail` says which",
    413: "the body is too large",
    415: "the body is of another type than is taken",
    429: "too many requests: ask again after `Retry-After` seconds",
    503: "the database, or another service that this needs, cannot be reached now: ask again",
}
JSON = "application/json"
FILES = ("text/csv", "application/x-ndjson")
OF_BODIES, OF_PEOPLE, OF_ALL = (409, 413, 415), (401, 403, 404, 429), (400, 406, 503)

Body = Any


@dataclass(frozen=True)
class Answer:
    """A body with another status than 200, or of another type than JSON; None: there is no body to describe."""

    body: Body
    status: int = 200
    media_type: str = JSON


@dataclass(frozen=True)
class Results:
    """A whole list: {"results": […]}; ``more`` stands beside it."""

    of: Body
    more: Mapping[str, Body] | None = None


@dataclass(frozen=True)
class Page(Results):
    """A keyset page of a list (see `etl.api.paging`)."""


@dataclass(frozen=True)
class With:
    """A body, and beside its own what ``more`` names."""

    of: Body
    more: Mapping[str, Body]


@dataclass(frozen=True)
class Maybe:
    """A value of a mapping that may be missing."""

    of: Body


class ErrorAnswer(serializers.Serializer[Any]):
    """Whatever went wrong. ``errors`` has the messages by field; ``detail`` says all of them in one line."""

    type = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    errors = serializers.DictField(  # type: ignore[assignment]  # a serializer's own, which this one does not need
        child=serializers.ListField(child=serializers.CharField())
    )


class Description(AutoSchema):
    """Describes a `JsonView` by its forms and answers."""

    def get_operation_id(self) -> str:
        words = re.findall(r"\w+", self.path.removeprefix(PREFIX).replace("-", "_"))
        return "_".join([self.method.lower(), *words])

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix(PREFIX).partition("/")[0]]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """Of a form with that of its module before it: each module may have a `StatusForm`."""
        kind = type(serializer)
        module = kind.__module__.rpartition(".")[2].title().replace("_", "") if issubclass(kind, Form) else ""
        return f"{module}{kind.__name__}"

    def _get_serializer_field_meta(self, field: Any, direction: Any) -> dict[str, Any]:
        """What is None where the row it is taken from is not there may be null, though the field does not say so."""
        meta: dict[str, Any] = super()._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
        return meta | ({"nullable": True} if direction == "response" and field.default is None else {})

    def get_summary(self) -> str:
        return _first_sentence(self._said())

    def get_description(self) -> str:  # type: ignore[override]  # as the base class has it
        return self._said()

    def _said(self) -> str:
        """What the view's docstring says of the method; all of it, where it does not tell methods apart."""
        text = " ".join((getdoc(type(self.view)) or "").split())
        parts = re.split(r"\b(GET|POST|PUT|PATCH|DELETE): ", text)
        by_method = dict(zip(parts[1::2], parts[2::2], strict=True))
        said = by_method.get(self.method, text).strip()
        return said[:1].upper() + said[1:]

    def get_override_parameters(self) -> list[Any]:
        if getattr(self.view, "takes_tenant", False):
            tenant = OpenApiParameter("tenant_id", int, description="superusers and services name the tenant")
            return [*self._form_parameters(), tenant]
        return self._form_parameters()

    def _form_parameters(self) -> list[Any]:
        form = self._form()
        return [form] if form and self.method not in WITH_BODY else []

    def _form(self) -> Any:
        form = getattr(self.view, "forms", {}).get(self.method)
        return form() if form else None

    def get_request_serializer(self) -> Any:
        if self.method not in WITH_BODY:
            return None
        if not hasattr(self.view, "forms"):
            return {JSON: OpenApiTypes.OBJECT}
        types = [parser.media_type for parser in self.view.parser_classes]
        return self._form() if JSON in types else dict.fromkeys(types, OpenApiTypes.BINARY)

    def get_response_serializers(self) -> Any:
        # Of lists, where the form says which columns are told.
        self.view.given = {}  # type: ignore[attr-defined]
        declared = getattr(self.view, "answers", {}).get(self.method) or self._listed()
        answers = declared if isinstance(declared, tuple) else (declared,)
        told: dict[Any, Any] = {code: OpenApiResponse(ErrorAnswer, ERRORS[code]) for code in self._errors()}
        for one in answers:
            answer = one if isinstance(one, Answer) else Answer(one)
            body = None if answer.body is None else self.schema_of(answer.body)
            told[(answer.status, answer.media_type)] = OpenApiResponse(body, self._said())
        return told

    def _listed(self) -> Body:
        """Of the views of `etl.api.listing`, which say what they tell of a row."""
        form, row = self._form(), getattr(self.view, "answer", {})
        if form and "format" in form.fields:
            return tuple(Answer(str, media_type=media_type) for media_type in FILES)
        return Page(row) if form and "cursor" in form.fields else row

    def _errors(self) -> Sequence[int]:
        body, people = self.method in WITH_BODY, bool(self.view.authentication_classes)
        return sorted({*OF_ALL, *(OF_BODIES if body else ()), *(OF_PEOPLE if people or body else ())})

    def schema_of(self, body: Body) -> dict[str, Any]:
        """The JSON schema of a body, or of a part of one."""
        if isinstance(body, Results):
            following = {"next": str | None} if isinstance(body, Page) else {}
            return self._object({"results": [body.of], **following, **(body.more or {})})
        if isinstance(body, Maybe):
            return self.schema_of(body.of)
        if isinstance(body, With):
            return {"allOf": [self.schema_of(body.of), self._object(body.more)]}
        if isinstance(body, list):
            return {"type": "array", "items": self.schema_of(body[0])}
        if isinstance(body, Mapping):
            return self._object(body)
        if isinstance(body, type) and issubclass(body, serializers.Serializer):
            row = self.resolve_serializer(body(context={"view": self.view}), "response")
            if getattr(body, "chosen", False):
                row.schema.pop("required", None)
            found: dict[str, Any] = row.ref
            return found
        if is_dataclass(body):
            return self._object(get_type_hints(body))
        return self._of_type(body)

    def _of_type(self, hint: Any) -> dict[str, Any]:
        origin, inner = get_origin(hint), get_args(hint)
        if hint is Any or hint is object:
            return {}
        if origin in (Union, UnionType):
            return self._one_of([one for one in inner if one is not NoneType], nullable=NoneType in inner)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.schema_of(inner[1])}
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return {"type": "array", "items": self.schema_of(inner[0])}
        found: dict[str, Any] = resolve_type_hint(hint)  # type: ignore[no-untyped-call]
        return found

    def _one_of(self, hints: Sequence[Any], *, nullable: bool) -> dict[str, Any]:
        schemas = [self.schema_of(hint) for hint in hints]
        (only, *others) = schemas
        schema = {"oneOf": schemas} if others else {"allOf": schemas} if "$ref" in only else only
        return schema | ({"nullable": True} if nullable else {})

    def _object(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        properties = {name: self.schema_of(body) for name, body in fields.items()}
        required = [name for name, body in fields.items() if not isinstance(body, Maybe)]
        return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.:;]) ", text, maxsplit=1)[0].rstrip(".:;")


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it registers itself
    target_class = "etl.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "from `POST auth/token`"}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "etl.api.auth.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Api-Key pk_…`"}


class InternalScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "etl.api.auth.InternalAuthentication"
    name = "internal"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        said = "another service of the installation, with `?tenant_id=`"
        return {"type": "apiKey", "in": "header", "name": "X-Internal-Auth", "description": said}
