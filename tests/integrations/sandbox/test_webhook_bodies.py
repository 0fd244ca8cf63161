import re
from typing import Any

import orjson
import pytest

from integrations.sandbox import Site
from integrations.sandbox.jira.webhooks import CREATED, DELETED, UPDATED

NOW = 1_800_000_000


def text(body: dict[str, Any]) -> str:
    return orjson.dumps(body).decode()


def test_an_update_carries_the_latest_history_without_a_time(site: Site) -> None:
    site.clock = lambda: NOW
    key = site.keys()[0]
    site.edit_issue(key, summary="A new name")
    body = site.webhook_body(UPDATED, key)
    assert (body["timestamp"], body["webhookEvent"]) == (NOW * 1000, "jira:issue_updated")
    assert body["issue_event_type_name"] == "issue_updated"
    assert set(body["changelog"]) == {"id", "items"}
    assert body["changelog"]["items"][0]["toString"] == body["issue"]["fields"]["summary"] == "A new name"
    assert isinstance(body["changelog"]["id"], str)
    assert body["user"]["accountId"]


def test_issues_stand_in_version_2_with_wiki_markup_and_whole_numbers(site: Site) -> None:
    key = next(e.key for e in site.entries if site.issue(e).fields["description"])
    site.edit_issue(key, fields={"customfield_10028": 13.0})
    body = site.webhook_body(UPDATED, key)
    assert isinstance(body["issue"]["fields"]["description"], str)
    assert body["issue"]["self"].startswith("https://jira.test/rest/api/2/issue/")
    assert "/rest/api/3/" not in text(body)
    assert re.search('"customfield_10028":13[,}]', text(body))


def test_a_creation_and_a_deletion_have_no_changelog(site: Site) -> None:
    key = site.add_issue("PAY", summary="New")
    made = site.webhook_body(CREATED, key)
    assert (made["issue"]["key"], made["issue_event_type_name"]) == (key, "issue_created")
    assert "changelog" not in made
    issue_id = made["issue"]["id"]
    site.delete_issue(key)
    gone = site.webhook_body(DELETED, key)
    assert (gone["webhookEvent"], gone["issue"]["id"]) == ("jira:issue_deleted", issue_id)
    assert not {"changelog", "issue_event_type_name"} & set(gone)


def test_data_center_posts_names_instead_of_account_ids(site: Site) -> None:
    key = site.keys()[0]
    body = site.webhook_body(UPDATED, key, is_data_center=True)
    assert "accountId" not in text(body)
    assert body["user"]["name"]


def test_the_kind_of_an_update_follows_from_its_changes(site: Site) -> None:
    key = next(e.key for e in site.entries if site.status_of(e).name == "To Do" and not e.project.team_managed)
    site.edit_issue(key, status="In Progress")
    assert site.webhook_body(UPDATED, key)["issue_event_type_name"] == "issue_generic"


def test_unknown_issues_and_events_are_refused(site: Site) -> None:
    with pytest.raises(KeyError, match="NO-1"):
        site.webhook_body(UPDATED, "NO-1")
    with pytest.raises(ValueError, match="comment_created"):
        site.webhook_body("comment_created", site.keys()[0])
