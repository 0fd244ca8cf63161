"""create_tenant and create_integration, as scripts use them."""

import secrets

import pytest
from django.core.management import CommandError, call_command

from etl.models import EtlJob
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.support.installations import Installation

SITE = ("--setting", "base_url=http://127.0.0.1:9", "--setting", "projects=A,B")
SECRETS = ("--secret", "email=me@example.com", "--secret", "api_token=s=cret")


@pytest.fixture
def tenant(pulse: Installation) -> Tenant:
    return Tenant.objects.create(name=f"Tenant {secrets.token_hex(4)}")


def refusal(tenant: Tenant, *arguments: str, provider: str = "jira") -> str:
    """Tries to create an integration that is not right: what is said; nothing is created."""
    about = ("--tenant", str(tenant.pk), "--provider", provider, "--name", "Site")
    with pytest.raises(CommandError) as error:
        call_command("create_integration", *about, *arguments)
    assert not Integration.objects.filter(tenant=tenant).exists()
    return str(error.value)


def test_a_tenant_is_created_and_its_id_printed(pulse: Installation) -> None:
    ended = pulse.run("create_tenant", "Ünïon", "--tier", "premium", "--json")

    assert ended.code == 0
    tenant = Tenant.objects.get(name="Ünïon")
    assert ended.answer == {"id": tenant.pk, "name": "Ünïon", "tier": "premium"}


@pytest.mark.usefixtures("pulse")
def test_a_tenant_of_a_name_that_is_taken_is_refused(tenant: Tenant) -> None:
    with pytest.raises(CommandError, match="name: Tenant with this Name already exists"):
        call_command("create_tenant", tenant.name)


def test_with_json_a_refusal_is_an_object_as_well(pulse: Installation, tenant: Tenant) -> None:
    ended = pulse.run("create_tenant", tenant.name, "--json")

    assert ended.code == 1
    assert ended.answer == {"error": "name: Tenant with this Name already exists."}


@pytest.mark.usefixtures("pulse")
def test_a_tenant_of_an_unknown_tier_is_refused() -> None:
    with pytest.raises(CommandError, match="--tier: invalid choice: 'gold'"):
        call_command("create_tenant", "Nobody", "--tier", "gold")
    assert not Tenant.objects.filter(name="Nobody").exists()


def test_an_integration_is_created_with_its_job_and_its_secrets_are_encrypted(
    pulse: Installation, tenant: Tenant
) -> None:
    ended = pulse.run(
        *("create_integration", "--tenant", tenant.name, "--provider", "Jira", "--name", "Site"),
        *(*SITE, *SECRETS, "--json"),
    )

    assert ended.code == 0, ended.errors
    integration = Integration.objects.get(tenant=tenant)
    job = EtlJob.objects.get(integration=integration)
    assert ended.answer == {"id": integration.pk, "name": "Site", "job_id": job.pk}
    assert integration.secrets == {"email": "me@example.com", "api_token": "s=cret"}
    assert job.overall == "NOT_STARTED"


def test_what_is_refused_ends_with_1_and_one_line(pulse: Installation, tenant: Tenant) -> None:
    ended = pulse.run("create_integration", "--tenant", tenant.pk, "--provider", "trello", "--name", "Site", *SITE)

    assert ended.code == 1
    assert ended.out == ""
    assert ended.errors.splitlines()[-1].startswith("CommandError: provider: provider 'trello' is unknown")
    assert "Traceback" not in ended.errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param((*SITE, *SECRETS, "--setting", "colour=red"), "setting 'colour' is unknown to jira", id="unknown"),
        pytest.param(SECRETS, "setting 'base_url' of jira is required", id="missing setting"),
        pytest.param(SITE, "setting api_token is empty: Jira asks for", id="missing secret"),
        pytest.param((*SECRETS, "--setting", "base_url= "), "setting 'base_url' of jira is required", id="blank"),
        pytest.param((*SECRETS, "--setting", "base_url=notaurl"), "base_url is 'notaurl'", id="no address"),
        pytest.param((*SITE, *SECRETS, "--setting", "batch_size=abc"), "batch_size is 'abc'", id="no number"),
        pytest.param(
            ("--setting", "base_url=https://acme.atlassian.net", "--secret", "api_token=x"),
            "setting email is empty",
            id="no account",
        ),
        pytest.param((*SITE, "--secret", "api_token"), "--secret 'api_token' is not of the form", id="no value"),
    ],
)
def test_settings_that_are_not_right_are_named(tenant: Tenant, arguments: tuple[str, ...], said: str) -> None:
    assert said in refusal(tenant, *arguments)


@pytest.mark.usefixtures("pulse")
def test_a_name_that_is_too_long_is_named() -> None:
    with pytest.raises(CommandError, match="name: Ensure this value has at most 200"):
        call_command("create_tenant", "x" * 201)


@pytest.mark.usefixtures("pulse")
def test_an_unknown_tenant_is_named() -> None:
    with pytest.raises(CommandError, match="--tenant 'Nobody': there is no such tenant"):
        call_command("create_integration", "--tenant", "Nobody", "--provider", "jira", "--name", "Site")


@pytest.mark.usefixtures("pulse")
def test_a_secret_that_is_given_as_a_setting_is_encrypted_all_the_same(tenant: Tenant) -> None:
    about = ("--tenant", str(tenant.pk), "--provider", "jira", "--name", "Site")
    call_command(
        "create_integration", *about, *SITE, "--setting", "email=me@example.com", "--setting", "api_token=s3cret"
    )

    integration = Integration.objects.get(tenant=tenant)
    assert "api_token" not in integration.settings
    assert integration.secrets == {"api_token": "s3cret"}
