from typing import Any

import httpx
import pytest

from integrations.sandbox import Faults, SandboxServer, Site

PATH, META = "/rest/api/3/mypermissions", "/rest/api/3/issue/createmeta/PAY/issuetypes"


def held(client: httpx.Client, **query: str) -> dict[str, bool]:
    shown = client.get(PATH, params=query).json()["permissions"]
    return {name: permission["havePermission"] for name, permission in shown.items()}


def test_the_account_reads_and_creates_but_administers_nothing(client: httpx.Client) -> None:
    names = "BROWSE_PROJECTS,CREATE_ISSUES,ADMINISTER"
    expected = {"BROWSE_PROJECTS": True, "CREATE_ISSUES": True, "ADMINISTER": False}
    assert held(client, permissions=names) == expected


def test_cloud_wants_names_that_it_knows(client: httpx.Client) -> None:
    assert client.get(PATH).status_code == 400
    assert client.get(PATH, params={"permissions": "FLY"}).status_code == 400
    assert client.get(PATH, params={"permissions": "ADMINISTER", "projectKey": "NOPE"}).status_code == 404


def test_data_center_tells_all_of_them_unasked(site: Site) -> None:
    with SandboxServer(site, deployment="Server") as server:
        url = f"{server.url}/rest/api/2/mypermissions"
        assert "VIEW_DEV_TOOLS" in httpx.get(url, auth=(server.email, server.token)).json()["permissions"]


def test_a_forbidden_project_takes_the_permissions_of_that_project(server: SandboxServer, client: httpx.Client) -> None:
    server.faults = Faults(forbidden_projects=("PAY", "WEB"))
    assert held(client, permissions="BROWSE_PROJECTS", projectKey="PAY") == {"BROWSE_PROJECTS": False}
    assert held(client, permissions="BROWSE_PROJECTS", projectKey="OPS") == {"BROWSE_PROJECTS": True}


def test_who_may_not_browse_sees_no_project(server: SandboxServer, client: httpx.Client) -> None:
    server.faults = Faults(lacking=("BROWSE_PROJECTS",))
    assert held(client, permissions="BROWSE_PROJECTS") == {"BROWSE_PROJECTS": False}
    assert client.get("/rest/api/3/project/search").status_code == 404


@pytest.mark.parametrize(
    ("deployment", "types", "fields"), [("Cloud", "issueTypes", "fields"), ("Server", "values", "values")]
)
def test_createmeta_is_paged_and_calls_its_lists_as_the_deployment_does(
    site: Site, deployment: str, types: str, fields: str
) -> None:
    with SandboxServer(site, deployment=deployment) as server:
        path = f"{server.url}{META.replace('/3/', '/2/')}"
        auth = (server.email, server.token)
        pages = [httpx.get(path, params={"startAt": n, "maxResults": 3}, auth=auth).json() for n in (0, 3)]
        known = httpx.get(f"{path}/10103", auth=auth).json()
    assert [kind["name"] for page in pages for kind in page[types]] == ["Epic", "Story", "Task", "Bug", "Sub-task"]
    assert [page["total"] for page in pages] == [5, 5]
    by_id = {field["fieldId"]: field for field in known[fields]}
    assert by_id["summary"]["required"]
    assert by_id["customfield_10028"]["schema"]["type"] == "number"


def test_createmeta_is_empty_and_no_error_for_who_may_not_create(server: SandboxServer, client: httpx.Client) -> None:
    server.faults = Faults(lacking=("CREATE_ISSUES",))
    types, fields = client.get(META).json(), client.get(f"{META}/10103").json()
    assert (types["issueTypes"], types["total"], fields["fields"]) == ([], 0, [])


def test_createmeta_of_unknown_projects_and_types_is_an_error(client: httpx.Client) -> None:
    assert client.get("/rest/api/3/issue/createmeta/NOPE/issuetypes").status_code == 404
    assert client.get(f"{META}/12345").status_code == 400


def test_both_versions_of_cloud_say_what_it_is(client: httpx.Client) -> None:
    answers: list[dict[str, Any]] = [client.get(f"/rest/api/{n}/serverInfo").json() for n in (2, 3)]
    assert [answer["deploymentType"] for answer in answers] == ["Cloud", "Cloud"]
    assert answers[0]["baseUrl"]
    assert answers[0]["serverTitle"]
