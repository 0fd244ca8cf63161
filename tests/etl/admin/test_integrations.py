"""The form of an integration: the provider's settings, and secrets that only go in."""

from typing import Any

import pytest
from django.test import Client

from etl.models import EtlJob
from integrations.models import Integration
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows

TOKEN = "s3cret-t0ken"
SETTINGS = {"setting_base_url": "https://acme.test", "setting_email": "ada@acme.test"}


def _form(acme: Rows, **more: str) -> dict[str, Any]:
    form = {"tenant": acme.tenant.pk, "provider": "jira", "name": "Our Jira", "active": "on", **SETTINGS}
    return {**form, "setting_api_token": TOKEN, **more}


def _errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


@pytest.fixture
def stored(administrator: Client, acme: Rows) -> Integration:
    assert administrator.post(addresses.add(Integration), _form(acme)).status_code == 302
    return Integration.objects.get()


def test_a_new_integration_has_its_settings_its_secret_and_its_job(stored: Integration, acme: Rows) -> None:
    assert stored.tenant == acme.tenant
    assert stored.settings == {"base_url": "https://acme.test", "email": "ada@acme.test"}
    assert stored.secrets == {"api_token": TOKEN}
    assert EtlJob.objects.get().integration == stored


def test_no_page_ever_shows_a_secret(administrator: Client, viewer: Client, stored: Integration) -> None:
    for client in (administrator, viewer):
        for address in (
            addresses.page_of(stored),
            addresses.history(stored),
            addresses.list_of(Integration),
            "/admin/",
        ):
            response = client.get(address)
            assert response.status_code == 200
            assert TOKEN not in response.content.decode()


def test_a_secret_that_was_typed_is_not_sent_back_with_an_error(administrator: Client, acme: Rows) -> None:
    response = administrator.post(addresses.add(Integration), _form(acme, setting_base_url=""))
    assert "setting_base_url" in _errors(response)
    assert TOKEN not in response.content.decode()


def test_a_secret_left_empty_does_not_go_to_another_host(
    administrator: Client, acme: Rows, stored: Integration
) -> None:
    moved = _form(acme, setting_base_url="https://thief.test", setting_api_token="")

    refused = administrator.post(addresses.page_of(stored), moved)
    assert "setting base_url leads to another host" in _errors(refused)["__all__"][0]
    stored.refresh_from_db()
    assert stored.settings["base_url"] == "https://acme.test"

    assert administrator.post(addresses.page_of(stored), {**moved, "setting_api_token": TOKEN}).status_code == 302
    stored.refresh_from_db()
    assert stored.settings["base_url"] == "https://thief.test"


def test_a_secret_left_empty_stays_and_a_new_one_replaces_it(
    administrator: Client, acme: Rows, stored: Integration
) -> None:
    address = addresses.page_of(stored)
    assert administrator.post(address, _form(acme, setting_api_token="", name="Renamed")).status_code == 302
    stored.refresh_from_db()
    assert (stored.name, stored.secrets) == ("Renamed", {"api_token": TOKEN})
    assert administrator.post(address, _form(acme, setting_api_token="another")).status_code == 302
    stored.refresh_from_db()
    assert stored.secrets == {"api_token": "another"}


def test_what_was_stored_as_a_secret_is_treated_as_one(administrator: Client, acme: Rows, stored: Integration) -> None:
    stored.settings, stored.secrets = {"base_url": "https://acme.test"}, {"email": "hidden@acme.test", "api_token": "x"}
    stored.save()
    address = addresses.page_of(stored)
    assert "hidden@acme.test" not in administrator.get(address).content.decode()
    assert administrator.post(address, _form(acme, setting_email="", setting_api_token="")).status_code == 302
    stored.refresh_from_db()
    assert stored.secrets == {"email": "hidden@acme.test", "api_token": "x"}
    assert "email" not in stored.settings


def test_an_emptied_setting_goes(administrator: Client, acme: Rows, stored: Integration) -> None:
    administrator.post(addresses.page_of(stored), _form(acme, setting_projects="PAY, OPS"))
    stored.refresh_from_db()
    assert stored.settings["projects"] == "PAY, OPS"
    administrator.post(addresses.page_of(stored), _form(acme))
    stored.refresh_from_db()
    assert "projects" not in stored.settings


@pytest.mark.parametrize("missing", ["setting_base_url", "name"])
def test_a_missing_value_is_an_error_at_its_field(administrator: Client, acme: Rows, missing: str) -> None:
    assert missing in _errors(administrator.post(addresses.add(Integration), _form(acme, **{missing: ""})))
    assert not Integration.objects.exists()


def test_an_account_without_its_token_is_an_error_that_names_what_is_missing(administrator: Client, acme: Rows) -> None:
    errors = _errors(administrator.post(addresses.add(Integration), _form(acme, setting_api_token="")))
    assert "setting api_token is empty" in str(errors["__all__"])
    assert not Integration.objects.exists()


def test_the_models_own_complaint_is_shown_at_the_form(administrator: Client, acme: Rows, stored: Integration) -> None:
    stored.settings["colour"] = "blue"
    stored.save()
    response = administrator.post(addresses.page_of(stored), _form(acme, setting_api_token=""))
    assert "is unknown to jira" in str(_errors(response)["__all__"])


def test_a_name_that_is_taken_is_an_error(administrator: Client, acme: Rows, stored: Integration) -> None:
    assert _errors(administrator.post(addresses.add(Integration), _form(acme)))


def test_an_unknown_provider_is_an_error_at_the_choice(administrator: Client, acme: Rows) -> None:
    errors = _errors(administrator.post(addresses.add(Integration), _form(acme, provider="abacus")))
    assert "provider" in errors


def test_an_integration_is_switched_off_not_deleted(administrator: Client, stored: Integration) -> None:
    assert administrator.post(addresses.delete(stored), {"post": "yes"}).status_code == 403
    assert Integration.objects.filter(pk=stored.pk).exists()
