"""Custom fields that change while the site runs, and the old way to ask what issues may be created with."""

from typing import Any

import httpx
import pytest

from integrations.sandbox import SandboxServer, Site
from integrations.sandbox.faults import Createmeta

POINTS, META = "customfield_10028", "/rest/api/3/issue/createmeta"
WHOLE = {"projectIds": "10000", "expand": "projects.issuetypes.fields"}
Fields = dict[str, dict[str, Any]]


def listed(client: httpx.Client) -> Fields:
    return {field["id"]: field for field in client.get("/rest/api/3/field").json()}


def offered(client: httpx.Client, project: str, wit: str) -> Fields:
    answer = client.get(f"{META}/{project}/issuetypes/{wit}", params={"maxResults": 200}).json()
    return {field["fieldId"]: field for field in answer["fields"]}


def values(site: Site) -> list[Any]:
    return [site.issue(entry).fields.get(POINTS) for entry in site.entries]


def change(server: SandboxServer, what: str, **body: str) -> httpx.Response:
    return httpx.post(f"{server.url}/sandbox/{what}", json=body, timeout=10)


def test_a_field_is_renamed_and_retyped_everywhere(server: SandboxServer, client: httpx.Client) -> None:
    change(server, "rename-field", field=POINTS, name="Points")
    change(server, "retype-field", field=POINTS, type="string")
    for shown in (listed(client), offered(client, "PAY", "10101")):
        assert (shown[POINTS]["name"], shown[POINTS]["schema"]["type"]) == ("Points", "string")


def test_a_removed_field_takes_its_values_along_until_it_is_restored(
    server: SandboxServer, site: Site, client: httpx.Client
) -> None:
    before = values(site)
    change(server, "remove-field", field=POINTS)
    assert POINTS not in listed(client)
    assert POINTS not in offered(client, "PAY", "10101")
    assert set(values(site)) == {None}
    change(server, "restore-field", field=POINTS)
    assert POINTS in listed(client)
    assert values(site) == before != [None] * len(before)


def test_a_field_of_one_project_is_offered_there_alone(server: SandboxServer, client: httpx.Client) -> None:
    added = change(server, "add-field", name="Size", type="number", project="DATA").json()["add-field"]
    other = change(server, "add-field", name="Size", type="number").json()["add-field"]
    shown = listed(client)
    assert shown[added]["scope"] == {"type": "PROJECT", "project": {"id": "10004"}}
    assert "scope" not in shown[other]
    assert {added, other} <= offered(client, "DATA", "12041").keys()
    assert (added in offered(client, "PAY", "10101"), other in offered(client, "PAY", "10101")) == (False, True)


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("rename-field", {"field": "customfield_1", "name": "x"}),
        ("restore-field", {"field": POINTS}),
        ("remove-field", {"field": "summary"}),
        ("add-field", {"name": "x", "type": "string", "project": "NOPE"}),
    ],
)
def test_what_cannot_be_changed_is_told(server: SandboxServer, what: str, body: dict[str, str]) -> None:
    answer = change(server, what, **body)
    assert answer.status_code == 400
    assert answer.json()["errorMessages"][0].startswith("There is no ")


def test_types_require_and_offer_fields_of_their_own(client: httpx.Client) -> None:
    epic, story, bug = (offered(client, "PAY", wit) for wit in ("10100", "10101", "10103"))
    assert (POINTS in epic, story[POINTS]["required"], bug[POINTS]["required"]) == (False, True, False)
    assert bug["customfield_10030"]["required"]


def test_an_old_site_tells_all_types_of_a_project_at_once_and_has_no_pages(
    server: SandboxServer, client: httpx.Client
) -> None:
    paged = {wit: offered(client, "PAY", wit) for wit in ("10100", "10101")}
    assert client.get(META, params=WHOLE).status_code == 404
    server.faults.createmeta = Createmeta.WHOLE
    (project,) = client.get(META, params=WHOLE).json()["projects"]
    assert (project["id"], project["key"]) == ("10000", "PAY")
    assert {wit["id"]: wit["fields"] for wit in project["issuetypes"] if wit["id"] in paged} == paged
    assert client.get(f"{META}/PAY/issuetypes").status_code == 404
    (bare,) = client.get(META, params={"projectKeys": "PAY"}).json()["projects"]
    assert "fields" not in bare["issuetypes"][0]
    server.faults.lacking = ("CREATE_ISSUES",)
    assert client.get(META, params=WHOLE).json()["projects"] == []
