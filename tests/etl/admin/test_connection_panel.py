"""How a connection does, above its settings."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from etl.admin.connection_panel import health, next_words, quota_left
from etl.models import EtlJob, Overall
from integrations.models import Integration, IntegrationLimit, IntegrationLogo
from pulse.tenancy.models import Tenant
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows
from tests.support.pictures import opened, picture

SOON = timezone.now() + timedelta(hours=1)
GONE = timezone.now() - timedelta(hours=1)


@pytest.mark.parametrize(
    ("active", "overall", "blocked_until", "errors", "expected"),
    [
        (False, Overall.FINISHED, None, 0, ("idle", "Switched off")),
        (True, Overall.FINISHED, SOON, 0, ("warned", "Held back by the site's rate limit")),
        (True, Overall.FAILED, SOON, 4, ("warned", "Held back after 4 errors in a row")),
        (True, Overall.FAILED, GONE, 0, ("bad", "The last run failed")),
        (True, Overall.RUNNING, None, 2, ("warned", "2 calls failed in a row")),
        (True, Overall.FINISHED, GONE, 0, ("good", "Works")),
    ],
)
def test_the_gravest_of_what_there_is_to_say_is_said(
    active: bool, overall: Overall, blocked_until: datetime | None, errors: int, expected: tuple[str, str]
) -> None:
    job = EtlJob(status={"overall": overall}, last_run_started_at=GONE)
    limit = IntegrationLimit(blocked_until=blocked_until, errors_in_a_row=errors)
    assert health(Integration(active=active), job, limit) == expected


def test_a_connection_that_has_never_run_says_so() -> None:
    assert health(Integration(), EtlJob(status={"overall": Overall.NOT_STARTED}), None) == ("idle", "Not started yet")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, ""),
        ({"quota_left": 12}, "12"),
        ({"quota_left": 0, "quota_limit": 100}, "0 of 100"),
        ({"quota_left": 4321, "quota_limit": 5000, "quota_name": "graphql"}, "4,321 of 5,000 (graphql)"),
    ],
)
def test_what_is_left_of_a_quota_is_told_as_the_site_told_it(told: dict[str, Any], expected: str) -> None:
    assert quota_left(IntegrationLimit(**told)) == expected


def test_a_page_shows_what_is_left_of_the_quota_and_since_when(administrator: Client, integration: Integration) -> None:
    address = addresses.page_of(integration)
    assert "Quota left" not in administrator.get(address).content.decode()
    told = {"quota_left": 4321, "quota_limit": 5000, "quota_name": "graphql", "quota_as_of": GONE}
    IntegrationLimit.objects.update_or_create(integration=integration, defaults={**told, "tenant": integration.tenant})
    assert "4,321 of 5,000 (graphql) on " in administrator.get(address).content.decode()


@pytest.mark.parametrize(
    ("overall", "active", "expected"),
    [
        (Overall.FINISHED, True, "in its turn"),
        (Overall.FAILED, True, "in its turn"),
        (Overall.FINISHED, False, "not planned"),
        (Overall.NOT_STARTED, True, "not planned"),
        (Overall.STOPPED, True, "not planned"),
    ],
)
def test_a_job_without_a_time_has_its_turn_or_waits_for_a_person(overall: Overall, active: bool, expected: str) -> None:
    connection = Integration(active=active, tenant=Tenant())
    assert next_words(connection, EtlJob(status={"overall": overall})) == expected
    assert next_words(connection, None) == "not planned"


@pytest.fixture
def integration(acme: Rows) -> Integration:
    found: Integration = acme.row(Integration)
    Integration.objects.filter(pk=found.pk).update(settings={"base_url": "https://acme.test"})
    EtlJob.objects.filter(integration=found).update(error_message="GET /search answered 500")
    return found


@pytest.mark.parametrize(
    ("who", "starts", "checks"), [("administrator", True, True), ("operator", True, False), ("viewer", False, False)]
)
def test_a_page_shows_the_last_error_and_the_buttons_that_the_person_may_press(
    request: pytest.FixtureRequest, integration: Integration, who: str, starts: bool, checks: bool
) -> None:
    client: Client = request.getfixturevalue(who)
    content = client.get(addresses.page_of(integration)).content.decode()
    assert "GET /search answered 500" in content
    assert ("Start now" in content) is starts
    check = reverse("admin:integrations_integration_check", args=[integration.pk])
    assert (check in content) is checks


def test_a_logo_is_put_on_the_page_and_shown_to_the_tenants_people_alone(
    administrator: Client, viewer: Client, integration: Integration, rival: Rows
) -> None:
    logo = SimpleUploadedFile("logo.png", picture("PNG", (30, 20)), "image/png")
    form = {"name": "Jira", "active": "on", "setting_base_url": "https://acme.test", "setting_email": "a@acme.test"}
    answer = administrator.post(addresses.page_of(integration), {**form, "logo": logo})
    assert answer.status_code == 302, answer.context["adminform"].form.errors

    address = reverse("admin:integrations_integration_logo", args=[integration.pk])
    assert address in administrator.get(addresses.page_of(integration)).content.decode()
    assert opened(viewer.get(address).content).size == (30, 20)
    other = IntegrationLogo.objects.create(
        tenant=rival.tenant, integration=rival.row(Integration), content_type="image/png", content=b""
    )
    theirs = reverse("admin:integrations_integration_logo", args=[other.integration_id])
    assert viewer.get(theirs).status_code == 404

    administrator.post(addresses.page_of(integration), {**form, "without_logo": "on"})
    assert not IntegrationLogo.objects.filter(integration=integration).exists()


def test_what_is_no_picture_is_an_error_at_its_field(administrator: Client, integration: Integration) -> None:
    form = {"name": "Jira", "active": "on", "setting_base_url": "https://acme.test", "setting_email": "a@acme.test"}
    svg = SimpleUploadedFile("logo.png", b"<svg/>", "image/png")
    answer = administrator.post(addresses.page_of(integration), {**form, "logo": svg})
    assert list(answer.context["adminform"].form.errors) == ["logo"]
