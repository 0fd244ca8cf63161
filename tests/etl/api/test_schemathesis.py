"""Requests that nobody thought of, made from the schema and from good requests: each gets an answer that is described.

Each is sent as every role, for rows that are there, within the process, and what it changed is taken back. Which ones
are made stays the same from run to run; PULSE_FUZZ_EXAMPLES says how many of an operation, and how many hostile values
in each place, where somebody wants more.
"""

import os
import re
import socket
from collections.abc import Iterator, Mapping
from functools import cache
from random import Random
from typing import Any, NoReturn, TypeVar

import orjson
import pytest
import requests
import schemathesis
from django.test import Client
from django.urls import resolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from etl.api.base import WITHOUT_BODY
from etl.api.describing import JSON
from etl.api.schema import schema
from integrations.models import Integration
from pulse.tenancy.models import Role, Tenant, User
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller, member, whole
from tests.etl.api.endpoints import Asked, Case, all_cases
from tests.etl.api.test_access import view_of
from tests.etl.api.test_two_tenants import Twin, taken_back

V = TypeVar("V")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("recording")]
EXAMPLES = int(os.environ.get("PULSE_FUZZ_EXAMPLES", "3"))
SAME = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS: list[Any] = [status_code_conformance, content_type_conformance, response_schema_conformance]
# What these call is not there, and they may say so.
OUTWARD = ("integrations/{id}/check", "custom-fields/sync", "health/ready")
ADDRESS_OF_WEBHOOKS = "webhooks/{provider}/{integration_id}"
DEEP = b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
HOSTILE_BODIES = [
    DEEP,
    b"[" * 50_000,
    b"",
    b"null",
    b"7",
    b'"text"',
    b"[]",
    b'{"a": "\\u0000"}',
    b'{"a": "\\ud800"}',
    b"\xff",
]
HOSTILE_VALUES = [
    *(b"null", b"true", b"-1", b"0", b"1e400", b"9" * 400, b"9223372036854775808", b'""', b'"\\u0000"', b'"\\ud800"'),
    *(b'"' + b"x" * 5000 + b'"', b"[]", b"{}", b"[[null]]", b'{"a": {"b": []}}', b"[" * 90 + b"]" * 90),
    *(b'"0001-01-01T00:00:00+14:00"', b'"9999-12-31T23:59:59-14:00"'),
]
HOSTILE_TEXTS = [
    *("", "\x00", b"\xed\xa0\x80", "-1", "9" * 400, "1e400", "nan", "x" * 5000, ","),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "0001-01-01"),
]
HERE = "a hostile value"
TYPES = ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded", "application/json; charset=x", "")


@cache
def operations() -> dict[str, APIOperation[Any, Any, Any, Any]]:
    """By method and path, whose names are left out."""
    load_all_checks()
    # Who asks is said by a session: what is made up beside it would make everybody a stranger.
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
    found = schemathesis.openapi.from_dict(schema(), config=config).get_all_operations()
    return {_nameless(one.ok().label): one.ok() for one in found if isinstance(one, Ok)}


def _nameless(text: str) -> str:
    return re.sub("{[^}]*}", "{}", text)


def address_of_webhooks(rows: Rows) -> dict[str, Any]:
    integration = rows.row(Integration)
    return {"provider": integration.provider, "integration_id": integration.pk, "secret": "none"}


FOR_EVERYBODY = [
    Case("POST", "auth/token", body={"username": str(Role.VIEWER), "password": "right horse"}),
    Case("POST", "auth/refresh", body={"refresh": "none"}),
    *(Case("GET", path) for path in ("health/live", "health/ready", "schema/")),
    Case("POST", ADDRESS_OF_WEBHOOKS, address_of_webhooks, body={"webhookEvent": "jira:issue_updated"}),
    Case("POST", f"{ADDRESS_OF_WEBHOOKS}/{{secret}}", address_of_webhooks, body={"webhookEvent": "jira:issue_updated"}),
]


def cases() -> list[Case]:
    """One of each operation: the one that gives most."""
    ordered = sorted([*FOR_EVERYBODY, *all_cases()], key=lambda case: len(case.query) + len(case.body))
    return list({_nameless(f"{case.method} {case.path}"): case for case in ordered}.values())


def roles(tenant: Tenant) -> list[Caller]:
    root = User.objects.create_superuser("root", password="right horse")
    return [calling(user) for user in (root, *(member(str(role), tenant, role) for role in Role))]


def calling(user: User) -> Caller:
    """A caller who is told of an error nobody foresaw as others are: by a 500."""
    caller = Caller(user)
    caller.client.raise_request_exception = False
    return caller


class Fuzzed:
    """An operation, with a good request to it, and what is ``wrong`` with the answers to others."""

    def __init__(self, case: Case, twin: Twin) -> None:
        self.case, self.tenant, self.wrong = case, twin.tenant, set[str]()
        self.asked: Asked = case.request(twin.again())
        self.operation = operations()[_nameless(f"{case.method} /app/etl/{case.path}")]

    def _generated(self) -> st.SearchStrategy[Any]:
        """Requests as the schema describes them, and as it does not, to rows that are there and to any."""
        paths = (self._ids(), None) if self._ids() else (None,)
        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        return st.one_of([self.operation.as_strategy(mode, path_parameters=ids) for mode in modes for ids in paths])

    def _good_names(self) -> st.SearchStrategy[list[str]]:
        """Of what the good request names, in its query and its body, some."""
        names = sorted({*self.asked.query, *self.asked.body})
        return st.lists(st.sampled_from(names), unique=True) if names else st.just([])

    def send_generated(self, callers: list[Caller]) -> None:
        @SAME
        @given(self._generated(), self._good_names())
        def send(made: Any, good: list[str]) -> None:
            self.send(made, good, callers)

        send()

    def send(self, case: Any, good: list[str], callers: list[Caller]) -> None:
        """Sends it, with what the good request says of those names."""
        case.query = {**(case.query or {}), **{name: value for name, value in self.asked.query.items() if name in good}}
        case.query.pop("tenant_id", None)
        if isinstance(case.body, dict):
            case.body |= {name: value for name, value in self.asked.body.items() if name in good}
        for caller in callers:
            if caller.user and caller.user.is_superuser:
                case.query = {**case.query, "tenant_id": self.tenant.pk}
            else:
                case.query = {name: value for name, value in case.query.items() if name != "tenant_id"}
            self._check(case, caller)

    def _ids(self) -> dict[str, Any]:
        """What stands in the path of the good request."""
        parts = zip(self.operation.path.split("/"), f"/app/etl/{self.asked.path}".split("/"), strict=True)
        return {name[1:-1]: value for name, value in parts if name[:1] == "{"}

    def _check(self, case: Any, caller: Caller) -> None:
        prepared = requests.Request(**case.as_transport_kwargs("http://testserver")).prepare()
        answer = answered(caller.client, prepared)
        headers = {name.lower(): [value] for name, value in answer.headers.items()}
        request = f"{caller.user}: {case.method} {prepared.path_url} {prepared.body!r}"
        try:
            case.validate_response(Response(answer.status_code, headers, answer.content, prepared, 0, False), CHECKS)
        except FailureGroup as found:
            self.wrong |= {f"{request[:500]}: {one} {answer.content[:200]!r}" for one in found.exceptions}
        self.note_excuse(answer, request)

    def note_excuse(self, answer: Any, request: str) -> None:
        """Where nothing outside is asked, the request cannot have come too early; nor is somebody unknown who is."""
        unavailable = answer.status_code == 503 and self.case.path not in OUTWARD
        if unavailable or (answer.status_code == 401 and self.case not in FOR_EVERYBODY):
            self.wrong.add(f"{request[:500]}: {answer.content[:200]!r}")

    def hostile(self) -> Iterator[tuple[dict[str, Any], bytes, str]]:
        """Queries, bodies and their types: hostile ones, and the good ones with a hostile value or of another type."""
        good = dict(self.asked.query)
        if self.case.method in WITHOUT_BODY:
            for name in self._names():
                yield from (({**good, name: text}, b"", JSON) for text in self._some(HOSTILE_TEXTS, name))
        else:
            yield from ((good, body, JSON) for body in (*HOSTILE_BODIES, *self._hostile_inside()))
            yield from ((good, orjson.dumps(self.asked.body), content_type) for content_type in TYPES)

    def _hostile_inside(self) -> Iterator[bytes]:
        """The good body, with a hostile value in each place that it has and the form knows."""
        body = self.asked.body
        bodies = [*marked(body), *({**body, name: HERE} for name in self._names() if name not in body)]
        for text in map(orjson.dumps, bodies):
            yield from (text.replace(orjson.dumps(HERE), value) for value in self._some(HOSTILE_VALUES, text))

    def _some(self, values: list[V], place: object) -> list[V]:
        """As many as examples, others in each place, the same in each run."""
        return Random(f"{self.case} {place!r}").sample(values, min(EXAMPLES, len(values)))

    def _names(self) -> list[str]:
        """What the form knows."""
        view = view_of(resolve(f"/app/etl/{self.asked.path}").func)
        form = getattr(view, "forms", {}).get(self.case.method)
        return form().known() if form else []

    def send_hostile(self, caller: Caller) -> None:
        described = {int(code) for code in self.operation.definition.raw["responses"]}
        for query, body, content_type in self.hostile():
            with taken_back():
                answer = caller.upload(self.case.method, self.asked.path, body, content_type, query)
                # What was taken must be told too.
                told = caller.get(self.asked.path).status_code if answer.status_code < 300 else 0
            request = f"{self.case} {str(query)[:300]} {content_type} {body[:300]!r}"
            if answer.status_code not in described or told == 500:
                self.wrong.add(f"{request}: {answer.status_code} {answer.content[:200]!r}, then {told}")
            self.note_excuse(answer, request)


def marked(value: Any) -> Iterator[Any]:
    """The value, each time with HERE instead of another of the values within it."""
    if isinstance(value, Mapping):
        for name in value:
            yield from ({**value, name: inner} for inner in (HERE, *marked(value[name])))
    elif isinstance(value, list):
        for number in range(len(value)):
            before, after = value[:number], value[number + 1 :]
            yield from ([*before, inner, *after] for inner in (HERE, *marked(value[number])))


def answered(client: Client, sent: Any) -> Any:
    """The answer, whole; what the request changed is taken back."""
    body = sent.body.encode() if isinstance(sent.body, str) else sent.body or b""
    headers = {name: value for name, value in sent.headers.items() if name != "Content-Length"}
    content_type = headers.pop("Content-Type", "application/json")
    with taken_back():
        answer: Any = client.generic(sent.method, sent.path_url, body, content_type, headers=headers)
        return whole(answer) if answer.streaming else answer


@pytest.fixture(autouse=True)
def nobody_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No made-up name of a host is looked up."""

    def unknown(host: object, *_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@pytest.fixture
def twin(db: None) -> Twin:
    return Twin.named("Acme")


def test_what_the_schema_describes_and_what_it_does_not_is_answered_as_it_says(twin: Twin) -> None:
    callers, wrong = roles(twin.tenant), set[str]()
    for case in cases():
        with taken_back():
            fuzzed = Fuzzed(case, twin)
            fuzzed.send_generated(callers)
        wrong |= fuzzed.wrong

    assert not wrong, "\n".join(sorted(wrong))


def test_hostile_values_are_refused_or_taken_but_break_nothing(twin: Twin) -> None:
    caller, wrong = calling(member("ada", twin.tenant, Role.ADMINISTRATOR)), set[str]()
    for case in cases():
        if not case.sent:
            with taken_back():
                fuzzed = Fuzzed(case, twin)
                fuzzed.send_hostile(caller)
            wrong |= fuzzed.wrong

    assert not wrong, "\n".join(sorted(wrong))
