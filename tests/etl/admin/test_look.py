"""A tenant's pages in its colour, with its name and its picture."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from pulse.tenancy.colours import scale
from pulse.tenancy.models import AuditEntry, Tenant, TenantLogo
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows
from tests.support.pictures import opened, picture

FORM = {"tier": "free", "job_gap_minutes": "15", "cycle_minutes": "60", "active": "on"}


def _post(client: Client, tenant: Tenant, **more: object) -> list[str]:
    """The fields with errors."""
    answer = client.post(addresses.page_of(tenant), {**FORM, "name": tenant.name, **more})
    return [] if answer.status_code == 302 else list(answer.context["adminform"].form.errors)


def _upload(content: bytes, name: str = "logo.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def _rgb(colour: str) -> str:
    return ", ".join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))


def test_a_tenants_people_see_its_colour_name_and_picture(
    superuser: Client, viewer: Client, acme: Rows, rival: Rows
) -> None:
    assert _post(superuser, acme.tenant, colour="#b45309", logo=_upload(picture("PNG", (40, 20)))) == []

    answer = viewer.get("/admin/")
    content = answer.content.decode()
    assert f"--color-primary-600: rgb({_rgb(scale('#b45309')['600'])})" in content
    assert "Acme" in content
    (address,) = re.findall(r'src="(/admin/account/logo/[^"]+)"', content)
    shown = viewer.get(address)
    assert opened(shown.content).size == (40, 20)
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    # The style has the page's nonce, and the policy is as strict as without a colour.
    assert re.search(r'<style id="unfold-theme-colors" nonce="[^"]+"', content)
    assert "unsafe" not in answer.headers["Content-Security-Policy"].replace("style-src-attr 'unsafe-inline'", "")


def test_the_others_see_pulses_own_look_and_not_the_picture(
    superuser: Client, administrator: Client, acme: Rows, rival: Rows
) -> None:
    _post(superuser, rival.tenant, colour="#b45309", logo=_upload(picture()))

    for client in (superuser, administrator):
        content = client.get("/admin/").content.decode()
        assert "--color-primary-600: oklch(" in content
        assert "/admin/account/logo/" not in content
    assert administrator.get(reverse("tenant-logo", args=[rival.tenant.pk])).status_code == 404


def test_an_administrator_says_how_the_own_tenant_looks_and_nothing_else_of_it(
    administrator: Client, operator: Client, acme: Rows, rival: Rows
) -> None:
    changed = {"name": "Grander", "tier": "enterprise", "cycle_minutes": "1", "colour": "#b45309"}
    before = Tenant.objects.values_list("name", "tier", "cycle_minutes", "active").get(pk=acme.tenant.pk)
    answer = administrator.post(addresses.page_of(acme.tenant), {**changed, "logo": _upload(picture())})
    assert answer.status_code == 302
    assert operator.post(addresses.page_of(acme.tenant), {**FORM, "colour": "#1d4ed8"}).status_code == 403
    assert administrator.post(addresses.page_of(rival.tenant), {**FORM, "colour": "#1d4ed8"}).status_code != 200
    assert administrator.get(reverse("admin:tenancy_tenant_add")).status_code == 403

    assert Tenant.objects.values_list("name", "tier", "cycle_minutes", "active").get(pk=acme.tenant.pk) == before
    assert dict(Tenant.objects.values_list("name", "colour")) == {"Acme": "#b45309", rival.tenant.name: ""}
    assert TenantLogo.objects.get().tenant == acme.tenant


def test_a_superuser_sees_the_look_of_the_chosen_tenant(superuser: Client, acme: Rows, rival: Rows) -> None:
    _post(superuser, acme.tenant, colour="#b45309")
    superuser.post(reverse("choose-tenant"), {"tenant": acme.tenant.pk})
    assert _rgb(scale("#b45309")["600"]) in superuser.get("/admin/").content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [("colour", "red;}"), ("logo", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), ("logo", b"GIF89a")],
)
def test_what_is_no_colour_or_picture_is_an_error_at_its_field_and_changes_nothing(
    superuser: Client, acme: Rows, field: str, value: str | bytes
) -> None:
    given = _upload(value) if isinstance(value, bytes) else value
    assert _post(superuser, acme.tenant, **{field: given, "tier": "basic"}) == [field]
    assert Tenant.objects.get(pk=acme.tenant.pk).tier == "free"
    assert not TenantLogo.objects.exists()


def test_a_logo_is_replaced_and_taken_away_and_both_are_noted(superuser: Client, acme: Rows) -> None:
    for size in ((10, 10), (30, 30)):
        _post(superuser, acme.tenant, logo=_upload(picture("PNG", size)))
    assert opened(bytes(TenantLogo.objects.get().content)).size == (30, 30)
    assert "Logo of Acme" in superuser.get(addresses.page_of(acme.tenant)).content.decode()

    _post(superuser, acme.tenant, without_logo="on")
    assert not TenantLogo.objects.exists()
    noted = AuditEntry.objects.filter(action__contains="logo").order_by("pk").values_list("action", flat=True)
    assert list(noted) == ["tenant.logo_created", "tenant.logo_changed", "tenant.logo_deleted"]
