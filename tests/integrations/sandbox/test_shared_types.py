from dataclasses import replace

import httpx
import pytest

from integrations.sandbox import SandboxServer, Site, SiteSpec
from integrations.sandbox.jira.catalog import EPIC, PROJECTS, SUBTASK
from integrations.sandbox.jira.shared_types import projects_sharing_types


def test_eleven_types_are_used_in_eighty_six_pairs() -> None:
    site = Site(SiteSpec(400, projects=projects_sharing_types(types=11, pairs=86, projects=10)))
    with SandboxServer(site) as server:
        url = f"{server.url}/rest/api/3/project/search?expand=issueTypes"
        projects = httpx.get(url, auth=(server.email, server.token)).json()["values"]
    pairs = [(project["id"], kind["id"]) for project in projects for kind in project["issueTypes"]]
    assert len(pairs) == len(set(pairs)) == 86
    assert len({kind for _, kind in pairs}) == 11
    used = {(entry.project.id, entry.type.id) for entry in site.entries}
    assert used <= set(pairs)
    assert len({kind for _, kind in used}) == 11


def test_a_project_without_standard_types_makes_no_subtasks_since_nothing_could_hold_them() -> None:
    project = replace(PROJECTS[0], types=(EPIC, SUBTASK))
    site = Site(SiteSpec(40, projects=(project,)))
    assert {entry.type.name for entry in site.entries} == {"Epic"}


@pytest.mark.parametrize(("types", "pairs", "projects"), [(11, 120, 10), (5, 3, 1), (1, 0, 0), (9, 8, 8)])
def test_what_cannot_be_is_refused(types: int, pairs: int, projects: int) -> None:
    with pytest.raises(ValueError, match=f"{types} issue types in {pairs} pairs"):
        projects_sharing_types(types, pairs, projects)
