"""Whatever an address says, the answer is no failure; looking changes nothing; nobody presses what is not theirs."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver

from etl.models import EtlJob
from integrations.models import Integration
from pulse.tenancy.models import AuditEntry
from tests.etl.admin import addresses
from tests.etl.admin.rows import PAGES, Rows

LONG = "9" * 5000
HOSTILE_VALUES = ("-1", str(10**30), LONG, "a\0b", "99999-01-01", "0001-01-01", "1,x", "²")
# Of lists, which are many.
SOME_VALUES = ("-1", LONG, "(")
HOSTILE_ARGUMENTS = ("abc", "%00", str(10**30), LONG, "%C2%B2")
OF_ALL_LISTS = ("q", "p", "o", "_to_field", "nosuch")
LOOKUPS = ("", "__exact", "__in", "__gte", "__lt", "__isnull", "__isempty", "__range", "__year", "__regex", "__nosuch")

# The pages that are not Django's own, with what their addresses may say.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "account": (),
    "choose-tenant": (),
    "custommapping_customfield_of": (),
    "custommapping_customfieldmapping_export": (),
    "custommapping_customfieldmapping_fields": ("column", "term", "page"),
    "custommapping_customfieldmapping_of": (),
    "custommapping_statusmapping_of": ("q", "unmapped", "page"),
    "custommapping_witmapping_of": ("q", "unmapped", "page"),
    "etl_alertchannel_act": (),
    "etl_deadletter_act": (),
    "etl_deadletter_groups": (),
    "etl_etljob_act": (),
    "etl_etljob_cards": ("q", "integration", "state", "cursor", "limit"),
    "etl_etljob_run": (),
    "etl_etljob_table": ("q", "p", "o", "state", "integration__id__exact"),
    "etl_etljobrun_act": (),
    "etl_etljobrun_history_grid": (),
    "etl_etljobrun_parts": ("quarantine",),
    "etl_pr_answers": ("before",),
    "etl_pr_similar": (),
    "etl_qdrantvector_act": (),
    "etl_qdrantvector_drift": (),
    "etl_qdrantvector_overview": (),
    "etl_qdrantvector_search": ("q", "tenant", "integration", "table_name", "source_type", "limit"),
    "etl_rawextractiondata_act": (),
    "etl_rawextractiondata_json": (),
    "etl_verification_act": (),
    "etl_workerrow_act": (),
    "etl_workerrow_queues": (),
    "etl_workerrow_restart_all": (),
    "etl_workitem_answers": ("before",),
    "etl_workitem_flow": ("tenant", "project", "team", "first", "last", "period", "apart", "percentile"),
    "etl_workitem_flow_figures": ("tenant", "project", "team", "first", "last", "period", "apart", "percentile"),
    "etl_workitem_similar": (),
    "home-flow": (),
    "home-now": (),
    "integrations_integration_check": (),
    "integrations_integration_erase": (),
    "integrations_integration_logo": (),
    "integrations_integration_scope": (),
    "tenancy_tenant_erase": (),
    "tenant-logo": (),
}


# The way out, and Django's way to pages on the site that rows may have.
_NOT_LOOKED_AT = ("logout", "view_on_site")


def _addresses(patterns: Any = None, before: str = "") -> Iterator[tuple[str, str]]:
    """Every address of the admin, as Django writes it, with its name."""
    for pattern in (patterns or get_resolver()).url_patterns:
        address = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern, address)
        elif address.startswith("admin/") and "(?P" not in address and pattern.name not in (None, *_NOT_LOOKED_AT):
            yield f"/{address}", pattern.name


ADDRESSES = sorted(_addresses())
WITH_ARGUMENTS = [(address, name) for address, name in ADDRESSES if "<" in address]
_PAGES_OF_ROWS = ("changelist", "add", "history", "delete", "change")
DJANGOS = {name for _, name in ADDRESSES if name.rpartition("_")[2] in _PAGES_OF_ROWS} | {
    *("index", "login", "password_change", "password_change_done", "user_password_change", "auth_user_password_change"),
    *("autocomplete", "jsi18n", "search"),
}


def _filled(address: str, rows: Rows) -> str:
    """The address of the page of a row."""
    return re.sub(r"<[^>]+>", str(_meant(address, rows).pk), address)


def _meant(address: str, rows: Rows) -> Any:
    """The row that the address is about."""
    if "integration_id" in address or "/drift/" in address:
        return rows.row(Integration)
    if "/of-job/" in address:
        return rows.row(EtlJob)
    if address.startswith("/admin/account/logo/"):
        return rows.tenant
    named = "/".join(address.split("/")[2:4])
    (model,) = [model for model, _ in PAGES if f"{model._meta.app_label}/{model._meta.model_name}" == named]
    return rows.row(model)


def test_every_page_of_our_own_is_known_here() -> None:
    assert {name for _, name in ADDRESSES} - DJANGOS == PARAMETERS.keys()


@pytest.mark.parametrize("argument", HOSTILE_ARGUMENTS, ids=lambda said: said[:8])
def test_an_address_of_no_row_is_told_so(argument: str, superuser: Client) -> None:
    for address, _ in WITH_ARGUMENTS:
        answer = superuser.get(re.sub(r"<[^>]+>", argument, address))
        assert answer.status_code in (302, 403, 404, 405), address


@pytest.mark.parametrize(
    ("address", "name"), [entry for entry in ADDRESSES if PARAMETERS.get(entry[1])], ids=lambda said: said[-40:]
)
def test_a_page_of_our_own_answers_whatever_its_address_says(
    address: str, name: str, superuser: Client, acme: Rows
) -> None:
    page = _filled(address, acme) if "<" in address else address
    acme.row(Integration)
    for parameter in PARAMETERS[name]:
        for value in HOSTILE_VALUES:
            answer = superuser.get(page, {parameter: value})
            assert answer.status_code in (200, 302, 400, 403, 404), (parameter, value[:20])


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_a_list_answers_whatever_its_address_says(model: type[Model], page: Any, superuser: Client, acme: Rows) -> None:
    acme.row(model)
    own = [one.parameter_name for one in page.list_filter if not isinstance(one, str | tuple)]
    for parameter in (*OF_ALL_LISTS, *own):
        for value in SOME_VALUES:
            answer = superuser.get(addresses.list_of(model), {parameter: value})
            assert answer.status_code in (200, 302, 400), (parameter, value[:20])


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_list_answers_whatever_is_asked_of_its_columns(lookup: str, superuser: Client, acme: Rows) -> None:
    acme.row(AuditEntry)
    kinds = {type(field): field.name for field in AuditEntry._meta.concrete_fields}
    for name in kinds.values():
        for value in SOME_VALUES:
            answer = superuser.get(addresses.list_of(AuditEntry), {f"{name}{lookup}": value})
            assert answer.status_code in (200, 302, 400), (name, value[:20])


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_a_page_of_a_row_answers_whatever_its_address_says(
    model: type[Model], page: Any, superuser: Client, acme: Rows
) -> None:
    address = addresses.page_of(acme.row(model))
    for parameter in ("_to_field", "_popup", "_changelist_filters"):
        for value in ("", "abc"):
            assert superuser.get(address, {parameter: value}).status_code in (200, 400), (parameter, value)


# Looking and pressing

# What people do who are logged in or about to be, about themselves.
_OWN = ("account", "login", "password_change")


def _changes(captured: CaptureQueriesContext) -> list[str]:
    """What was written, but for sessions and tables that are gone with the request."""
    changes = [query["sql"] for query in captured if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    return [sql for sql in changes if "django_session" not in sql and "listed_points" not in sql]


@pytest.mark.parametrize(("address", "name"), ADDRESSES, ids=lambda said: said[-40:])
def test_looking_changes_nothing(address: str, name: str, superuser: Client, acme: Rows) -> None:
    page = _filled(address, acme) if "<" in address else address
    with CaptureQueriesContext(connection) as captured:
        superuser.get(page)
    assert _changes(captured) == []


@pytest.mark.parametrize(
    ("address", "name"), [entry for entry in ADDRESSES if entry[1] not in _OWN], ids=lambda said: said[-40:]
)
def test_no_page_does_what_a_viewer_or_a_stranger_sends(
    address: str, name: str, viewer: Client, acme: Rows, rival: Rows
) -> None:
    for rows in (acme, rival):
        page = _filled(address, rows) if "<" in address else address
        with CaptureQueriesContext(connection) as captured:
            answer = viewer.post(page, {"post": "yes", "act": "start", "what": "erase", "confirmed": "1"})
        assert _changes(captured) == []
    assert "Rival" not in answer.content.decode()
