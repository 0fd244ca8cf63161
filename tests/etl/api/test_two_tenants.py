"""Two tenants that hold the same: whatever one asks for, nothing of the other's is in the answer or is changed.

What is walked is found: every case of every endpoint (test_access.py fails where a method has none), and every page of
the admin. Two walls keep tenants apart, `visible_to` and row-level security: each holds where the other one is down.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.db.models import Model, QuerySet
from django.test import Client
from django.urls import reverse

from custommapping.models import CustomFieldMapping
from etl.models import EtlJob, EtlJobRun, Pr, RawExtractionData, WorkItem
from pulse.postgres import scope
from pulse.postgres.roles import PLATFORM, owned_tables
from pulse.tenancy import scoping
from pulse.tenancy.models import Role, Tenant, User
from tests.etl.admin import addresses
from tests.etl.admin.rows import OWNED, Rows, staff
from tests.etl.api.callers import Caller, member
from tests.etl.api.endpoints import Case, all_cases
from tests.etl.api.test_access import all_rows

pytestmark = pytest.mark.usefixtures("recording")
CASES = [case for case in all_cases() if not case.shared]


class Twin(Rows):
    """Rows with the same ids at their source as any other twin's; all other texts hold the tenant's name."""

    @classmethod
    def named(cls, name: str) -> "Twin":
        """A tenant with a row in every table."""
        twin = cls(Tenant.objects.create(name=name))
        for model in apps.get_models():
            if model._meta.db_table in owned_tables():
                twin.row(model)
        return twin

    def again(self) -> "Twin":
        """The same rows for somebody who will make more, and take them back."""
        other = Twin(self.tenant)
        other._made = dict(self._made)
        return other

    def _value(self, model: type[Model], field: Any, number: int) -> Any:
        # A mapping that maps nothing: what is mapped already is refused a second time.
        return None if model is CustomFieldMapping and field.null else super()._value(model, field, number)

    def _plain(self, field: Any, number: int, kind_of_row: str | None) -> Any:
        if field.name.endswith("external_id") or field.name == "key":
            return f"{kind_of_row}-{number}"[: field.max_length]
        # What has never been edited.
        return 0 if field.name == "version" else super()._plain(field, number, kind_of_row)


@pytest.fixture
def acme(db: None) -> Twin:
    return Twin.named("Acme")


@pytest.fixture
def rival(db: None) -> Twin:
    return Twin.named("Rival")


def _all_of(user: User, rows: QuerySet[Any], tenant: Tenant | None = None) -> QuerySet[Any]:
    return rows


@pytest.fixture(params=["the code forgets", "the database forgets"])
def one_wall(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the walls is down."""
    if request.param == "the code forgets":
        # Wherever it was imported to.
        monkeypatch.setattr(scoping.visible_to, "__code__", _all_of.__code__)
    else:
        monkeypatch.setattr(scope, "current", lambda: scope.Scope(PLATFORM))


@contextmanager
def taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def asked(case: Case, caller: Caller, of: Twin, status: int, other: Twin) -> Iterator[str]:
    """What is wrong with the answer about the rows of a tenant; the ``other`` one is not the caller's."""
    request = case.request(of.again())
    before = all_rows(other)
    answer = caller.ask(request)
    told = f"{case}, of {of.tenant}"
    if answer.status_code != status:
        yield f"{told}: {answer.status_code} {answer.content[:300]!r}"
    if other.tenant.name.encode() in answer.content:
        yield f"{told}: tells of {other.tenant}"
    if all_rows(other) != before:
        yield f"{told}: changes rows of {other.tenant}"


def test_no_endpoint_tells_of_another_tenant_or_changes_its_rows(one_wall: None, acme: Twin, rival: Twin) -> None:
    caller = Caller(member("otto", acme.tenant, Role.ADMINISTRATOR))
    wrong: list[str] = []
    for case in CASES:
        with taken_back():
            wrong += asked(case, caller, acme, case.status, rival)
        with taken_back():
            wrong += asked(case, caller, rival, case.stranger, rival)
    assert wrong == []


# Pages of a row beside those that every row has.
FURTHER: dict[type[Model], str] = {
    RawExtractionData: "rawextractiondata_json",
    WorkItem: "workitem_answers",
    Pr: "pr_answers",
    EtlJobRun: "etljobrun_parts",
    EtlJob: "etljobrun_history_grid",
}

# Pages that are of no row, and no list either.
ASIDE = (
    "admin:index",
    "home-now",
    "home-flow",
    "admin:etl_workitem_flow",
    "admin:etl_workitem_flow_figures",
    "admin:etl_etljob_cards",
    "admin:etl_etljob_table",
)


def pages_of(row: Any) -> list[str]:
    further = [reverse(f"admin:etl_{FURTHER[type(row)]}", args=[row.pk])] if type(row) in FURTHER else []
    return [addresses.page_of(row), addresses.history(row), addresses.delete(row), *further]


def test_no_page_of_the_admin_tells_of_another_tenant(one_wall: None, acme: Twin, rival: Twin, client: Client) -> None:
    client.force_login(staff("ada", acme.tenant))
    models: list[type[Model]] = [model for model, _ in OWNED]
    own = [address for model in models for address in (addresses.list_of(model), *pages_of(acme.row(model)))]
    own += map(reverse, ASIDE)
    others = [address for model in models for address in pages_of(rival.row(model))]
    before = all_rows(rival)

    # Where the path leads to no row, the name of the row's tenant cannot be in it.
    told = [address for address in own + others if "Rival" in client.get(address, follow=True).content.decode()]
    opened = [address for address in others if client.get(address).status_code == 200]

    assert (told, opened) == ([], [])
    assert [address for address in own if client.get(address).status_code >= 500] == []
    assert all_rows(rival) == before


def test_a_superuser_who_looks_at_one_tenant_is_told_of_no_other_on_any_page(
    one_wall: None, acme: Twin, rival: Twin, client: Client
) -> None:
    client.force_login(User.objects.create_superuser("root"))
    client.post(reverse("choose-tenant"), {"tenant": acme.tenant.pk})
    models: list[type[Model]] = [model for model, _ in OWNED]
    own = [address for model in models for address in (addresses.list_of(model), addresses.page_of(acme.row(model)))]
    others = [addresses.page_of(rival.row(model)) for model in models]
    aside = [reverse(name) for name in (*ASIDE, "account")]

    answers = {address: client.get(address, follow=True) for address in own + others + aside}

    told = [address for address, answer in answers.items() if "Rival" in _without_choice(answer)]
    opened = [
        address for address in others if not answers[address].redirect_chain and answers[address].status_code == 200
    ]
    assert (told, opened) == ([], [])
    assert [address for address in own + aside if answers[address].status_code >= 400] == []


def _without_choice(answer: Any) -> str:
    """The page without the choice in its header, which names all tenants."""
    return re.sub(r'<form[^>]*class="frame-choice">.*?</form>', "", answer.content.decode(), flags=re.DOTALL)
