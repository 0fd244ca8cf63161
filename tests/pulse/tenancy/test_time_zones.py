"""The time zone that a person reads the admin in."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from pulse.tenancy.models import AuditEntry, Tenant, User
from pulse.tenancy.time_zones import TimeZoneMiddleware, check_time_zone, zone_names
from tests.etl.admin import addresses
from tests.etl.admin.rows import staff


@pytest.fixture
def vera(db: None) -> User:
    return staff("vera", Tenant.objects.create(name="Acme"), role="viewer")


@pytest.fixture
def client_of_vera(client: Client, vera: User) -> Client:
    client.force_login(vera)
    return client


def seen_at(path: str, time_zone: str) -> str:
    """The zone that a view there works in, for a person with that time zone."""
    zones: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        zones.append(timezone.get_current_timezone_name())
        return HttpResponse()

    request: Any = RequestFactory().get(path)
    request.user = User(time_zone=time_zone)
    TimeZoneMiddleware(view)(request)
    return zones[0]


@pytest.mark.parametrize(
    ("path", "time_zone", "seen"),
    [
        ("/admin/", "Asia/Tokyo", "Asia/Tokyo"),
        ("/admin/", "", "UTC"),
        ("/admin/", "Europe/Atlantis", "UTC"),
        ("/app/etl/jobs", "Asia/Tokyo", "UTC"),
    ],
)
def test_a_page_is_in_the_persons_zone_and_the_api_in_utc(path: str, time_zone: str, seen: str) -> None:
    assert seen_at(path, time_zone) == seen


def test_nothing_of_a_zone_is_left_for_the_next_request() -> None:
    before = timezone.get_current_timezone_name()
    seen_at("/admin/", "Asia/Tokyo")
    assert timezone.get_current_timezone_name() == before


def test_zones_are_offered_in_order_and_by_place() -> None:
    names = zone_names()
    assert names[0] == "UTC"
    assert list(names[1:]) == sorted(names[1:])
    assert {"Europe/Berlin", "America/Argentina/Buenos_Aires"} <= set(names)
    assert not [name for name in names if name.startswith("Etc/")]


def test_a_zone_that_there_is_not_is_refused_by_its_name() -> None:
    with pytest.raises(ValidationError, match="'Mars/Base' is no time zone"):
        check_time_zone("Mars/Base")


def test_a_viewer_chooses_the_own_zone_and_pages_show_it(client_of_vera: Client, vera: User) -> None:
    assert client_of_vera.post(reverse("account"), {"time_zone": "Asia/Kathmandu"}).status_code == 302

    vera.refresh_from_db()
    assert vera.time_zone == "Asia/Kathmandu"
    shown = client_of_vera.get(reverse("account"))
    assert 'data-admin-utc-offset="20700"' in shown.content.decode()
    assert AuditEntry.objects.get().changes == {"time_zone": ["", "Asia/Kathmandu"]}


def test_a_zone_that_there_is_not_is_an_error_at_its_field_and_changes_nothing(
    client_of_vera: Client, vera: User
) -> None:
    refused = client_of_vera.post(reverse("account"), {"time_zone": "Mars/Base"})

    assert list(refused.context["form"].errors) == ["time_zone"]
    assert "Mars/Base is not one of the available choices" in refused.content.decode()
    vera.refresh_from_db()
    assert vera.time_zone == ""


def test_an_administrator_sets_a_colleagues_zone_from_the_same_choice(client: Client, vera: User) -> None:
    client.force_login(staff("ada", vera.tenant))
    form = {"username": "vera", "role": "viewer", "is_active": "on", "is_staff": "on"}

    refused = client.post(addresses.page_of(vera), {**form, "time_zone": "Mars/Base"})
    assert list(refused.context["adminform"].form.errors) == ["time_zone"]
    assert client.post(addresses.page_of(vera), {**form, "time_zone": "Europe/Lisbon"}).status_code == 302

    vera.refresh_from_db()
    assert vera.time_zone == "Europe/Lisbon"


def test_a_stranger_is_sent_to_the_login(client: Client, db: None) -> None:
    assert "/login/" in client.get(reverse("account")).headers["Location"]
