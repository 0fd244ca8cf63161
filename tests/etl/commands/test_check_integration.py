"""check_integration, as scripts and people use it."""

from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from integrations.models import Integration
from tests.support.github import connect_github, small_github
from tests.support.sites import Connected


def _check(integration: Integration, *arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    out = StringIO()
    try:
        call_command("check_integration", "--integration", str(integration.pk), *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def _answer(integration: Integration) -> tuple[int, dict[str, Any]]:
    code, out = _check(integration, "--json")
    found: dict[str, Any] = orjson.loads(out.splitlines()[-1])
    return code, found


def test_a_good_connection_ends_with_0_and_says_who_and_what(connected: Connected) -> None:
    code, answer = _answer(connected.integration)
    assert (code, answer["problems"]) == (0, [])
    assert sorted(answer["projects"]) == sorted(project.key for project in connected.site.spec.projects)
    assert answer["account"]
    assert answer["site"]
    assert answer["deployment"].startswith("Cloud ")
    assert (answer["integration"], answer["name"]) == (connected.integration.pk, "Jira")


def test_a_host_of_code_has_repositories(db: None) -> None:
    with small_github() as server:
        integration = connect_github(server).integration
        assert "acme/console" in _answer(integration)[1]["repositories"]
        assert "\nrepositories: acme/" in _check(integration)[1]


def test_people_read_it_line_by_line(connected: Connected) -> None:
    integration = connected.integration
    integration.settings["projects"] = "NOPE"
    integration.save()
    code, out = _check(integration)
    assert code == 1
    assert "projects: none\nproblems: \n- setting projects names NOPE" in out


def test_refused_credentials_end_with_1_and_are_not_shown(connected: Connected) -> None:
    integration = connected.integration
    integration.secrets = {**integration.secrets, "api_token": "wr0ng"}
    integration.save()
    code, answer = _answer(integration)
    assert code == 1
    assert "the credentials are refused" in answer["problems"][0]
    assert "wr0ng" not in str(answer)


def test_a_site_that_cannot_be_reached_is_a_problem(connected: Connected) -> None:
    connected.server.stop()
    code, answer = _answer(connected.integration)
    assert (code, answer["account"], answer["projects"]) == (1, "", [])
    assert "could not be reached" in answer["problems"][0]


@pytest.mark.parametrize(
    ("settings", "said"), [({"rate_limit": "fast"}, "setting rate_limit is 'fast'"), ({"color": "x"}, "is unknown")]
)
def test_settings_that_cannot_be_right_are_told_without_a_call(
    connected: Connected, settings: dict[str, str], said: str
) -> None:
    integration = connected.integration
    integration.settings.update(settings)
    integration.save()
    before = sum(connected.server.counts.values())
    code, answer = _answer(integration)
    assert code == 1
    assert said in answer["problems"][0]
    assert sum(connected.server.counts.values()) == before


@pytest.mark.django_db
def test_an_integration_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="--integration 4711: there is no such integration"):
        call_command("check_integration", "--integration", "4711")
