"""What changes on a Jira site between two syncs, and what its webhooks tell: the rows are those of a first sync now."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from etl.jobs import lifecycle
from etl.models import Changelog, EtlJobRun, Overall, RunKind, WorkItem
from integrations.sandbox import SandboxServer, Site
from tests.support.deliveries import SECRET, encoded, signed
from tests.support.driving import run_to_end, worked_off
from tests.support.sites import FEW_PROJECTS, Connected, connect, small_site
from tests.support.tables import derived_rows, versions

pytestmark = pytest.mark.django_db

ISSUES = 24
CLOUD, SERVER = "Cloud", "Server"


@pytest.fixture(params=[CLOUD, SERVER])
def synced(request: pytest.FixtureRequest) -> Iterator[Connected]:
    """An integration with a site, of each kind of deployment, after its first sync."""
    with small_site(ISSUES, projects=FEW_PROJECTS, deployment=request.param) as server:
        connected = connect(server)
        connected.integration.secrets = {**connected.integration.secrets, "webhook_secret": SECRET}
        connected.integration.save()
        assert run_to_end(connected.job).status == Overall.FINISHED
        yield connected


def present(connected: Connected) -> dict[str, list[dict[str, Any]]]:
    """All derived rows but those of work items that are gone, which keep their histories."""
    rows = derived_rows(connected.integration.pk)
    gone = {row["external_id"] for row in rows["work_items"] if row["deleted_at"]}
    rows["work_items"] = [row for row in rows["work_items"] if row["external_id"] not in gone]
    for table in ("changelogs", "work_items_prs_links"):
        rows[table] = [row for row in rows[table] if row["work_item_id"] not in gone]
    return rows


def first_sync_now(server: SandboxServer) -> dict[str, list[dict[str, Any]]]:
    """What another tenant gets that connects now."""
    other = connect(server, tenant="Later")
    assert run_to_end(other.job).status == Overall.FINISHED
    return derived_rows(other.integration.pk)


def another_status(site: Site, key: str) -> str:
    """A status of the issue's workflow that it is not in."""
    now = WorkItem.objects.select_related("status").get(key=key).status.name
    entry = site.find(key)
    assert entry is not None
    names: list[str] = [status.name for status in entry.project.workflow_of(entry.type).statuses]
    return next(name for name in names if name != now)


def item(connected: Connected, external_id: str) -> WorkItem:
    return WorkItem.objects.get(integration=connected.integration, external_id=external_id)


def id_of(connected: Connected, key: str) -> str:
    return WorkItem.objects.get(integration=connected.integration, key=key).external_id


# Syncs and repairs


def test_edited_moved_and_deleted_issues_are_right_after_a_sync_and_a_repair(synced: Connected) -> None:
    site = synced.site
    edited, drifted, moved, deleted = site.keys()[:4]
    ids = {key: id_of(synced, key) for key in (edited, drifted, moved, deleted)}
    rows = {key: item(synced, ids[key]).pk for key in ids}
    site.edit_issue(edited, summary="A new summary", status=another_status(site, edited))
    site.touch_issue(drifted, status=another_status(site, drifted))
    home = item(synced, ids[moved]).project.key
    new_key = site.move_issue(moved, next(found.key for found in site.projects if found.key != home))
    site.delete_issue(deleted)
    site.add_issue(home, summary="A new issue")

    assert run_to_end(synced.job).status == Overall.FINISHED
    repair = worked_off(lifecycle.start_repair(synced.job.pk, trigger="test"))

    assert (repair.status, repair.warning) == (Overall.FINISHED, "")
    assert present(synced) == first_sync_now(synced.server)
    assert {key: item(synced, ids[key]).pk for key in ids} == rows
    assert item(synced, ids[moved]).key == new_key
    gone = item(synced, ids[deleted])
    assert (gone.active, gone.deleted_at is None) == (False, False)


def test_nothing_is_written_by_what_comes_after_that(synced: Connected) -> None:
    synced.site.delete_issue(synced.site.keys()[0])
    synced.site.edit_issue(synced.site.keys()[1], summary="A new summary")
    run_to_end(synced.job)
    worked_off(lifecycle.start_repair(synced.job.pk, trigger="test"))
    before = versions(synced.integration.pk)

    run_to_end(synced.job)
    worked_off(lifecycle.start_repair(synced.job.pk, trigger="test"))

    assert versions(synced.integration.pk) == before


# Webhooks


def told(connected: Connected, event: str, key: str) -> EtlJobRun:
    """The site posts what happened to an issue; the run that this makes, as it ended."""
    content = connected.site.webhook_body(event, key, is_data_center=connected.server.deployment == SERVER)
    return delivered(connected, encoded(content))


def delivered(connected: Connected, body: bytes) -> EtlJobRun:
    path = f"/app/etl/webhooks/jira/{connected.integration.pk}"
    answer = Client().post(path, body, content_type="application/json", headers=signed(body, name="X-Hub-Signature"))
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    run = EtlJobRun.objects.filter(kind=RunKind.WEBHOOK).latest("id")
    return worked_off(run)


def test_an_edited_issue_is_right_as_soon_as_its_webhook_has_come(synced: Connected) -> None:
    site = synced.site
    key = site.keys()[0]
    histories = Changelog.objects.filter(work_item__key=key).count()
    site.edit_issue(key, summary="A new summary", status=another_status(site, key))

    run = told(synced, "jira:issue_updated", key)

    assert (run.status, run.error_message, run.warning) == (Overall.FINISHED, "", "")
    assert WorkItem.objects.get(key=key).summary == "A new summary"
    assert Changelog.objects.filter(work_item__key=key).count() == histories + 1
    assert present(synced) == first_sync_now(synced.server)


def test_a_new_issue_is_there_as_soon_as_its_webhook_has_come(synced: Connected) -> None:
    key = synced.site.add_issue(synced.site.projects[0].key, summary="A new issue")

    assert told(synced, "jira:issue_created", key).status == Overall.FINISHED

    assert WorkItem.objects.get(key=key).summary == "A new issue"
    assert present(synced) == first_sync_now(synced.server)


def test_a_deleted_issue_is_gone_as_soon_as_its_webhook_has_come_and_late_ones_do_not_bring_it_back(
    synced: Connected,
) -> None:
    site = synced.site
    key = site.keys()[0]
    issue_id = id_of(synced, key)
    site.edit_issue(key, summary="A last summary")
    late = encoded(site.webhook_body("jira:issue_updated", key))
    site.delete_issue(key)

    assert told(synced, "jira:issue_deleted", key).status == Overall.FINISHED
    assert delivered(synced, late).status == Overall.FINISHED

    gone = item(synced, issue_id)
    assert (gone.active, gone.deleted_at is None) == (False, False)
    assert present(synced) == first_sync_now(synced.server)


def test_a_webhook_of_a_deletion_that_never_was_deletes_nothing(synced: Connected) -> None:
    before = versions(synced.integration.pk)

    run = told(synced, "jira:issue_deleted", synced.site.keys()[0])

    assert run.status == Overall.FINISHED
    assert versions(synced.integration.pk) == before
