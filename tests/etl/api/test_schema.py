"""The schema says of every endpoint what it takes and answers, and what it says is so."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.db import transaction
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from etl.api.schema import schema
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller
from tests.etl.api.endpoints import Case, all_cases

CASES = [case for case in all_cases() if case.answers == "application/json"]


@cache
def described() -> dict[str, Any]:
    return schema()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_schema_is_made_without_a_warning_and_is_one() -> None:
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        schema.cache_clear()
        found = schema()

    assert [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache] == []
    validate_schema(found)  # type: ignore[no-untyped-call]


def test_every_operation_says_what_it_does_and_what_it_answers() -> None:
    silent = [name for name, operation in operations() if not operation.get("summary")]
    vague = [name for name, operation in operations() if not all(_bodies(operation))]

    assert silent == []
    assert vague == []
    assert len(list(operations())) > 100


def _bodies(operation: dict[str, Any]) -> list[Any]:
    """What is answered where all is well, by its types."""
    good = next(told for code, told in operation["responses"].items() if code.startswith("2"))
    return [told.get("schema") for told in good.get("content", {}).values()]


def test_every_error_has_the_one_shape() -> None:
    for name, operation in operations():
        told = {code: answer for code, answer in operation["responses"].items() if code >= "400"}
        shapes = {str(next(iter(answer["content"].values()))["schema"]) for answer in told.values()}
        assert shapes == {"{'$ref': '#/components/schemas/ErrorAnswer'}"}, name
        assert {"400", "503"} <= set(told), name


def test_every_way_to_log_in_is_described() -> None:
    assert set(described()["components"]["securitySchemes"]) == {"token", "key", "internal", "cookieAuth"}
    assert {str(scheme) for scheme in described()["paths"]["/app/etl/jobs"]["get"]["security"]} == {
        "{'token': []}", "{'key': []}", "{'internal': []}", "{'cookieAuth': []}"
    }  # fmt: skip
    assert "security" not in described()["paths"]["/app/etl/health/live"]["get"]


def test_parameters_and_bodies_are_those_of_the_forms() -> None:
    jobs = described()["paths"]["/app/etl/jobs"]

    named = {parameter["name"]: parameter for parameter in jobs["get"]["parameters"]}
    assert {"integration_id", "active", "status", "cursor", "limit", "tenant_id"} == set(named)
    assert named["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    body = jobs["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(described()["components"]["schemas"][body]["required"]) == {"integration_id", "name"}


@cache
def _components() -> dict[str, Any]:
    return {name: _strict(part, more=True) for name, part in described()["components"]["schemas"].items()}


def _strict(part: Any, *, more: bool = False) -> Any:
    """A part of the schema as JSON Schema: nothing stands beside what is named, unless there may be ``more``."""
    if isinstance(part, list):
        return [_strict(one, more=more) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _strict(one, more=name == "allOf") for name, one in part.items() if name != "nullable"}
    if not more and {"$ref", "allOf", "properties"} & part.keys():
        found["unevaluatedProperties"] = False
    return {"anyOf": [found, {"type": "null"}]} if part.get("nullable") is True else found


def _said_of(case: Case) -> dict[str, Any]:
    """What the schema says of the answer."""
    path = case.path.replace("{", "<").replace("}", ">")
    for known, methods in described()["paths"].items():
        parts, wanted = known.removeprefix("/app/etl/").split("/"), path.split("/")
        if len(parts) == len(wanted) and all(
            a == b or (a[:1], b[:1]) == ("{", "<") for a, b in zip(parts, wanted, strict=True)
        ):
            content = methods[case.method.lower()]["responses"][str(case.status)]["content"]
            found: dict[str, Any] = content["application/json"]["schema"]
            return found
    raise LookupError(case)


def _differences(case: Case, answer: Any) -> Iterator[str]:
    """Where the answer is not what the schema says."""
    validator = Draft202012Validator({**_strict(_said_of(case)), "components": {"schemas": _components()}})
    for error in validator.iter_errors(answer):
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"


@pytest.mark.usefixtures("recording")
def test_what_is_answered_is_what_the_schema_says(administrator: Caller, superuser: Caller, acme: Rows) -> None:
    wrong: list[str] = []
    for case in CASES:
        caller = superuser if case.for_superusers else administrator
        with transaction.atomic():
            answer = caller.ask(case.request(Rows(acme.tenant)))
            transaction.set_rollback(True)
        assert answer.status_code == case.status, case
        wrong += [f"{case}: {error}" for error in _differences(case, answer.json())]

    assert not wrong, "\n".join(wrong)


def test_the_schema_is_for_everybody_and_is_served_as_json(anonymous: Caller) -> None:
    answer = anonymous.get("schema/")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json()["openapi"].startswith("3.")
    assert anonymous.get("schema/", verbose="1").status_code == 400


def test_the_page_brings_all_that_it_needs_itself(anonymous: Caller) -> None:
    page = anonymous.get("docs/").content.decode()

    assert 'data-schema="/app/etl/schema/"' in page
    assert "//" not in page.replace("<!DOCTYPE html>", "")
    assert "<script>" not in page
    assert "style=" not in page
