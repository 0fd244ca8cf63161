"""What people change in the admin is in the audit log; administrators read it there, and nobody changes it."""

from django.test import Client
from django.urls import reverse

from etl.models import EtlJob
from pulse.tenancy.models import AuditEntry, User
from tests.etl.admin import addresses, pressing
from tests.etl.admin.rows import Rows, staff

LIST = addresses.list_of(AuditEntry)


def noted(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def test_what_a_form_changed_is_noted_and_what_it_left_is_not(administrator: Client, acme: Rows) -> None:
    user = staff("vera", acme.tenant, role="viewer")
    form = {"username": "vera", "email": "v@example.com", "role": "operator", "is_active": "on", "is_staff": "on"}

    assert administrator.post(addresses.page_of(user), form).status_code == 302

    entry = noted("user.changed")
    assert entry.changes == {"email": ["", "v@example.com"], "role": ["viewer", "operator"]}
    assert (entry.actor, entry.tenant, entry.address) == ("ada", acme.tenant, "127.0.0.1")


def test_a_new_password_is_noted_and_its_hash_is_not(administrator: Client, acme: Rows) -> None:
    user = staff("vera", acme.tenant)
    new = {"password1": "battery staple", "password2": "battery staple", "usable_password": "true"}

    assert administrator.post(reverse("admin:auth_user_password_change", args=[user.pk]), new).status_code == 302

    assert noted("user.changed").changes == {"password": ["set", "changed"]}


def test_who_deletes_a_user_is_noted(superuser: Client, acme: Rows) -> None:
    user = staff("vera", acme.tenant)

    assert superuser.post(reverse("admin:tenancy_user_delete", args=[user.pk]), {"post": "yes"}).status_code == 302

    entry = noted("user.deleted")
    assert (entry.actor, entry.target_id, entry.changes) == ("root", str(user.pk), {"name": ["vera", None]})
    assert not User.objects.filter(pk=user.pk).exists()


def test_a_button_is_noted_with_who_pressed_it(operator: Client, acme: Rows) -> None:
    job = acme.row(EtlJob)

    pressing.on_page(operator, "reset", job)

    assert (noted("job.reset").actor, noted("job.reset").target_id) == ("otto", str(job.pk))


def test_only_administrators_see_it_and_nobody_changes_it(
    administrator: Client, operator: Client, acme: Rows, rival: Rows
) -> None:
    entry, other = acme.row(AuditEntry), rival.row(AuditEntry)

    assert operator.get(LIST).status_code == 403
    page = administrator.get(LIST).content.decode()
    assert addresses.page_of(entry) in page
    assert addresses.page_of(other) not in page
    assert administrator.get(addresses.page_of(entry)).status_code == 200
    assert administrator.post(addresses.page_of(entry), {"action": "x"}).status_code == 403
    deleting = reverse("admin:tenancy_auditentry_delete", args=[entry.pk])
    assert administrator.post(deleting, {"post": "yes"}).status_code == 403


def test_the_list_leads_to_its_export_with_its_filters(administrator: Client, superuser: Client, acme: Rows) -> None:
    acme.row(AuditEntry)
    period = {"created_at__gte": "2020-01-01 00:00:00+00:00"}

    assert "/app/etl/audit-log/export?at_from=2020-01-01" in administrator.get(LIST, period).content.decode()
    assert "audit-log/export" not in superuser.get(LIST).content.decode()
    of_acme = superuser.get(LIST, {"tenant__id__exact": acme.tenant.pk}).content.decode()
    assert f"/app/etl/audit-log/export?tenant_id={acme.tenant.pk}" in of_acme
