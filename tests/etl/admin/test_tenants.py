"""Staff of a tenant see and change their tenant's rows, as their role says, on every page there is."""

from typing import Any

import pytest
from django.db.models import Model
from django.forms.models import model_to_dict
from django.test import Client
from django.urls import reverse

from custommapping.models import Project, WitHierarchy, Workflow
from etl.models import DeadLetter, WorkerRow
from integrations.models import Integration
from pulse.tenancy.models import AuditEntry, Role, Tenant, User
from tests.etl.admin import addresses
from tests.etl.admin.rows import HOSTILE, OWNED, PAGES, Rows, staff


@pytest.mark.parametrize(("model", "page"), OWNED)
def test_a_list_and_its_filters_name_only_the_own_tenant(
    model: type[Model], page: Any, administrator: Client, acme: Rows, rival: Rows
) -> None:
    own, other = acme.row(model), rival.row(model)
    content = administrator.get(addresses.list_of(model)).content.decode()
    assert addresses.page_of(own) in content
    assert addresses.page_of(other) not in content
    assert "Rival" not in content


@pytest.mark.parametrize(("model", "page"), OWNED)
def test_a_search_finds_only_rows_of_the_own_tenant(
    model: type[Model], page: Any, administrator: Client, acme: Rows, rival: Rows
) -> None:
    other = rival.row(model)
    for words in ("Rival", str(other.pk), getattr(other, "external_id", "1")):
        content = administrator.get(addresses.list_of(model), {"q": words}).content.decode()
        assert addresses.page_of(other) not in content


@pytest.mark.parametrize(("model", "page"), OWNED)
def test_a_row_of_another_tenant_cannot_be_opened_changed_or_deleted(
    model: type[Model], page: Any, administrator: Client, rival: Rows
) -> None:
    other = rival.row(model)
    before = model_to_dict(model._default_manager.get(pk=other.pk))
    for address in (addresses.page_of(other), addresses.delete(other), addresses.history(other)):
        for response in (administrator.get(address), administrator.post(address, {"name": "taken", "post": "yes"})):
            assert response.status_code in (302, 403, 404)
            assert "Rival" not in response.content.decode()
    assert model_to_dict(model._default_manager.get(pk=other.pk)) == before


@pytest.mark.parametrize(("model", "page"), OWNED)
def test_the_own_row_and_the_form_for_a_new_one_offer_nothing_of_another_tenant(
    model: type[Model], page: Any, administrator: Client, acme: Rows, rival: Rows
) -> None:
    row = acme.row(model)
    rival.row(model)
    response = administrator.get(addresses.page_of(row))
    assert response.status_code == 200
    assert "Rival" not in response.content.decode()
    assert "Rival" not in administrator.get(addresses.add(model)).content.decode()


@pytest.mark.parametrize(("model", "page"), OWNED)
def test_a_viewer_sees_rows_and_changes_none(model: type[Model], page: Any, viewer: Client, acme: Rows) -> None:
    row = acme.row(model)
    before = model_to_dict(model._default_manager.get(pk=row.pk))
    if page.least_reader != Role.VIEWER:
        assert viewer.get(addresses.list_of(model)).status_code == viewer.get(addresses.page_of(row)).status_code == 403
        return
    assert viewer.get(addresses.list_of(model)).status_code == 200
    shown = viewer.get(addresses.page_of(row))
    assert shown.status_code == 200
    assert HOSTILE not in shown.content.decode()
    for address in (addresses.page_of(row), addresses.delete(row), addresses.add(model)):
        assert viewer.post(address, {"name": "taken", "post": "yes"}).status_code == 403
    assert model_to_dict(model._default_manager.get(pk=row.pk)) == before


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_staff_without_a_tenant_see_no_page(model: type[Model], page: Any, stray: Client) -> None:
    assert stray.get(addresses.list_of(model)).status_code == 403


def test_workers_and_rows_of_no_tenant_are_for_superusers(administrator: Client, superuser: Client) -> None:
    nobody = [
        DeadLetter.objects.create(queue="etl.jobs", body="{", error="not JSON"),
        AuditEntry.objects.create(action="login", target_table="users", target_id="1"),
        WorkerRow.objects.create(host="machine", pid=1, tier="free"),
    ]
    for row in nobody:
        assert superuser.get(addresses.page_of(row)).status_code == 200
        assert administrator.get(addresses.page_of(row)).status_code in (302, 403)


def test_a_form_refuses_a_reference_to_another_tenants_row(operator: Client, acme: Rows, rival: Rows) -> None:
    form = {"tenant": acme.tenant.pk, "name": "flow", "project": rival.row(Project).pk, "steps": "[]", "active": "on"}
    response = operator.post(addresses.add(Workflow), form)
    assert response.status_code == 200
    assert "project" in response.context["adminform"].form.errors
    assert "Rival" not in response.content.decode()


def test_a_form_refuses_another_tenant_as_owner(operator: Client, rival: Rows) -> None:
    form = {"tenant": rival.tenant.pk, "name": "Epic", "level": "1", "active": "on"}
    assert "tenant" in operator.post(addresses.add(WitHierarchy), form).context["adminform"].form.errors


def test_a_superusers_form_refuses_a_project_of_another_tenant(superuser: Client, acme: Rows, rival: Rows) -> None:
    form = {"tenant": acme.tenant.pk, "name": "flow", "project": rival.row(Project).pk, "steps": "Build"}
    errors = superuser.post(addresses.add(Workflow), form).context["adminform"].form.errors
    assert "belongs to another tenant" in str(errors["project"])


def test_choices_that_are_typed_are_those_of_the_own_tenant(operator: Client, acme: Rows, rival: Rows) -> None:
    own = acme.row(Integration)
    rival.row(Integration)
    asked = {"app_label": "custommapping", "model_name": "statusmapping", "field_name": "integration"}
    found = operator.get(reverse("admin:autocomplete"), asked).json()["results"]
    assert [entry["id"] for entry in found] == [str(own.pk)]


def test_a_changed_row_keeps_its_tenant(operator: Client, acme: Rows) -> None:
    hierarchy = acme.row(WitHierarchy)
    form = {"name": "Initiative", "level": hierarchy.level, "active": "on", "tenant": ""}
    assert operator.post(addresses.page_of(hierarchy), form).status_code == 302
    hierarchy.refresh_from_db()
    assert hierarchy.name == "Initiative"
    assert hierarchy.tenant == acme.tenant


def test_an_operator_changes_no_users_and_no_integrations(operator: Client, acme: Rows) -> None:
    for model in (User, Integration):
        assert operator.post(addresses.page_of(acme.row(model)), {"name": "taken"}).status_code == 403


def test_an_administrator_cannot_make_a_superuser_or_move_a_user(
    administrator: Client, acme: Rows, rival: Rows
) -> None:
    user = staff("ulla", acme.tenant, role="viewer")
    form = {"username": "ulla", "role": "operator", "is_active": "on", "is_staff": "on"}
    taken = {"is_superuser": "on", "tenant": rival.tenant.pk}
    assert administrator.post(addresses.page_of(user), form | taken).status_code == 302
    user.refresh_from_db()
    assert (user.role, user.is_superuser, user.tenant) == ("operator", False, acme.tenant)


def test_an_administrator_makes_users_of_the_own_tenant_only(administrator: Client, acme: Rows, rival: Rows) -> None:
    form = {
        "username": "nina",
        "usable_password": "true",
        "password1": "correct-battery-9",
        "password2": "correct-battery-9",
        "role": "viewer",
        "is_active": "on",
    }
    refused = administrator.post(addresses.add(User), form | {"tenant": rival.tenant.pk, "is_superuser": "on"})
    assert "tenant" in refused.context["adminform"].form.errors
    assert administrator.post(addresses.add(User), form | {"tenant": acme.tenant.pk}).status_code == 302
    made = User.objects.get(username="nina")
    assert (made.tenant, made.is_superuser) == (acme.tenant, False)
    assert made.check_password("correct-battery-9")


def test_the_password_of_a_superuser_of_the_tenant_is_out_of_an_administrators_reach(
    administrator: Client, acme: Rows
) -> None:
    chief = staff("chief", acme.tenant, is_superuser=True)
    address = reverse("admin:auth_user_password_change", args=[chief.pk])
    form = {"usable_password": "true", "password1": "correct-battery-9", "password2": "correct-battery-9"}
    assert administrator.post(address, form).status_code in (302, 403, 404)
    chief.refresh_from_db()
    assert chief.check_password("right horse")


def test_an_administrator_sets_a_colleagues_password(administrator: Client, acme: Rows) -> None:
    user = staff("ulla", acme.tenant)
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    assert administrator.get(address).status_code == 200
    form = {"usable_password": "true", "password1": "correct-battery-9", "password2": "correct-battery-9"}
    assert administrator.post(address, form).status_code == 302
    user.refresh_from_db()
    assert user.check_password("correct-battery-9")


def test_no_page_lets_a_hidden_value_be_searched(superuser: Client, acme: Rows) -> None:
    acme.row(Integration)
    response = superuser.get(addresses.list_of(Integration), {"secrets__gte": "g"})
    assert response.status_code == 400


def test_a_name_that_another_tenants_user_has_is_refused_at_its_field(
    administrator: Client, acme: Rows, rival: Rows
) -> None:
    staff("rita", rival.tenant)
    password = {"usable_password": "true", "password1": "right horse 7", "password2": "right horse 7"}
    form = {"username": "rita", **password, "tenant": acme.tenant.pk, "role": "viewer", "is_active": "on"}

    response = administrator.post(addresses.add(User), form)

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["username"]
    assert User.objects.filter(username="rita").count() == 1


def test_nobody_of_an_inactive_tenant_sees_a_page_until_it_is_active_again(
    administrator: Client, viewer: Client, acme: Rows
) -> None:
    acme.row(Project)
    Tenant.objects.update(active=False)

    answers = [client.get(addresses.list_of(Project)) for client in (administrator, viewer)]

    assert [(answer.status_code, "/login/" in answer.headers["Location"]) for answer in answers] == [(302, True)] * 2
    Tenant.objects.update(active=True)
    assert viewer.get(addresses.list_of(Project)).status_code == 200


def test_nobody_of_an_inactive_tenant_logs_in_but_superusers(acme: Rows) -> None:
    staff("ada", acme.tenant)
    staff("root", acme.tenant, is_superuser=True)
    Tenant.objects.update(active=False)

    assert _logged_in("ada") is False
    assert _logged_in("root") is True
    Tenant.objects.update(active=True)
    assert _logged_in("ada") is True


def _logged_in(name: str) -> bool:
    """Whether the login lets that person in."""
    client = Client()
    client.post(reverse("admin:login"), {"username": name, "password": "right horse"})
    return client.get(reverse("admin:index")).status_code == 200
