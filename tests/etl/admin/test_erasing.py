"""Letting go of a connection or a tenant: it is asked for by name, and its progress is seen."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Integration
from pulse.tenancy.models import Erasure, Tenant
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows


def page(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_erase", args=[row.pk])


@pytest.fixture
def integration(acme: Rows) -> Integration:
    found: Integration = acme.row(Integration)
    Integration.objects.filter(pk=found.pk).update(name="Our Jira")
    found.refresh_from_db()
    return found


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"what": "erase", "name": "our jira"}, "name", "our jira"),
        ({"what": "erase", "name": ""}, "name", "required"),
        ({"what": "everything", "name": "Our Jira"}, "what", "everything is not one of"),
        ({"name": "Our Jira"}, "what", "required"),
    ],
)
def test_what_is_not_said_clearly_is_an_error_at_its_field_and_changes_nothing(
    administrator: Client, integration: Integration, given: dict[str, str], field: str, said: str
) -> None:
    refused = administrator.post(page(integration), given)
    assert list(refused.context["form"].errors) == [field]
    assert said in str(refused.context["form"].errors[field])
    integration.refresh_from_db()
    assert integration.active
    assert not Erasure.objects.exists()


def test_a_connection_is_disconnected_and_its_data_kept(administrator: Client, integration: Integration) -> None:
    assert page(integration) in administrator.get(addresses.page_of(integration)).content.decode()
    answer = administrator.post(page(integration), {"what": "keep", "name": "Our Jira"}, follow=True)
    assert "Our Jira is disconnected. Its data is kept." in answer.content.decode()
    integration.refresh_from_db()
    assert (integration.active, integration.secrets) == (False, {})
    assert not Erasure.objects.exists()


def test_a_connection_that_is_erased_leads_to_the_progress(administrator: Client, integration: Integration) -> None:
    answer = administrator.post(page(integration), {"what": "erase", "name": "Our Jira"}, follow=True)

    erasure = Erasure.objects.get()
    assert answer.redirect_chain == [(addresses.page_of(erasure), 302)]
    assert (erasure.integration_id, erasure.asked_by, erasure.state) == (integration.pk, "ada", "running")
    assert "is being erased" in answer.content.decode()
    assert addresses.page_of(erasure) in administrator.get(addresses.page_of(integration)).content.decode()
    part = administrator.get(addresses.page_of(erasure), headers={"X-Part": "1"}).content.decode()
    assert "<html" not in part
    assert "Rows deleted so far: 0" in part


def test_a_superuser_erases_a_tenant_by_its_name(superuser: Client, acme: Rows) -> None:
    assert page(acme.tenant) in superuser.get(addresses.page_of(acme.tenant)).content.decode()
    superuser.post(page(acme.tenant), {"what": "erase", "name": "Acme"})
    assert Erasure.objects.get().integration_id is None
    assert Tenant.objects.get(pk=acme.tenant.pk).active is False


def test_a_tenant_is_not_erased_while_it_is_the_one_looked_at(superuser: Client, acme: Rows) -> None:
    superuser.post(reverse("choose-tenant"), {"tenant": acme.tenant.pk})
    assert superuser.post(page(acme.tenant), {"what": "erase", "name": "Acme"}).status_code == 403


@pytest.mark.parametrize("who", ["operator", "viewer"])
def test_only_administrators_let_go_of_a_connection(
    request: pytest.FixtureRequest, integration: Integration, who: str
) -> None:
    client: Client = request.getfixturevalue(who)
    assert page(integration) not in client.get(addresses.page_of(integration)).content.decode()
    assert client.post(page(integration), {"what": "erase", "name": "Our Jira"}).status_code == 403
    assert not Erasure.objects.exists()


def test_nobody_lets_go_of_what_is_another_tenants(administrator: Client, acme: Rows, rival: Rows) -> None:
    other = rival.row(Integration)
    for row, expected in ((other, 404), (rival.tenant, 404), (acme.tenant, 403)):
        for answer in (
            administrator.get(page(row)),
            administrator.post(page(row), {"what": "erase", "name": str(row)}),
        ):
            assert answer.status_code == expected
    assert not Erasure.objects.exists()
