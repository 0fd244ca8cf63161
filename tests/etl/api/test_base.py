"""What all endpoints have in common."""

from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import OperationalError
from django.http import UnreadablePostError
from django.test import Client
from rest_framework.exceptions import ParseError

from custommapping.errors import Outdated, Refused
from custommapping.models import Project
from etl.api import parsing
from etl.api.projects import ProjectsView
from etl.jobs.asked import InvalidRequest
from etl.jobs.lifecycle import IllegalTransition
from etl.queue.broker import BrokerUnavailable, Outgoing, PublishFailed
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller

SHAPE = ["type", "title", "detail", "errors"]


def raising(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """From now on the list of projects raises that."""

    def get(*args: Any) -> None:
        raise error

    monkeypatch.setattr(ProjectsView, "get", get)


@pytest.mark.parametrize(
    ("error", "status", "kind", "errors"),
    [
        (Refused({"team": "customfield_1: is a date"}), 400, "invalid", {"team": ["customfield_1: is a date"]}),
        (Outdated({"version": "1: it is 2"}), 409, "outdated", {"version": ["1: it is 2"]}),
        (IllegalTransition("job 1 is RUNNING"), 409, "conflict", {}),
        (InvalidRequest({"steps": "steps has 'x'"}), 400, "invalid", {"steps": ["steps has 'x'"]}),
        (ValidationError({"target": "no address"}), 400, "invalid", {"target": ["no address"]}),
        (BrokerUnavailable("no route"), 503, "unavailable", {}),
        (PublishFailed([(Outgoing("etl.jobs", b""), "no route")], 1), 503, "unavailable", {}),
        (OperationalError("no route"), 503, "unavailable", {}),
    ],
)
def test_what_services_raise_has_a_status_and_the_one_shape(
    owner: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, kind: str, errors: Any
) -> None:
    raising(monkeypatch, error)

    answer = owner.get("projects")

    assert answer.status_code == status
    assert list(answer.json()) == SHAPE
    assert (answer.json()["type"], answer.json()["errors"]) == (kind, errors)
    assert "no route" not in answer.json()["detail"]


@pytest.mark.parametrize("error", [ValidationError("no channel"), ValidationError({NON_FIELD_ERRORS: "no channel"})])
def test_what_a_model_says_of_a_whole_row_stands_in_the_detail(
    owner: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    raising(monkeypatch, error)

    answer = owner.get("projects")

    assert (answer.status_code, answer.json()["detail"], answer.json()["errors"]) == (400, "no channel", {})


def test_an_error_that_nobody_foresaw_is_logged_and_never_shown(
    owner: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    raising(monkeypatch, ZeroDivisionError("a secret"))
    owner.client.raise_request_exception = False

    answer = owner.get("projects")

    assert (answer.status_code, list(answer.json())) == (500, SHAPE)
    assert "secret" not in answer.content.decode()
    assert "ZeroDivisionError: a secret" in caplog.text


def test_whoever_collects_errors_is_told_of_one_that_nobody_foresaw(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        owner.get("projects")


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ({"integration_id": "x"}, "integration_id", '"x": A valid integer is required.'),
        ({"integration_id": 0}, "integration_id", '"0": Ensure this value is greater than or equal to 1.'),
        ({"integration_id": 2**63}, "integration_id", f'"{2**63}": Ensure'),
        ({"limit": 1001}, "limit", '"1001": Ensure this value is less than or equal to 1000.'),
        ({"active": "maybe"}, "active", '"maybe": Must be a valid boolean.'),
        ({"key": "a\x00"}, "key", "Null characters are not allowed."),
        ({"cursor": "x"}, "cursor", '"x": is no cursor of this list'),
        ({"projekt": "x"}, "projekt", "is unknown; known are: cursor, limit, integration_id"),
        ({"limit": [1, 2]}, "limit", "is given more than once"),
    ],
)
def test_a_bad_parameter_is_named_with_its_value(owner: Caller, query: Any, field: str, message: str) -> None:
    answer = owner.get("projects", **query)

    assert (answer.status_code, list(answer.json())) == (400, SHAPE)
    assert message in answer.json()["errors"][field][0]
    assert f"{field}: " in answer.json()["detail"]


def test_all_that_is_wrong_is_told_at_once(owner: Caller) -> None:
    answer = owner.get("projects", limit="x", active="maybe", other=1)

    assert sorted(answer.json()["errors"]) == ["active", "limit", "other"]


def test_a_long_value_is_cut_where_it_is_named(owner: Caller) -> None:
    answer = owner.get("projects", active="x" * 5000)

    assert len(answer.content) < 500


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "the body is no JSON"),
        (b"[" * 100_000, "the body is no JSON"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "more than 100 levels"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "a: is unknown"),
        (b"\xff", "the body is no JSON"),
        (b'{"integration_id": NaN}', "the body is no JSON"),
        (b'{"integration_id": "\\ud800"}', "the body is no JSON"),
        (b'{"integration_id": "\\u0000"}', "\\u0000"),
        (b'{"a": [{"\\u0000": 1}]}', "\\u0000"),
        (b'{"columns": {"team": "customfield_1", "team": "customfield_2"}}', "'team' twice"),
        (b"[]", "Expected a dictionary, but got list"),
        (b"1", "Expected a dictionary, but got int"),
        (b"", "integration_id: This field is required."),
        (b'{"integration_id": {}}', "integration_id: {}: A valid integer is required."),
        (b'{"integration_id": null}', "integration_id: null: This field may not be null."),
    ],
)
def test_a_bad_body_is_told(owner: Caller, body: bytes, said: str) -> None:
    answer = owner.post("custom-fields/sync", body)

    assert (answer.status_code, list(answer.json())) == (400, SHAPE)
    assert said in answer.json()["detail"]


def test_a_text_that_merely_spells_the_escape_of_a_nul_is_taken(owner: Caller) -> None:
    answer = owner.post("custom-fields/sync", b'{"integration_id": 1, "\\\\u0000": 1}')

    assert list(answer.json()["errors"]) == ["\\u0000"]
    assert "is unknown" in answer.json()["detail"]


def test_a_body_has_a_bound(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "MOST_BYTES", 30)

    answers = [owner.post("custom-fields/sync", b"{}" + b" " * spaces) for spaces in (28, 29)]

    assert [answer.status_code for answer in answers] == [400, 413]
    assert answers[1].json()["type"] == "too_large"


def test_the_values_of_a_body_are_bounded(owner: Caller) -> None:
    most = parsing.MOST_VALUES
    # Commas of texts are no values.
    bodies = [b'{"a": "%s"}' % (b"," * most), b'{"a": [%s1]}' % (b"1," * most), b"[" + b"[]," * most + b"[]]"]

    answers = [owner.post("custom-fields/sync", body) for body in bodies]

    assert [answer.status_code for answer in answers] == [400, 413, 413]
    assert f"more than {most} values" in answers[1].json()["detail"]


def test_a_body_that_breaks_off_is_told() -> None:
    class BrokenOff(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise UnreadablePostError

    with pytest.raises(ParseError, match="the body broke off"):
        parsing.JsonBody().parse(BrokenOff())


def test_a_body_that_is_no_json_by_its_type_is_refused(owner: Caller) -> None:
    answer = owner.client.post("/app/etl/custom-fields/sync", {"integration_id": 1})

    assert (answer.status_code, list(answer.json())) == (415, SHAPE)


def test_parameters_of_a_body_do_not_go_into_the_address(owner: Caller) -> None:
    answer = owner.post("custom-fields/sync", {"integration_id": 1}, integration_id=1)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["integration_id"])


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_a_method_that_is_not_there_is_told(owner: Caller, method: str) -> None:
    answer = owner.send(method, "projects")

    assert (answer.status_code, answer.json()["type"]) == (405, "method_not_allowed")


def test_head_answers_as_get_does(owner: Caller) -> None:
    assert (owner.send("HEAD", "projects").status_code, owner.send("HEAD", "projects").content) == (200, b"")


@pytest.mark.parametrize("path", ["", "projects/", "nothing/here", "projects%00"])
def test_what_is_at_no_address_has_the_one_shape(path: str) -> None:
    answer = Caller().get(path)

    assert (answer.status_code, list(answer.json())) == (404, SHAPE)


def test_people_of_an_inactive_tenant_are_nobody(owner: Caller, acme: Rows) -> None:
    Tenant.objects.update(active=False)

    answer = owner.get("projects")

    assert (answer.status_code, answer.json()["type"]) == (401, "not_authenticated")


def test_a_superuser_may_look_after_an_inactive_tenant(superuser: Caller, acme: Rows) -> None:
    Tenant.objects.update(active=False)

    assert superuser.get("projects", tenant_id=acme.tenant.pk).status_code == 200


@pytest.mark.parametrize(("tenant_id", "status"), [("x", 400), ("0", 400), (str(2**63), 400), (str(2**62), 404)])
def test_a_superuser_who_names_no_tenant_that_there_is_is_told(superuser: Caller, tenant_id: str, status: int) -> None:
    answer = superuser.get("projects", tenant_id=tenant_id)

    assert (answer.status_code, list(answer.json()["errors"])) == (status, ["tenant_id"])
    assert tenant_id in answer.json()["detail"]


def test_who_names_the_own_tenant_is_answered(owner: Caller, acme: Rows) -> None:
    assert owner.get("projects", tenant_id=acme.tenant.pk).status_code == 200


def test_a_superuser_sees_only_the_tenant_that_was_named(superuser: Caller, acme: Rows, rival: Rows) -> None:
    own, _ = acme.row(Project), rival.row(Project)

    answer = superuser.get("projects", tenant_id=acme.tenant.pk)

    assert [project["id"] for project in answer.json()["results"]] == [own.pk]


def test_another_tenants_integration_is_answered_as_one_that_is_not_there(owner: Caller, rival: Rows) -> None:
    foreign = rival.row(Integration).pk

    answers = [owner.get("projects", integration_id=number) for number in (foreign, foreign + 1000)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert [answer.json()["errors"]["integration_id"] for answer in answers] == [
        [f"there is no {foreign}"],
        [f"there is no {foreign + 1000}"],
    ]


def test_answers_are_json_whatever_is_asked_for() -> None:
    assert Client(headers={"accept": "text/html"}).get("/app/etl/nothing").json()["type"] == "not_found"
