"""Whoever asks for whatever endpoint there is: the owner, a stranger, a viewer, a superuser, nobody."""

import re
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.urls import URLPattern, resolve

from etl.api.base import ApiView, NoSuchAddress
from etl.api.health import LiveView, ReadyView
from etl.api.schema import DocsView, SchemaView
from etl.api.tokens import NewTokenView, RefreshView
from etl.api.urls import urlpatterns
from etl.api.webhooks import WebhookView
from etl.sql import fetch
from pulse.tenancy.scoping import tenant_path
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller
from tests.etl.api.endpoints import Case, all_cases

ALL_CASES = all_cases()
CASES = [case for case in ALL_CASES if not case.for_superusers]
FOR_EVERYBODY = (WebhookView, NewTokenView, RefreshView, LiveView, ReadyView, SchemaView, DocsView, NoSuchAddress)
METHODS = ("get", "post", "put", "patch", "delete")

pytestmark = pytest.mark.usefixtures("recording")


def _with(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[str(case) for case in cases])


each = _with(CASES)
each_of_a_tenant = _with([case for case in ALL_CASES if not case.shared])
each_shared = _with([case for case in ALL_CASES if case.shared])
each_for_administrators = _with([case for case in ALL_CASES if case.administrator])
each_for_superusers = _with([case for case in ALL_CASES if case.for_superusers])


@cache
def _versions() -> str:
    """Of a tenant's rows in every table, in one statement."""
    models = [model for model in apps.get_models() if tenant_path(model) == "tenant"]
    return " UNION ALL ".join(
        f"SELECT '{model._meta.db_table}', {model._meta.pk.column}::text, ctid::text, xmin::text"
        f" FROM {model._meta.db_table} WHERE tenant_id = %(tenant)s"
        for model in models
    )


def all_rows(rows: Rows) -> list[Any]:
    """The physical version of every row of the tenant: the same before and after means that nothing was written."""
    return sorted(fetch(_versions(), {"tenant": rows.tenant.pk}))


def all_shared_rows() -> list[Any]:
    return fetch("SELECT id, ctid::text, xmin::text FROM workers ORDER BY 1", [])


@each
def test_the_owner_is_answered_but_for_names_that_nobody_knows(
    case: Case, owner: Caller, administrator: Caller, acme: Rows
) -> None:
    if case.administrator:
        owner = administrator
    asked = case.request(acme)
    before = all_rows(acme)

    unknown = owner.ask(asked.with_unknown())

    assert unknown.status_code == 400, unknown.content
    assert "is unknown; known are:" in unknown.json()["errors"]["no_such_name"][0]
    assert all_rows(acme) == before
    answer = owner.ask(asked)
    assert (answer.status_code, answer.headers["Content-Type"]) == (case.status, case.answers), answer.content


@each
def test_a_stranger_sees_and_changes_nothing_and_is_told_of_no_tenant(case: Case, stranger: Caller, acme: Rows) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    answer, naming = stranger.ask(asked), stranger.ask(asked.within(acme.tenant.pk))

    assert answer.status_code == case.stranger, answer.content
    assert "Acme" not in answer.content.decode()
    assert (naming.status_code, list(naming.json()["errors"])) == (404, ["tenant_id"])
    assert all_rows(acme) == before


@each
def test_a_viewer_reads_and_changes_nothing_and_who_has_no_tenant_or_no_name_does_neither(
    case: Case, viewer: Caller, stray: Caller, anonymous: Caller, acme: Rows
) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    nobody, elsewhere, answer = anonymous.ask(asked), stray.ask(asked), viewer.ask(asked)

    assert (nobody.status_code, nobody.json()["type"]) == (401, "not_authenticated")
    assert nobody.headers["WWW-Authenticate"].startswith("Bearer")
    assert elsewhere.status_code == 403, elsewhere.content
    assert answer.status_code == (case.status if case.for_viewers else 403), answer.content
    assert all_rows(acme) == before


@each_for_administrators
def test_what_is_for_administrators_is_for_no_operator(case: Case, owner: Caller, acme: Rows) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    assert owner.ask(asked).status_code == 403
    assert all_rows(acme) == before


@each_for_superusers
def test_what_changes_it_for_all_tenants_is_for_superusers_alone(
    case: Case, administrator: Caller, viewer: Caller, stray: Caller, anonymous: Caller, acme: Rows
) -> None:
    asked = case.request(acme)
    before = all_shared_rows()

    answers = [caller.ask(asked) for caller in (administrator, viewer, stray, anonymous)]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 401]
    assert all_shared_rows() == before


@each_shared
def test_a_superuser_names_no_tenant_for_what_all_tenants_share(case: Case, superuser: Caller, acme: Rows) -> None:
    asked = case.request(acme)

    assert superuser.ask(asked).status_code == case.status
    assert superuser.ask(asked.within(acme.tenant.pk)).status_code == case.status
    assert superuser.ask(asked.within(10**9)).status_code == 404
    assert superuser.ask(asked.with_unknown()).status_code == 400


@each_of_a_tenant
def test_a_superuser_names_the_tenant(case: Case, superuser: Caller, acme: Rows, rival: Rows) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    assert list(superuser.ask(asked).json()["errors"]) == ["tenant_id"]
    elsewhere = superuser.ask(asked.within(rival.tenant.pk))
    assert elsewhere.status_code == case.stranger
    assert "Acme" not in elsewhere.content.decode()
    assert all_rows(acme) == before
    assert superuser.ask(asked.within(acme.tenant.pk)).status_code == case.status


def view_of(function: Any) -> Any:
    return function.view_class


def views() -> list[Any]:
    return [view_of(pattern.callback) for pattern in urlpatterns if isinstance(pattern, URLPattern)]


def test_every_endpoint_keeps_tenants_apart() -> None:
    assert len(views()) == len(urlpatterns)
    assert [view for view in views() if view not in FOR_EVERYBODY and not issubclass(view, ApiView)] == []


def test_every_method_of_every_endpoint_has_a_case() -> None:
    found = [resolve(f"/app/etl/{re.sub('{[^}]*}', '1', case.path)}").func for case in ALL_CASES]
    named = {(view_of(function), case.method) for function, case in zip(found, ALL_CASES, strict=True)}
    own = [view for view in views() if issubclass(view, ApiView)]

    assert {(view, name.upper()) for view in own for name in METHODS if hasattr(view, name)} - named == set()
