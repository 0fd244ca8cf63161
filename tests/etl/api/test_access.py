"""Whoever asks for whatever endpoint there is: the owner, a stranger, a viewer, a superuser, nobody."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.urls import URLPattern, resolve

from etl.api.base import ApiView, NoSuchAddress
from etl.api.tokens import NewTokenView, RefreshView
from etl.api.urls import urlpatterns
from etl.api.webhooks import WebhookView
from etl.sql import fetch
from pulse.tenancy.scoping import tenant_path
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller
from tests.etl.api.endpoints import Case, all_cases

CASES = all_cases()
FOR_EVERYBODY = (WebhookView, NewTokenView, RefreshView, NoSuchAddress)
METHODS = ("get", "post", "put", "patch", "delete")

pytestmark = pytest.mark.usefixtures("recording")
each = pytest.mark.parametrize("case", CASES, ids=[str(case) for case in CASES])


def all_rows(rows: Rows) -> dict[str, list[Any]]:
    """The physical version of every row of the tenant: the same before and after means that nothing was written."""
    models = [model for model in apps.get_models() if tenant_path(model) == "tenant"]
    return {
        model._meta.db_table: fetch(
            f"SELECT {model._meta.pk.column}, ctid::text, xmin::text FROM {model._meta.db_table}"
            f" WHERE tenant_id = %s ORDER BY 1",
            [rows.tenant.pk],
        )
        for model in models
    }


@each
def test_the_owner_is_answered(case: Case, owner: Caller, acme: Rows) -> None:
    answer = owner.ask(case.request(acme))

    assert (answer.status_code, answer.headers["Content-Type"]) == (case.status, "application/json"), answer.content


@each
def test_a_stranger_sees_and_changes_nothing(case: Case, stranger: Caller, acme: Rows) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    answer = stranger.ask(asked)

    assert answer.status_code == case.stranger, answer.content
    assert "Acme" not in answer.content.decode()
    assert all_rows(acme) == before


@each
def test_a_stranger_who_names_the_tenant_is_told_that_there_is_none(case: Case, stranger: Caller, acme: Rows) -> None:
    asked = case.request(acme).within(acme.tenant.pk)
    before = all_rows(acme)

    answer = stranger.ask(asked)

    assert answer.status_code == 404
    assert list(answer.json()["errors"]) == ["tenant_id"]
    assert all_rows(acme) == before


@each
def test_a_viewer_reads_and_changes_nothing(case: Case, viewer: Caller, acme: Rows) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    answer = viewer.ask(asked)

    assert answer.status_code == (case.status if case.for_viewers else 403), answer.content
    assert all_rows(acme) == before


@each
def test_nobody_is_asked_to_log_in(case: Case, anonymous: Caller, acme: Rows) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    answer = anonymous.ask(asked)

    assert answer.status_code == 401
    assert answer.json()["type"] == "not_authenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert all_rows(acme) == before


@each
def test_a_person_without_a_tenant_is_refused(case: Case, stray: Caller, acme: Rows) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    assert stray.ask(asked).status_code == 403
    assert all_rows(acme) == before


@each
def test_a_superuser_names_the_tenant(case: Case, superuser: Caller, acme: Rows, rival: Rows) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    assert list(superuser.ask(asked).json()["errors"]) == ["tenant_id"]
    elsewhere = superuser.ask(asked.within(rival.tenant.pk))
    assert elsewhere.status_code == case.stranger
    assert "Acme" not in elsewhere.content.decode()
    assert all_rows(acme) == before
    assert superuser.ask(asked.within(acme.tenant.pk)).status_code == case.status


@each
def test_a_name_that_nobody_knows_is_refused(case: Case, owner: Caller, acme: Rows) -> None:
    asked = case.request(acme)
    before = all_rows(acme)

    answer = owner.ask(asked.with_unknown())

    assert answer.status_code == 400, answer.content
    assert "is unknown; known are:" in answer.json()["errors"]["no_such_name"][0]
    assert all_rows(acme) == before


def view_of(function: Any) -> Any:
    return function.view_class


def views() -> list[Any]:
    return [view_of(pattern.callback) for pattern in urlpatterns if isinstance(pattern, URLPattern)]


def test_every_endpoint_keeps_tenants_apart() -> None:
    assert len(views()) == len(urlpatterns)
    assert [view for view in views() if view not in FOR_EVERYBODY and not issubclass(view, ApiView)] == []


def test_every_method_of_every_endpoint_has_a_case() -> None:
    found = [resolve(f"/app/etl/{re.sub('{[^}]*}', '1', case.path)}").func for case in CASES]
    named = {(view_of(function), case.method) for function, case in zip(found, CASES, strict=True)}
    own = [view for view in views() if issubclass(view, ApiView)]

    assert {(view, name.upper()) for view in own for name in METHODS if hasattr(view, name)} - named == set()
