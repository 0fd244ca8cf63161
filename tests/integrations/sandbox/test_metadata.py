import httpx

from integrations.sandbox import SandboxServer, empty_site
from integrations.sandbox.jira.catalog import DELETED

PROJECTS = "/rest/api/3/project/search"


def test_the_server_says_that_it_is_cloud_and_who_is_calling(client: httpx.Client) -> None:
    assert client.get("/rest/api/3/serverInfo").json()["deploymentType"] == "Cloud"
    caller = client.get("/rest/api/3/myself").json()
    assert caller["timeZone"] == "America/Los_Angeles"
    assert caller["accountId"]


def test_projects_are_paged_by_offset(client: httpx.Client) -> None:
    first = client.get(PROJECTS, params={"maxResults": 4}).json()
    second = client.get(PROJECTS, params={"maxResults": 4, "startAt": 4}).json()
    keys = [project["key"] for page in (first, second) for project in page["values"]]
    assert keys == ["DATA", "GROW", "MOB", "OPS", "PAY", "WEB"]
    assert (first["isLast"], second["isLast"], first["total"]) == (False, True, 6)
    assert "nextPage" in first
    assert "nextPage" not in second


def test_issue_types_come_only_where_they_were_asked_for(client: httpx.Client) -> None:
    assert "issueTypes" not in client.get(PROJECTS).json()["values"][0]
    projects = client.get(PROJECTS, params={"expand": "description,issueTypes"}).json()["values"]
    assert all(len(project["issueTypes"]) == 5 for project in projects)
    assert projects[0]["issueTypes"][0]["scope"]["project"]["id"] == projects[0]["id"]


def test_a_site_without_projects_answers_404() -> None:
    with SandboxServer(empty_site()) as server:
        response = httpx.get(server.url + PROJECTS, auth=(server.email, server.token))
    assert response.status_code == 404
    assert response.json()["errorMessages"] == ["No projects found that match the search criteria."]


def test_statuses_repeat_names_and_may_lack_a_category(client: httpx.Client) -> None:
    statuses = client.get("/rest/api/3/status").json()
    names = [status["name"] for status in statuses]
    assert names.count("To Do") == 3
    assert len({status["id"] for status in statuses}) == len(statuses)
    assert [status["name"] for status in statuses if "statusCategory" not in status] == ["Parking Lot"]
    assert {status["statusCategory"]["key"] for status in statuses if "statusCategory" in status} == {
        "new",
        "indeterminate",
        "done",
        "undefined",
    }
    assert DELETED.id not in {status["id"] for status in statuses}
    assert any("scope" in status for status in statuses)


def test_a_projects_statuses_stand_per_issue_type(client: httpx.Client) -> None:
    types = client.get("/rest/api/3/project/PAY/statuses").json()
    by_name = {kind["name"]: [status["name"] for status in kind["statuses"]] for kind in types}
    assert "Triage" in by_name["Bug"]
    assert "Triage" not in by_name["Story"]
    assert client.get("/rest/api/3/project/pay/statuses").status_code == 404


def test_fields_are_listed_with_their_schemas_where_they_have_one(client: httpx.Client) -> None:
    fields = client.get("/rest/api/3/field").json()
    custom = [field for field in fields if field["custom"]]
    assert len(custom) == 30
    assert all(field["schema"]["customId"] for field in custom)
    assert [field["id"] for field in fields if "schema" not in field] == ["parent", "issuekey"]
    assert [field["name"] for field in custom].count("Team") == 2
