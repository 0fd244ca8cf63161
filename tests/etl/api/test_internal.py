"""Other services of the installation, with `X-Internal-Auth`."""

from typing import Any

import pytest
from pytest_django import Settings

from etl.models import EtlJob
from pulse.tenancy.models import Tenant
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller

KEY = "a key that other services of this installation know"


@pytest.fixture
def service(settings: Settings) -> Caller:
    settings.INTERNAL_AUTH_KEY = KEY
    return Caller(None, x_internal_auth=KEY)


def test_a_service_reads_the_jobs_of_the_tenant_that_it_names(service: Caller, acme: Rows, rival: Rows) -> None:
    own, other = acme.row(EtlJob), rival.row(EtlJob)

    answer = service.get("jobs", tenant_id=acme.tenant.pk)

    assert answer.status_code == 200
    found = {job["id"] for job in answer.json()["results"]}
    assert own.pk in found
    assert other.pk not in found


@pytest.mark.usefixtures("recording")
def test_a_service_frees_a_job_that_is_stuck(service: Caller, acme: Rows) -> None:
    job = acme.row(EtlJob)

    answer = service.put(f"jobs/{job.pk}/status", {"status": "READY"}, tenant_id=acme.tenant.pk)

    assert answer.status_code == 200, answer.content
    job.refresh_from_db()
    assert job.status["overall"] == "READY"


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({}, 400, "This field is required."),
        ({"tenant_id": "x"}, 400, '"x": A valid integer is required.'),
        ({"tenant_id": 10**9}, 404, "there is no '1000000000'"),
    ],
)
def test_a_service_names_a_tenant(service: Caller, db: None, query: Any, status: int, message: str) -> None:
    answer = service.get("jobs", **query)

    assert (answer.status_code, answer.json()["errors"]["tenant_id"]) == (status, [message])


def test_another_tenants_job_is_not_there_for_a_service(service: Caller, acme: Rows, rival: Rows) -> None:
    job = acme.row(EtlJob)

    assert service.get(f"jobs/{job.pk}", tenant_id=rival.tenant.pk).status_code == 404


@pytest.mark.parametrize("given", ["", "x", KEY[:-1], KEY + "x", "é"])
def test_a_wrong_key_opens_nothing(service: Caller, acme: Rows, given: str) -> None:
    answer = Caller(None, x_internal_auth=given).get("jobs", tenant_id=acme.tenant.pk)

    assert (answer.status_code, answer.json()["detail"]) == (401, "the key in X-Internal-Auth is wrong")


@pytest.mark.parametrize("given", ["", "x", KEY])
def test_without_a_key_in_the_settings_no_service_comes_in(settings: Settings, acme: Rows, given: str) -> None:
    settings.INTERNAL_AUTH_KEY = ""

    answer = Caller(None, x_internal_auth=given).get("jobs", tenant_id=acme.tenant.pk)

    assert answer.status_code == 401
    assert "INTERNAL_AUTH_KEY is not set" in answer.json()["detail"]


def test_an_inactive_tenant_is_closed_for_services_too(service: Caller, acme: Rows) -> None:
    Tenant.objects.update(active=False)

    assert service.get("jobs", tenant_id=acme.tenant.pk).status_code == 403


def test_a_service_makes_no_keys(service: Caller, acme: Rows) -> None:
    assert service.post("api-keys", {"name": "x"}, tenant_id=acme.tenant.pk).status_code == 403
