"""A superuser looks at one tenant, which the header offers."""

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.urls import reverse

from etl.models import EtlJob
from integrations.models import Integration
from pulse.tenancy.models import AuditEntry, Tenant, User
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows


def choose(client: Client, tenant: Tenant | None, back: str = "/admin/") -> str:
    """The page that it leads to."""
    answer = client.post(reverse("choose-tenant"), {"tenant": tenant.pk if tenant else "", "next": back})
    assert answer.status_code == 302
    return answer.headers["Location"]


@pytest.fixture
def both(acme: Rows, rival: Rows) -> tuple[Rows, Rows]:
    for rows in (acme, rival):
        rows.row(Integration)
    return acme, rival


def test_a_chosen_tenant_is_looked_at_until_all_are_again(superuser: Client, both: tuple[Rows, Rows]) -> None:
    jobs, (acme, rival) = addresses.list_of(Integration), both
    assert choose(superuser, acme.tenant, jobs) == jobs
    content = superuser.get(jobs).content.decode()
    assert addresses.page_of(acme.row(Integration)) in content
    assert addresses.page_of(rival.row(Integration)) not in content
    assert f'<option value="{acme.tenant.pk}" selected>Acme</option>' in content

    choose(superuser, None)
    assert addresses.page_of(rival.row(Integration)) in superuser.get(jobs).content.decode()


@pytest.mark.parametrize("back", ["//evil.test/", "https://evil.test/", "/app/etl/docs/", "nowhere", ""])
def test_a_choice_leads_to_no_page_outside_of_the_admin(superuser: Client, acme: Rows, back: str) -> None:
    assert choose(superuser, acme.tenant, back) == "/admin/"


def test_a_choice_on_a_rows_page_leads_home_since_the_row_may_be_another_tenants(
    superuser: Client, both: tuple[Rows, Rows]
) -> None:
    acme, rival = both
    assert choose(superuser, rival.tenant, addresses.page_of(acme.row(Integration))) == "/admin/"


def test_a_form_offers_the_chosen_tenant_alone(superuser: Client, both: tuple[Rows, Rows]) -> None:
    acme, rival = both
    choose(superuser, acme.tenant)
    form = superuser.get(addresses.add(User)).context["adminform"].form
    assert [value for value, _ in form.fields["tenant"].choices] == [acme.tenant.pk]

    login = {"username": "nina", "usable_password": "false", "role": "viewer", "is_active": "on"}
    refused = superuser.post(addresses.add(User), {**login, "tenant": rival.tenant.pk})
    assert list(refused.context["adminform"].form.errors) == ["tenant"]
    assert superuser.post(addresses.add(User), {**login, "tenant": acme.tenant.pk}).status_code == 302
    assert User.objects.get(username="nina").tenant == acme.tenant


def test_no_tenant_is_made_while_one_is_looked_at(superuser: Client, acme: Rows) -> None:
    choose(superuser, acme.tenant)
    assert superuser.get(addresses.add(Tenant)).status_code == 403


def test_the_job_page_listens_to_the_chosen_tenant_alone(superuser: Client, acme: Rows) -> None:
    choose(superuser, acme.tenant)
    settings = superuser.get(addresses.list_of(EtlJob)).context["settings"]
    assert (settings["socket"], settings["showsTenants"]) == (f"/ws/jobs/{acme.tenant.pk}", False)


def test_the_audit_log_is_taken_away_as_the_chosen_tenants(superuser: Client, acme: Rows) -> None:
    choose(superuser, acme.tenant)
    address = superuser.get(addresses.list_of(AuditEntry)).context["export_address"]
    assert f"tenant_id={acme.tenant.pk}" in address


def test_the_own_account_is_within_reach_whatever_is_chosen(superuser: Client, acme: Rows) -> None:
    choose(superuser, acme.tenant)
    assert superuser.post(reverse("account"), {"time_zone": "Asia/Tokyo"}).status_code == 302
    passwords = {"old_password": "right horse", "new_password1": "correct-battery-9"}
    form = {**passwords, "new_password2": "correct-battery-9"}
    assert superuser.post(reverse("admin:password_change"), form).status_code == 302
    root = User.objects.get(username="root")
    assert (root.time_zone, root.check_password("correct-battery-9")) == ("Asia/Tokyo", True)


def test_a_tenant_that_is_no_more_is_looked_at_no_more(superuser: Client, acme: Rows) -> None:
    gone = Tenant.objects.create(name="Gone")
    choose(superuser, gone)
    gone.delete()
    assert superuser.get(addresses.list_of(Tenant)).status_code == 200
    assert "chosen_tenant" not in superuser.session


def test_the_api_answers_as_before(superuser: Client, both: tuple[Rows, Rows]) -> None:
    acme, rival = both
    choose(superuser, acme.tenant)
    listed = superuser.get("/app/etl/integrations", {"tenant_id": rival.tenant.pk}).json()["results"]
    assert [row["id"] for row in listed] == [rival.row(Integration).pk]


def test_nobody_else_is_offered_a_tenant_or_may_choose_one(administrator: Client, both: tuple[Rows, Rows]) -> None:
    _, rival = both
    assert "frame-choice" not in administrator.get("/admin/").content.decode()
    form = {"tenant": rival.tenant.pk}
    assert administrator.post(reverse("choose-tenant"), form).status_code == 403


def test_a_tenant_that_there_is_not_is_refused_by_its_number(superuser: Client, acme: Rows) -> None:
    answer = superuser.post(reverse("choose-tenant"), {"tenant": "999"}, follow=True)
    assert "There is no tenant 999." in answer.content.decode()


def test_the_choice_ends_with_the_session(superuser: Client, acme: Rows) -> None:
    choose(superuser, acme.tenant)
    superuser.post(reverse("admin:logout"))
    assert {"chosen_tenant", SESSION_KEY}.isdisjoint(superuser.session.keys())
