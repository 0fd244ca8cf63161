"""Discovering a site's custom fields, from the request to the rows, over HTTP: twice, changed, refused, broken."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from custommapping.models import Authority, CustomField, CustomFieldMapping, ProjectCustomField
from etl.jobs import discovery, lifecycle
from etl.models import EtlJobEvent, EtlJobRun, ExtractionCheckpoint, Overall, RunKind
from etl.sql import fetch
from integrations.sandbox import Faults, SandboxServer
from integrations.sandbox.faults import Createmeta
from integrations.sandbox.jira.catalog import PROJECTS
from integrations.sandbox.server import CLOUD, SERVER
from tests.support.brokers import RecordingBroker
from tests.support.driving import run_to_end, work_off, worked_off
from tests.support.sites import Connected, connect, small_site

pytestmark = pytest.mark.django_db
POINTS, SEVERITY, TEAM = "customfield_10028", "customfield_10030", "customfield_10001"
CATALOGUE = "jira_projects_and_issue_types"
BUG, STORY, EPIC = "10103", "10101", "10100"
# PAY and DATA, which is team-managed, with an epic, a story and a bug each: every type of a project is a call.
SMALL = tuple(
    replace(project, types=tuple(project.types[place] for place in (0, 1, 3))) for project in (PROJECTS[0], PROJECTS[4])
)


@pytest.fixture(params=[CLOUD, SERVER])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with small_site(0, deployment=request.param, projects=SMALL) as running:
        yield running


@pytest.fixture
def cloud() -> Iterator[SandboxServer]:
    with small_site(0, projects=SMALL) as running:
        yield running


def discover(connected: Connected, *, shuffle: Random | None = None) -> EtlJobRun:
    run = discovery.request(connected.job, "test")
    assert discovery.begin(run.pk)
    if shuffle:
        work_off(run, shuffle=shuffle)
    return worked_off(run)


def field(connected: Connected, external_id: str) -> CustomField:
    return CustomField.objects.get(integration=connected.integration, external_id=external_id)


def offers(connected: Connected, project: str) -> dict[str, dict[str, Any]]:
    row = ProjectCustomField.objects.get(integration=connected.integration, project_key=project, active=True)
    assert row.integration_type == "jira"
    return {one["external_id"]: one for one in row.discovered_fields}


def warnings(run: EtlJobRun) -> list[str]:
    return list(EtlJobEvent.objects.filter(run=run, level="warning").order_by("pk").values_list("message", flat=True))


def told(run: EtlJobRun) -> list[str]:
    rows = EtlJobEvent.objects.filter(run=run, stage="transform", context={})
    return list(rows.order_by("pk").values_list("message", flat=True))


def written(connected: Connected) -> dict[str, list[Any]]:
    """The physical version of each derived row."""
    tables = ("custom_fields", "projects_custom_fields", "projects", "wits", "projects_wits")
    sql = "SELECT id, xmin::text FROM {} WHERE integration_id = %s ORDER BY id"
    return {table: fetch(sql.format(table), [connected.integration.pk]) for table in tables}


def content(connected: Connected) -> list[Any]:
    """What the rows say, whichever answers said so."""
    owner = {"integration": connected.integration}
    fields = CustomField.objects.filter(**owner).order_by("external_id")
    projects = ProjectCustomField.objects.filter(**owner).order_by("project_key")
    return [
        *fields.values_list("external_id", "name", "field_type", "schema", "operations", "active", "authority"),
        *projects.values_list("project_key", "discovered_fields", "active"),
    ]


def test_each_field_is_a_row_and_each_project_tells_which_of_its_types_offer_it(server: SandboxServer) -> None:
    connected = connect(server)

    run = discover(connected)

    assert (run.status, run.warning, run.kind) == (Overall.FINISHED, "", RunKind.DISCOVERY)
    assert CustomField.objects.filter(active=True, authority=Authority.LISTED).count() == 30
    assert field(connected, POINTS).operations == ["set"]
    assert field(connected, "customfield_10039").operations == ["add", "remove", "set"]
    assert (field(connected, TEAM).name, field(connected, TEAM).field_type) == ("Team", "team")
    assert ProjectCustomField.objects.count() == 2
    pay = offers(connected, "PAY")
    assert list(pay) == sorted(pay)
    assert pay[POINTS] == {
        "external_id": POINTS,
        "name": "Story Points",
        "type": "number",
        "required": [STORY],
        "wits": [STORY, BUG],
    }
    assert (pay[SEVERITY]["required"], EPIC in pay[SEVERITY]["wits"]) == ([BUG], True)


def test_a_second_discovery_writes_nothing_where_nothing_changed(server: SandboxServer) -> None:
    connected = connect(server, projects="PAY")
    discover(connected)
    before = written(connected)

    assert discover(connected).status == Overall.FINISHED

    assert written(connected) == before


@pytest.mark.parametrize("seed", range(2))
def test_the_order_in_which_answers_are_loaded_makes_no_difference(cloud: SandboxServer, seed: int) -> None:
    ordered, shuffled = (connect(cloud, tenant=name, projects="PAY") for name in ("Ordered", "Shuffled"))
    for change in (None, lambda: cloud.site.rename_field(POINTS, "Points")):
        if change:
            change()
        discover(ordered)
        discover(shuffled, shuffle=Random(seed))

    assert content(ordered) == content(shuffled)


def test_what_is_renamed_retyped_removed_added_and_restored_follows(cloud: SandboxServer) -> None:
    connected, site = connect(cloud), cloud.site
    discover(connected)
    known = field(connected, POINTS).pk
    site.rename_field(POINTS, "Points")
    site.retype_field(SEVERITY, "string")
    site.remove_field(TEAM)
    added = site.add_field("Team", "string", "DATA")

    run = discover(connected)

    assert (field(connected, POINTS).pk, field(connected, POINTS).name) == (known, "Points")
    assert offers(connected, "PAY")[POINTS]["name"] == "Points"
    assert (field(connected, SEVERITY).field_type, field(connected, SEVERITY).schema["type"]) == ("string", "string")
    assert (field(connected, TEAM).active, TEAM in offers(connected, "PAY")) == (False, False)
    assert (field(connected, added).name, added in offers(connected, "PAY")) == ("Team", False)
    assert len(offers(connected, "DATA")[added]["wits"]) == 3
    assert told(run) == [f"1 custom fields are not listed any more: {TEAM}"]

    site.restore_field(TEAM)

    assert told(discover(connected)) == [f"1 custom fields are listed again: {TEAM}"]
    assert field(connected, TEAM).active
    assert TEAM in offers(connected, "PAY")


def test_what_was_discovered_is_made_anew_from_stored_answers(cloud: SandboxServer) -> None:
    connected = connect(cloud, projects="PAY")
    discover(connected)
    cloud.site.rename_field(POINTS, "Points")
    cloud.site.remove_field(TEAM)
    discover(connected)
    added = cloud.site.add_field("Size", "string")
    cloud.faults = Faults(only_under="/rest/api/3/issue/createmeta", fail_first=6)
    assert discover(connected).status == Overall.FAILED
    expected = content(connected)
    assert (field(connected, added).active, TEAM in offers(connected, "PAY")) == (True, False)
    ProjectCustomField.objects.all().delete()
    CustomField.objects.all().delete()

    run = lifecycle.reprocess(connected.job.pk, trigger="test")
    work_off(run, shuffle=Random(1))

    assert run.status == Overall.FINISHED
    # Nobody asked what may be done with a field that was gone already.
    CustomField.objects.filter(external_id=TEAM).update(operations=["set"])
    assert content(connected) == expected
    before = written(connected)
    work_off(lifecycle.reprocess(connected.job.pk, trigger="test"), shuffle=Random(2))
    assert written(connected) == before


def test_a_mapped_field_that_vanished_or_does_not_fit_any_more_stays_mapped_and_is_told(cloud: SandboxServer) -> None:
    connected = connect(cloud, projects="PAY")
    discover(connected)
    mapping = CustomFieldMapping.objects.create(
        tenant=connected.tenant,
        integration=connected.integration,
        team_field=field(connected, TEAM),
        story_points_field=field(connected, POINTS),
        custom_field_01=field(connected, SEVERITY),
    )
    cloud.site.remove_field(TEAM)
    cloud.site.retype_field(POINTS, "string")
    cloud.site.retype_field(SEVERITY, "string")

    run = discover(connected)

    mapping.refresh_from_db()
    assert mapping.team_field == field(connected, TEAM)
    assert warnings(run) == [
        f"column team is filled by field {TEAM} (Team), which the site does not list any more",
        f"column story_points takes only numbers, and field {POINTS} (Story Points) is of type 'string'",
    ]
    assert run.status == Overall.FINISHED
    assert "column team" in run.warning


def test_an_old_site_tells_all_at_once(server: SandboxServer) -> None:
    paged, whole = connect(server, tenant="Paged"), connect(server, tenant="Whole")
    discover(paged)
    server.faults.createmeta = Createmeta.WHOLE

    run = discover(whole)

    assert (run.status, run.warning) == (Overall.FINISHED, "")
    assert content(whole) == content(paged)


@pytest.mark.parametrize("createmeta", [Createmeta.PAGED, Createmeta.WHOLE, Createmeta.NONE])
def test_an_account_that_only_reads_gets_the_list_of_all_and_keeps_what_was_known(
    cloud: SandboxServer, createmeta: Createmeta
) -> None:
    connected = connect(cloud)
    discover(connected)
    before = written(connected)
    cloud.faults = Faults(lacking=("CREATE_ISSUES",), createmeta=createmeta)

    run = discover(connected)

    assert (run.status, written(connected)) == (Overall.FINISHED, before)
    assert sorted(warnings(run)) == [
        f"the account may not create issues in {key}: which of its types offer a field is not known"
        for key in ("DATA", "PAY")
    ]


def test_a_field_of_one_project_is_told_to_an_account_that_only_reads(cloud: SandboxServer) -> None:
    cloud.faults = Faults(lacking=("CREATE_ISSUES",))
    added = cloud.site.add_field("Story points", "number", "DATA")
    connected = connect(cloud)

    discover(connected)

    assert list(ProjectCustomField.objects.values_list("project_key", flat=True)) == ["DATA"]
    assert offers(connected, "DATA") == {
        added: {"external_id": added, "name": "Story points", "type": "number", "required": [], "wits": []}
    }


@pytest.mark.parametrize("path", ["field", "issue/createmeta"])
def test_a_discovery_of_which_a_part_failed_takes_nothing_for_vanished(cloud: SandboxServer, path: str) -> None:
    connected = connect(cloud, projects="PAY")
    discover(connected)
    cloud.site.remove_field(TEAM)
    added = cloud.site.add_field("Size", "string")
    cloud.faults = Faults(only_under=f"/rest/api/3/{path}", fail_first=99 if path == "field" else 6)

    run = discover(connected)

    assert run.status == Overall.FAILED
    assert field(connected, TEAM).active
    assert TEAM in offers(connected, "PAY")
    assert CustomField.objects.filter(external_id=added).exists() == (path != "field")
    cloud.faults = Faults()
    assert discover(connected).status == Overall.FINISHED
    assert not field(connected, TEAM).active
    assert added in offers(connected, "PAY")


def test_a_list_of_no_fields_at_all_is_not_believed(cloud: SandboxServer) -> None:
    connected = connect(cloud, projects="PAY")
    discover(connected)
    before = written(connected)
    for one in list(cloud.site.fields):
        cloud.site.remove_field(one.id)

    assert discover(connected).status == Overall.FINISHED

    assert written(connected) == before


def test_a_project_that_is_not_read_any_more_offers_nothing_until_it_is_read_again(cloud: SandboxServer) -> None:
    connected = connect(cloud)
    discover(connected)
    cloud.site.remove_project("DATA")

    discover(connected)

    assert not ProjectCustomField.objects.get(project_key="DATA").active
    cloud.site.restore_project("DATA")
    discover(connected)
    assert POINTS in offers(connected, "DATA")


def test_a_sync_discovers_fields_where_it_is_told_to(cloud: SandboxServer, recording: RecordingBroker) -> None:
    connected = connect(cloud)

    run_to_end(connected.job, {"steps": [CATALOGUE]})
    assert not CustomField.objects.exists()

    run = run_to_end(connected.job, {"steps": [CATALOGUE], "include_custom_fields": True})

    assert (run.status, CustomField.objects.filter(active=True).count()) == (Overall.FINISHED, 30)
    assert POINTS in offers(connected, "PAY")
    assert ExtractionCheckpoint.objects.filter(run=run, step="jira_custom_fields").exists()


def test_a_sync_of_some_projects_takes_nothing_for_vanished(cloud: SandboxServer) -> None:
    connected = connect(cloud)
    discover(connected)
    cloud.site.remove_field(TEAM)

    run_to_end(connected.job, {"steps": [CATALOGUE], "include_custom_fields": True, "projects": ["PAY"]})

    assert field(connected, TEAM).active
    assert ProjectCustomField.objects.filter(active=True).count() == 2
    assert TEAM not in offers(connected, "PAY")
    assert TEAM in offers(connected, "DATA")


def test_another_tenants_rows_are_left_alone(cloud: SandboxServer) -> None:
    ours, theirs = connect(cloud), connect(cloud, tenant="Other")
    discover(ours)
    discover(theirs)
    before = written(theirs)
    cloud.site.remove_field(TEAM)

    discover(ours)

    assert not field(ours, TEAM).active
    assert written(theirs) == before
