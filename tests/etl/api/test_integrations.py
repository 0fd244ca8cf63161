"""`integrations`: made, changed, switched off and checked; their secrets go in and never come out."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection

from etl.models import EtlJob
from integrations.models import Integration, IntegrationLimit
from pulse.tenancy.models import AuditEntry, Role
from tests.etl.api.callers import Caller, member
from tests.support.making import NOWHERE, an_integration
from tests.support.sites import Connected

SECRET = "tok-3f9a-never-told"
SITE: Mapping[str, Any] = {
    "provider": "jira",
    "name": "Ours",
    "settings": {"base_url": NOWHERE, "projects": "A,B"},
    "secrets": {"email": "me@example.test", "api_token": SECRET},
}


@pytest.fixture
def boss(integration: Integration) -> Caller:
    """An administrator of the integration's tenant."""
    return Caller(member("ada", integration.tenant, Role.ADMINISTRATOR))


def made(boss: Caller, **changes: Any) -> Any:
    answer = boss.post("integrations", {**SITE, **changes})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_an_integration_is_made_with_its_job_and_its_secrets_are_encrypted_and_not_told(boss: Caller) -> None:
    answer = made(boss)

    integration = Integration.objects.get(name="Ours")
    assert integration.secrets == {"email": "me@example.test", "api_token": SECRET}
    assert (answer["id"], answer["settings"]) == (integration.pk, {"base_url": NOWHERE, "projects": "A,B"})
    assert answer["secrets"] == ["api_token", "email"]
    assert answer["job_ids"] == [EtlJob.objects.get(integration=integration).pk]
    assert (answer["active"], answer["has_logo"], answer["limit"]) == (True, False, None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM integrations WHERE id = %s", [integration.pk])
        assert SECRET not in cursor.fetchone()[0]


def test_no_answer_and_no_audit_entry_holds_a_secret(boss: Caller) -> None:
    one = made(boss)["id"]
    answers = [
        boss.get("integrations"),
        boss.get(f"integrations/{one}"),
        boss.send("PATCH", f"integrations/{one}", body={"secrets": {"api_token": f"{SECRET}-2"}}),
        boss.send("PATCH", f"integrations/{one}", body={"secrets": {"api_token": [SECRET]}}),
        boss.send("PATCH", f"integrations/{one}", body={"settings": {"api_token": {"a": SECRET}}}),
        boss.post("integrations", {**SITE, "name": "Other", "settings": {"base_url": "nowhere", "api_token": SECRET}}),
        boss.post(f"integrations/{one}/check"),
        boss.delete(f"integrations/{one}"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 400, 400, 400, 200, 200]
    assert not [answer.content for answer in answers if SECRET in answer.content.decode()]
    noted = list(AuditEntry.objects.filter(target_table="integrations").values_list("action", "changes"))
    assert [action for action, _ in noted] == ["integration.created", "integration.changed", "integration.changed"]
    assert SECRET not in str(noted)


def test_a_secret_that_stands_among_the_settings_is_a_secret_all_the_same(boss: Caller) -> None:
    made(boss, settings={"base_url": NOWHERE, "api_token": SECRET}, secrets={"email": "me@example.test"})

    integration = Integration.objects.get(name="Ours")
    assert integration.settings == {"base_url": NOWHERE}
    assert integration.secrets["api_token"] == SECRET


def test_a_change_keeps_what_it_does_not_name(boss: Caller) -> None:
    one = made(boss)["id"]

    answer = boss.send(
        "PATCH", f"integrations/{one}", body={"name": "Theirs", "settings": {"batch_size": "20", "projects": None}}
    )

    assert answer.status_code == 200, answer.content
    assert (answer.json()["name"], answer.json()["settings"]) == ("Theirs", {"base_url": NOWHERE, "batch_size": "20"})
    assert Integration.objects.get(pk=one).secrets == {"email": "me@example.test", "api_token": SECRET}


@pytest.mark.parametrize("address", ["http://thief.test", "https://127.0.0.1:9", "http://127.0.0.1:10"])
def test_no_stored_secret_goes_to_another_host_than_it_was_given_for(boss: Caller, address: str) -> None:
    one = made(boss)["id"]

    answer = boss.send("PATCH", f"integrations/{one}", body={"settings": {"base_url": address}})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["secrets"])
    assert "setting base_url leads to another host" in answer.json()["detail"]
    assert "api_token, email" in answer.json()["detail"]
    assert Integration.objects.get(pk=one).settings == SITE["settings"]


def test_a_secret_goes_along_with_the_address_that_it_is_given_anew_with(boss: Caller) -> None:
    one = made(boss)["id"]
    moved = {"settings": {"base_url": "http://jira.test"}, "secrets": {"api_token": SECRET}}

    partly = boss.send("PATCH", f"integrations/{one}", body=moved)
    moved["secrets"]["email"] = "me@example.test"
    wholly = boss.send("PATCH", f"integrations/{one}", body=moved)

    assert (partly.status_code, wholly.status_code) == (400, 200), wholly.content
    assert "take them away: email" in partly.json()["detail"]
    assert wholly.json()["settings"]["base_url"] == "http://jira.test"


def test_another_path_of_the_same_host_keeps_the_secrets(boss: Caller) -> None:
    one = made(boss)["id"]

    answer = boss.send("PATCH", f"integrations/{one}", body={"settings": {"base_url": f"{NOWHERE}/jira"}})

    assert (answer.status_code, answer.json()["secrets"]) == (200, ["api_token", "email"])


@pytest.mark.parametrize(
    ("provider", "secrets", "setting", "address"),
    [
        ("jira", {"oauth_client_secret": "c", "oauth_refresh_token": "r"}, "token_url", "https://thief.test/token"),
        ("github", {"token": "t"}, "base_url", "https://thief.test"),
    ],
)
def test_every_address_that_secrets_are_sent_to_asks_for_them_anew(
    boss: Caller, provider: str, secrets: Mapping[str, str], setting: str, address: str
) -> None:
    settings = {"base_url": NOWHERE, "oauth_client_id": "i"} if provider == "jira" else {"organization": "acme"}
    one = made(boss, provider=provider, settings=settings, secrets=secrets)["id"]

    answer = boss.send("PATCH", f"integrations/{one}", body={"settings": {setting: address}})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["secrets"])
    assert f"setting {setting} leads to another host" in answer.json()["detail"]


def test_a_secret_is_replaced_or_taken_away_by_name(boss: Caller) -> None:
    one = made(boss, secrets={"email": "me@example.test", "api_token": SECRET, "webhook_secret": "w"})["id"]

    answer = boss.send("PATCH", f"integrations/{one}", body={"secrets": {"api_token": "other", "webhook_secret": None}})

    assert answer.json()["secrets"] == ["api_token", "email"]
    assert Integration.objects.get(pk=one).secrets == {"email": "me@example.test", "api_token": "other"}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"provider": "trello"}, "provider", '"trello": is none of: github, jira'),
        ({"settings": {"base_url": NOWHERE, "colour": "red"}}, "settings", "setting 'colour' is unknown to jira"),
        ({"settings": {}}, "settings", "setting 'base_url' of jira is required"),
        ({"settings": {"base_url": "notaurl"}}, "settings", "base_url is 'notaurl'"),
        ({"settings": {"base_url": NOWHERE, "batch_size": "abc"}}, "settings", "batch_size is 'abc'"),
        ({"secrets": {}}, "settings", "setting api_token is empty"),
        ({"name": "Jira"}, "name", "the tenant has an integration 'Jira' already"),
        ({"name": ""}, "name", "may not be blank"),
        ({"settings": ["base_url"]}, "settings", "dictionary"),
    ],
)
def test_what_is_not_right_is_named_and_nothing_is_made(
    boss: Caller, changes: Mapping[str, Any], field: str, said: str
) -> None:
    answer = boss.post("integrations", {**SITE, **changes})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert said in answer.json()["errors"][field][0]
    assert Integration.objects.count() == 1


def test_a_change_that_is_not_right_changes_nothing(boss: Caller, integration: Integration) -> None:
    one = made(boss)["id"]

    answer = boss.send("PATCH", f"integrations/{one}", body={"name": "New", "settings": {"base_url": None}})
    taken = boss.send("PATCH", f"integrations/{one}", body={"name": integration.name})

    assert [answer.status_code, taken.status_code] == [400, 400]
    assert Integration.objects.get(pk=one).name == "Ours"
    assert boss.send("PATCH", f"integrations/{one}", body={"name": "Ours"}).status_code == 200


def test_another_tenant_may_have_the_same_name(boss: Caller) -> None:
    an_integration("Ours", tenant="Rival")

    assert made(boss)["name"] == "Ours"


def test_deleting_one_switches_it_off_even_where_its_settings_are_not_right_any_more(boss: Caller) -> None:
    one = made(boss)["id"]
    Integration.objects.filter(pk=one).update(settings={})

    answer = boss.delete(f"integrations/{one}")

    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert [row["id"] for row in boss.get("integrations", active="false").json()["results"]] == [one]
    assert boss.send("PATCH", f"integrations/{one}", body={"active": True}).status_code == 400


def test_integrations_are_found_by_provider_and_told_with_what_holds_them_back(
    boss: Caller, integration: Integration
) -> None:
    IntegrationLimit.objects.create(integration=integration, tenant=integration.tenant, errors_in_a_row=3)

    (row,) = boss.get("integrations", provider="jira").json()["results"]

    assert (row["name"], row["limit"]["errors_in_a_row"], row["limit"]["blocked_until"]) == ("Jira", 3, None)
    assert boss.get("integrations", provider="github").json()["results"] == []


def test_a_list_of_integrations_costs_the_same_queries_however_many_there_are(
    boss: Caller, django_assert_num_queries: Any
) -> None:
    boss.get("integrations")
    counted = []
    for name in ("A", "B"):
        with django_assert_num_queries(20, exact=False) as queries:
            assert boss.get("integrations").status_code == 200
        counted.append(len(queries))
        an_integration(name)

    assert counted[0] == counted[1]


def test_a_check_tells_who_pulse_is_and_what_it_sees(connected: Connected) -> None:
    boss = Caller(member("ada", connected.tenant, Role.ADMINISTRATOR))

    answer = boss.post(f"integrations/{connected.integration.pk}/check").json()

    assert answer["site"] == "https://jira.test (Jira)"
    assert answer["account"]
    assert {project.key for project in connected.site.spec.projects} <= set(answer["projects"])
    assert answer["problems"] == []


def test_a_check_of_a_site_that_does_not_answer_says_so(boss: Caller, integration: Integration) -> None:
    answer = boss.post(f"integrations/{integration.pk}/check")

    assert answer.status_code == 200
    assert answer.json()["projects"] == []
    assert NOWHERE in answer.json()["problems"][0]


def test_providers_are_told_with_their_settings(caller: Caller) -> None:
    providers = {row["name"]: row for row in caller.get("integrations/providers").json()["results"]}

    settings = {row["name"]: row for row in providers["jira"]["settings"]}
    assert {"github", "jira"} <= set(providers)
    assert (settings["base_url"]["required"], settings["base_url"]["secret"]) == (True, False)
    assert settings["api_token"]["secret"] is True
    assert (settings["verify_hours"]["minimum"], settings["verify_hours"]["maximum"]) == (0, 8760)
