"""The button that checks an integration's connection."""

from typing import Any

import pytest
from django.test import Client

from integrations.models import Integration
from tests.etl.admin import addresses
from tests.etl.admin.rows import Rows
from tests.support.sites import Connected, connect


@pytest.fixture
def checked(acme: Rows, connected: Connected) -> Connected:
    """An integration of the tenant whose people press the button."""
    return connect(connected.server, tenant=acme.tenant.name, name="Ours")


def _press(client: Client, *integrations: Integration) -> list[tuple[str, str]]:
    """(level, text) of what the page says then."""
    form: dict[str, Any] = {"action": "check_connections", "_selected_action": [found.pk for found in integrations]}
    response = client.post(addresses.list_of(Integration), form, follow=True)
    assert response.status_code == 200
    return [(message.level_tag, str(message)) for message in response.context["messages"]]


def test_a_good_connection_says_who_where_and_what(administrator: Client, checked: Connected) -> None:
    ((level, said),) = _press(administrator, checked.integration)
    assert level == "success"
    assert said.startswith("Ours: ")
    assert all(project.key in said for project in checked.site.spec.projects)


def test_a_problem_does_not_hide_what_is_seen_nor_hold_up_another(administrator: Client, checked: Connected) -> None:
    other = connect(checked.server, tenant=checked.tenant.name, name="Other", projects="NOPE")
    said = _press(administrator, checked.integration, other.integration)
    assert [(level, text.split(":")[0]) for level, text in said] == [
        ("error", "Other"),
        ("error", "Other"),
        ("warning", "Other"),
        ("success", "Ours"),
    ]
    assert "setting projects names NOPE" in said[0][1]


def test_a_dead_site_is_an_error_that_shows_no_secret(administrator: Client, checked: Connected) -> None:
    checked.server.stop()
    ((level, said),) = _press(administrator, checked.integration)
    assert level == "error"
    assert "could not be reached" in said
    assert checked.server.token not in said


def test_many_problems_are_cut_short(administrator: Client, checked: Connected) -> None:
    fields = ",".join(f"nothing_{number}" for number in range(15))
    other = connect(checked.server, tenant=checked.tenant.name, name="Other", exclude_fields=fields)
    said = [text for level, text in _press(administrator, other.integration) if level == "error"]
    assert len(said) == 11
    assert said[-1] == "Other: and 5 problems more"


@pytest.mark.parametrize("who", ["operator", "viewer"])
def test_only_administrators_have_the_button(request: pytest.FixtureRequest, checked: Connected, who: str) -> None:
    client: Client = request.getfixturevalue(who)
    before = sum(checked.server.counts.values())
    assert "check_connections" not in client.get(addresses.list_of(Integration)).content.decode()
    _press(client, checked.integration)
    assert sum(checked.server.counts.values()) == before


def test_an_integration_of_another_tenant_is_not_checked(administrator: Client, connected: Connected) -> None:
    before = sum(connected.server.counts.values())
    _press(administrator, connect(connected.server, tenant="Rival", name="Theirs").integration)
    assert sum(connected.server.counts.values()) == before


def test_a_stranger_is_sent_to_the_login(client: Client, checked: Connected) -> None:
    before = sum(checked.server.counts.values())
    form = {"action": "check_connections", "_selected_action": [checked.integration.pk]}
    response = client.post(addresses.list_of(Integration), form)
    assert response.status_code == 302
    assert "/login/" in response.headers["Location"]
    assert sum(checked.server.counts.values()) == before
