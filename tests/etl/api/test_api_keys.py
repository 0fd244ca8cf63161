"""API keys: how they are made, what they open, and what ends them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from etl.models import DeadLetter
from pulse.tenancy import keys
from pulse.tenancy.models import ApiKey, Role, Tenant
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller, member
from tests.etl.api.cases.operations import _letter


def with_key(text: str) -> Caller:
    return Caller(None, authorization=f"Api-Key {text}")


class Made(NamedTuple):
    row: ApiKey
    text: str


def new_key(rows: Rows, **said: Any) -> Made:
    by = member(f"maker {rows.tenant}", rows.tenant, Role.ADMINISTRATOR)
    row = ApiKey(tenant=rows.tenant)
    return Made(row, keys.create_key(row, {"name": "deploys", **said}, by=by))


def test_a_key_is_told_once_and_opens_what_its_role_allows(administrator: Caller, acme: Rows) -> None:
    made = administrator.post("api-keys", {"name": "deploys"})
    text = made.json()["key"]

    assert made.status_code == 201
    assert with_key(text).get("projects").status_code == 200
    refused = with_key(text).post("custom-fields/sync", {"integration_id": 1})
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "this needs the role operator; key deploys is viewer",
    )
    again = administrator.get(f"api-keys/{made.json()['id']}")
    assert "key" not in again.json()
    assert (again.json()["prefix"], again.json()["created_by"]) == (text[:11], "ada")


def test_neither_the_database_nor_an_answer_holds_the_text_or_its_hash(administrator: Caller, acme: Rows) -> None:
    made = new_key(acme)

    answers = [administrator.get("api-keys"), administrator.get(f"api-keys/{made.row.pk}")]

    secret = made.text[12:]
    kept = str(ApiKey.objects.values().get(pk=made.row.pk))
    shown = "".join(answer.content.decode() for answer in answers)
    assert secret not in kept
    assert secret not in shown
    assert made.row.key_hash not in shown


def changed_secret(text: str) -> str:
    return text[:-1] + ("A" if text[-1] != "A" else "B")


def of_another_key(text: str) -> str:
    return "pk_aaaaaaaa" + text[11:]


@pytest.mark.parametrize(
    "wrong",
    [
        changed_secret,
        of_another_key,
        lambda text: text[:11],
        lambda text: text + "A",
        lambda text: "",
        lambda text: "é",
    ],
)
def test_what_is_no_key_opens_nothing(wrong: Callable[[str], str], acme: Rows) -> None:
    text = new_key(acme).text

    answer = with_key(wrong(text)).get("projects")

    assert (answer.status_code, answer.json()["type"]) == (401, "authentication_failed")


def switched_off(key: ApiKey) -> None:
    keys.change_key(key, {"active": False})


def expired(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())


def tenant_switched_off(key: ApiKey) -> None:
    Tenant.objects.filter(pk=key.tenant_id).update(active=False)


@pytest.mark.parametrize(
    ("end", "status"), [(switched_off, 401), (expired, 401), (keys.withdraw, 401), (tenant_switched_off, 403)]
)
def test_a_key_ends(end: Callable[[ApiKey], None], status: int, acme: Rows) -> None:
    made = new_key(acme, expires_at=timezone.now() + timedelta(hours=1))
    assert with_key(made.text).get("projects").status_code == 200

    end(made.row)

    assert with_key(made.text).get("projects").status_code == status


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        ([], "GET", "projects", 200),
        (["projects"], "GET", "projects", 200),
        (["jobs"], "GET", "projects", 403),
        (["jobs"], "GET", "jobs", 200),
        (["jobs:read"], "GET", "jobs", 200),
        (["jobs:read"], "HEAD", "jobs", 200),
        (["jobs:read"], "POST", "jobs/1/start", 403),
        (["jobs"], "POST", "jobs/1/start", 404),
        ([], "POST", "jobs/1/start", 404),
    ],
)
def test_a_key_opens_the_parts_that_its_scopes_name(
    scopes: list[str], method: str, path: str, status: int, acme: Rows
) -> None:
    caller = with_key(new_key(acme, role=Role.OPERATOR, scopes=scopes).text)

    assert caller.send(method, path, body=None if method != "POST" else {}).status_code == status


def test_a_key_of_an_administrator_makes_no_keys(acme: Rows) -> None:
    caller = with_key(new_key(acme, role=Role.ADMINISTRATOR).text)

    assert caller.post("api-keys", {"name": "another"}).status_code == 403
    assert caller.get("api-keys").status_code == 403
    assert ApiKey.objects.count() == 1


def test_a_key_is_for_its_tenant_alone(acme: Rows, rival: Rows) -> None:
    caller = with_key(new_key(acme).text)

    assert caller.get("projects", tenant_id=acme.tenant.pk).status_code == 200
    assert caller.get("projects", tenant_id=rival.tenant.pk).status_code == 404


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ({"name": "deploys"}, "name", "there is a key 'deploys' already"),
        ({"name": "x", "role": "superuser"}, "role", '"superuser": is none of: viewer, operator, administrator'),
        ({"name": "x", "scopes": ["jobs", "jbos"]}, "scopes", "'jbos' is none of:"),
        ({"name": "x", "scopes": ["auth"]}, "scopes", "'auth' is none of:"),
        ({"name": "x", "scopes": ["api-keys"]}, "scopes", "'api-keys' is none of:"),
        (
            {"name": "x", "expires_at": "2020-01-01T00:00:00Z"},
            "expires_at",
            "2020-01-01T00:00:00+00:00 is over already",
        ),
        ({"name": "x", "key_hash": "x"}, "key_hash", "is unknown"),
    ],
)
def test_what_cannot_be_a_key_is_named(
    said: dict[str, Any], field: str, message: str, administrator: Caller, acme: Rows
) -> None:
    new_key(acme)

    answer = administrator.post("api-keys", said)

    assert answer.status_code == 400
    assert message in answer.json()["errors"][field][0]
    assert ApiKey.objects.count() == 1


def test_two_tenants_may_name_their_keys_alike(acme: Rows, rival: Rows) -> None:
    assert new_key(acme).row.name == new_key(rival).row.name


def test_a_key_can_be_limited_and_keeps_what_is_not_said(administrator: Caller, acme: Rows) -> None:
    made = new_key(acme, role=Role.OPERATOR)

    answer = administrator.send("PATCH", f"api-keys/{made.row.pk}", body={"scopes": ["jobs:read"]})

    assert (answer.json()["name"], answer.json()["role"], answer.json()["scopes"]) == (
        "deploys",
        "operator",
        ["jobs:read"],
    )
    assert with_key(made.text).get("projects").status_code == 403


def test_when_a_key_was_last_used_is_written_once_a_minute(acme: Rows) -> None:
    made = new_key(acme)
    caller = with_key(made.text)

    caller.get("projects")
    first = ApiKey.objects.get().last_used_at
    with CaptureQueriesContext(connection) as queries:
        caller.get("projects")
    assert first is not None
    assert not [query for query in queries if query["sql"].startswith("UPDATE")]
    assert ApiKey.objects.get().last_used_at == first

    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    caller.get("projects")
    last = ApiKey.objects.get().last_used_at
    assert last is not None
    assert last > first


def test_what_a_key_settles_is_settled_by_no_user(recording: object, acme: Rows) -> None:
    letter = _letter(acme)["id"]

    answer = with_key(new_key(acme, role=Role.OPERATOR).text).post(f"dead-letters/{letter}/discard")

    assert answer.status_code == 200
    assert DeadLetter.objects.get(pk=letter).settled_by is None


def test_every_part_of_the_api_can_be_a_scope() -> None:
    assert {"jobs", "work-items", "projects", "dead-letters", "queues"} <= set(keys.parts())
    assert not keys.CLOSED & set(keys.parts())
