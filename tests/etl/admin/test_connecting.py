"""The way to a new connection: its kind, its settings with a check, what is read, and it is there."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from etl.models import EtlJob
from integrations.admin import draft
from integrations.admin.scope_form import MOST_LISTED, ScopeForm
from integrations.models import Integration
from integrations.registry import get_provider, provider_names
from integrations.sandbox import SandboxServer
from pulse.tenancy.models import AuditEntry
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows
from tests.support.sites import small_site

ADD = "/admin/integrations/integration/add/"
SCOPE = f"{ADD}scope/"


@pytest.fixture(scope="module")
def site() -> Any:
    with small_site(issues=5) as server:
        yield server


def typed(site: SandboxServer, acme: Rows, **more: str) -> dict[str, Any]:
    """The settings as a browser sends them after a click on "Check connection"."""
    form = {"tenant": acme.tenant.pk, "provider": "jira", "name": "Our Jira", "active": "on", "check": "1"}
    account = {"setting_base_url": site.url, "setting_email": site.email, "setting_api_token": site.token}
    return {**form, **account, **more}


def checked(client: Client, site: SandboxServer, acme: Rows, **more: str) -> Any:
    """The page that follows the check."""
    answer = client.post(ADD, typed(site, acme, **more))
    assert (answer.status_code, answer.headers["Location"]) == (302, SCOPE)
    return client.get(SCOPE)


def is_folded(page: Any, title: str) -> bool:
    (fieldset,) = [one for one in page.context["adminform"] if one.name == title]
    return bool(fieldset.is_collapsible)


def keys_of(site: SandboxServer) -> list[str]:
    return [project.key for project in site.site.spec.projects]


def test_the_first_page_offers_every_kind_of_site_with_what_it_is(administrator: Client) -> None:
    content = administrator.get(ADD).content.decode()
    for name in provider_names():
        provider = get_provider(name)
        assert f'href="?provider={name}"' in content
        assert provider.summary
        assert provider.summary in content


def test_the_usual_settings_come_first_and_no_field_is_left_out(administrator: Client) -> None:
    for name in provider_names():
        shown = administrator.get(ADD, {"provider": name}).context["adminform"]
        fields = [field for fieldset in shown.fieldsets[1:] for field in fieldset[1]["fields"]]
        declared = get_provider(name).settings
        assert sorted(fields) == sorted(f"setting_{one.name}" for one in declared)
        assert shown.fieldsets[1][1]["fields"] == [f"setting_{one.name}" for one in declared if one.usual] != []


def test_what_the_site_says_is_shown_in_words_before_anything_is_saved(
    administrator: Client, site: SandboxServer, acme: Rows
) -> None:
    page = checked(administrator, site, acme)

    found = page.context["found"]
    assert all(finding.good for finding in found)
    assert [" ".join(one.text.split(":")[0].split()[:3]) for one in found] == [
        "The site answers",
        "It knows the",
        "The account sees",
    ]
    assert [key for key, _ in page.context["form"].fields["keys"].choices] == sorted(keys_of(site))
    assert not Integration.objects.exists()


def test_chosen_projects_become_the_setting_and_the_job_can_be_started_at_once(
    administrator: Client, site: SandboxServer, acme: Rows
) -> None:
    checked(administrator, site, acme)
    wanted = keys_of(site)[:2]

    saved = administrator.post(SCOPE, {"which": "chosen", "keys": wanted}, follow=True)

    made = Integration.objects.get()
    assert saved.redirect_chain == [(addresses.page_of(made), 302)]
    assert sorted(made.settings["projects"].split(", ")) == sorted(wanted)
    assert made.secrets == {"api_token": site.token}
    job = EtlJob.objects.get(integration=made)
    content = saved.content.decode()
    assert "Start now" in content
    assert reverse("admin:etl_etljob_act", args=[job.pk]) in content
    assert AuditEntry.objects.filter(action="integration.created", target_id=str(made.pk)).exists()
    # Another connection begins with nothing of this one.
    assert administrator.get(SCOPE).status_code == 302


def test_all_projects_leave_the_setting_as_it_was_typed(administrator: Client, site: SandboxServer, acme: Rows) -> None:
    checked(administrator, site, acme)
    administrator.post(SCOPE, {"which": "all"})
    assert "projects" not in Integration.objects.get().settings


def test_what_the_settings_name_is_not_told_as_all_projects(
    administrator: Client, site: SandboxServer, acme: Rows
) -> None:
    page = checked(administrator, site, acme, setting_projects="PAY, NOPE").content.decode()
    assert "As the settings say: PAY, NOPE" in page
    assert "All projects" not in page
    administrator.post(SCOPE, {"which": "all"})
    assert Integration.objects.get().settings["projects"] == "PAY, NOPE"


def test_where_the_site_did_not_answer_there_is_nothing_to_choose_and_the_way_back_comes_first(
    administrator: Client, site: SandboxServer, acme: Rows
) -> None:
    page = checked(administrator, site, acme, setting_api_token="wrong").content.decode()
    assert "projects can be chosen here once the site answers" in page
    assert "sees none" not in page
    assert page.index("Back to the settings") < page.index("Save all the same")
    assert 'name="keys"' not in page
    administrator.post(SCOPE, {"which": "all"})
    assert Integration.objects.get().name == "Our Jira"


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"which": "chosen"}, "keys", "Choose at least one of the projects"),
        ({"which": "chosen", "keys": ["NOPE"]}, "keys", "NOPE is not one of the available choices"),
        ({"which": "some"}, "which", "some is not one of the available choices"),
        ({}, "which", "required"),
    ],
)
def test_a_choice_that_cannot_be_is_an_error_at_its_field_and_nothing_is_saved(
    administrator: Client, site: SandboxServer, acme: Rows, given: dict[str, Any], field: str, said: str
) -> None:
    checked(administrator, site, acme)
    refused = administrator.post(SCOPE, given)
    assert said in str(refused.context["form"].errors[field])
    assert not Integration.objects.exists()


def test_a_problem_is_shown_and_can_be_mended_with_what_was_typed(
    administrator: Client, site: SandboxServer, acme: Rows
) -> None:
    page = checked(administrator, site, acme, setting_api_token="wr0ng-token", setting_projects="PAY")
    assert any("credentials are refused" in finding.text for finding in page.context["found"] if not finding.good)

    again = administrator.get(page.context["back"])
    shown = again.context["adminform"].form
    values = {name: shown[name].value() for name in ("name", "setting_base_url", "setting_projects")}
    assert values == {"name": "Our Jira", "setting_base_url": site.url, "setting_projects": "PAY"}
    assert not is_folded(again, "More settings")
    assert "wr0ng-token" not in again.content.decode()


def test_a_wrong_setting_is_an_error_at_its_field_and_no_site_is_asked(
    administrator: Client, site: SandboxServer, acme: Rows
) -> None:
    before = sum(site.counts.values())
    refused = administrator.post(ADD, typed(site, acme, setting_base_url="", setting_parallel="99"))
    assert "setting_base_url" in refused.context["adminform"].form.errors
    assert sum(site.counts.values()) == before
    assert not is_folded(refused, "More settings")


def test_rarer_settings_are_folded_where_none_is_given(administrator: Client, site: SandboxServer, acme: Rows) -> None:
    assert is_folded(administrator.get(ADD, {"provider": "jira"}), "More settings")
    checked(administrator, site, acme)
    administrator.post(SCOPE, {"which": "chosen", "keys": keys_of(site)[:1]})
    made = Integration.objects.get()
    assert not is_folded(administrator.get(addresses.page_of(made)), "More settings")
    Integration.objects.update(settings={"base_url": site.url, "email": site.email})
    assert is_folded(administrator.get(addresses.page_of(made)), "More settings")


def test_no_page_and_no_session_shows_a_secret(administrator: Client, site: SandboxServer, acme: Rows) -> None:
    page = checked(administrator, site, acme)
    assert site.token not in page.content.decode()
    assert site.token not in str(dict(administrator.session))


def test_a_draft_that_cannot_be_read_any_more_is_none(administrator: Client, site: SandboxServer, acme: Rows) -> None:
    checked(administrator, site, acme)
    session = administrator.session
    session["connection_draft"] = "gAAAA"
    session.save()
    assert administrator.get(SCOPE).headers["Location"] == ADD


def test_a_name_that_was_taken_meanwhile_is_told_and_the_choice_is_not_lost(
    administrator: Client, site: SandboxServer, acme: Rows
) -> None:
    checked(administrator, site, acme)
    Integration.objects.create(tenant=acme.tenant, provider="jira", name="Our Jira", settings={}, secrets={})
    refused = administrator.post(SCOPE, {"which": "all"})
    assert refused.status_code == 200
    assert "already exists" in refused.content.decode()


@pytest.mark.parametrize("who", ["operator", "viewer"])
def test_only_administrators_connect_sites(
    request: pytest.FixtureRequest, site: SandboxServer, acme: Rows, who: str
) -> None:
    client: Client = request.getfixturevalue(who)
    for answer in (client.get(ADD), client.post(ADD, typed(site, acme)), client.get(SCOPE), client.post(SCOPE)):
        assert answer.status_code == 403


def test_a_draft_for_a_tenant_that_is_looked_at_no_more_is_not_saved(
    superuser: Client, site: SandboxServer, acme: Rows, rival: Rows
) -> None:
    checked(superuser, site, acme)
    superuser.post(reverse("choose-tenant"), {"tenant": rival.tenant.pk})
    assert superuser.post(SCOPE, {"which": "all"}).headers["Location"] == ADD
    assert not Integration.objects.exists()


def test_a_stored_connection_is_checked_from_its_page(
    administrator: Client, site: SandboxServer, acme: Rows, rival: Rows
) -> None:
    checked(administrator, site, acme)
    administrator.post(SCOPE, {"which": "all"})
    check = reverse("admin:integrations_integration_check", args=[Integration.objects.get().pk])
    assert check in administrator.get(addresses.page_of(Integration.objects.get())).content.decode()
    assert all(finding.good for finding in administrator.post(check).context["found"])

    other = reverse("admin:integrations_integration_check", args=[rival.row(Integration).pk])
    assert administrator.post(other).status_code == 403


def test_more_projects_than_anybody_reads_through_are_not_all_listed() -> None:
    form = ScopeForm([f"P{number}" for number in range(MOST_LISTED + 7)], "projects")
    assert len(form.fields["keys"].choices) == MOST_LISTED  # type: ignore[attr-defined]
    assert form.left_out == 7


def test_drafts_show_no_secret_where_they_are_logged(site: SandboxServer) -> None:
    made = draft.Draft(1, "jira", "Jira", True, {}, {"api_token": site.token}, "", "", "", [], [])
    assert site.token not in repr(made)
