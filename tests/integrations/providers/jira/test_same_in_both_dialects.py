"""One site, served as Cloud and as Data Center: the same issues, statuses and histories come out of both."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from custommapping.texts import to_number, to_text
from integrations.provider import Connection, RawAnswer
from integrations.providers.jira.client import JiraClient, client_for
from integrations.providers.jira.issues import cut_issue_ids
from integrations.providers.jira.normalise import CHANGELOGS, FIELDS, ISSUES, PROJECTS, STATUSES, normalise
from integrations.records import Batch, WorkItemRecord
from integrations.sandbox import SandboxServer, Site, SiteSpec

ISSUES_OF_SITE, INLINE = 12, 2
POINTS = "customfield_10028"
# Data Center writes rich text as wiki markup.
RICH_TEXTS = {"customfield_10035", "customfield_10036"}


@pytest.fixture(scope="module")
def site() -> Site:
    # One for both servers: what differs is the dialect alone.
    return Site(SiteSpec(issues=ISSUES_OF_SITE, seed=5))


@pytest.fixture(scope="module")
def cloud(site: Site) -> Iterator[JiraClient]:
    with SandboxServer(site, inline_histories=INLINE) as server:
        yield client(server, 1)


@pytest.fixture(scope="module")
def data_center(site: Site) -> Iterator[JiraClient]:
    with SandboxServer(site, deployment="Server") as server:
        yield client(server, 2)


def client(server: SandboxServer, number: int) -> JiraClient:
    secrets = {"email": server.email, "api_token": server.token}
    return client_for(Connection(number, "Jira", {"base_url": server.url}, secrets))


def pages(jira: JiraClient) -> RawAnswer:
    """All issues of the site, as one page."""
    keys = [project["key"] for project in listed(jira.projects(0).json())]
    place: Any = None if jira.is_cloud else 0
    content = jira.search(f"project in ({', '.join(keys)}) ORDER BY created", 100, place).json()
    assert len(content["issues"]) == ISSUES_OF_SITE
    return RawAnswer(ISSUES, "page", content)


def listed(content: Any) -> list[Any]:
    return list(content if isinstance(content, list) else content["values"])


def one_by_one(jira: JiraClient, ids: list[str]) -> list[RawAnswer]:
    """What each issue's own history says, in the client's dialect."""
    return [
        RawAnswer(CHANGELOGS, number, jira.issue_changelog(number, 0).json(), {"issue_id": number}) for number in ids
    ]


def read(answer: RawAnswer, followups: list[RawAnswer]) -> list[WorkItemRecord]:
    batch = normalise(answer, followups)
    assert list(batch.quarantined) == []
    return batch.work_items


def flow(record: WorkItemRecord) -> list[tuple[datetime, str, int, str | None, str | None, str | None]]:
    return [(c.at, c.history_id, c.item, c.from_id, c.to_id, c.by.name) for c in record.changes]


def readable(record: WorkItemRecord) -> dict[str, Any]:
    """The texts of the custom fields that have one, but of those that the dialects word differently."""
    texts = {name: to_text(record.custom_texts.get(name, value)) for name, value in record.custom.items()}
    return {name: text for name, text in texts.items() if name not in RICH_TEXTS and text}


def test_histories_are_the_same_in_all_shapes(cloud: JiraClient, data_center: JiraClient) -> None:
    page, whole = pages(cloud), pages(data_center)
    cut = cut_issue_ids(page.content["issues"])
    assert cut
    assert cut_issue_ids(whole.content["issues"]) == []
    bulk = [RawAnswer(CHANGELOGS, "bulk", cloud.changelogs(cut, None).json())]
    everyone = [issue["id"] for issue in whole.content["issues"]]

    expected = {record.external_id: flow(record) for record in read(whole, [])}

    assert any(len(changes) > INLINE for changes in expected.values())
    for answer, followups in (
        (page, bulk), (page, one_by_one(cloud, cut)), (whole, one_by_one(data_center, everyone))
    ):  # fmt: skip
        assert {record.external_id: flow(record) for record in read(answer, followups)} == expected


def test_issues_say_the_same(cloud: JiraClient, data_center: JiraClient) -> None:
    page = pages(cloud)
    ours = read(
        page, [RawAnswer(CHANGELOGS, "b", cloud.changelogs(cut_issue_ids(page.content["issues"]), None).json())]
    )
    theirs = {record.external_id: record for record in read(pages(data_center), [])}

    for record in ours:
        other = theirs[record.external_id]
        names = ("key", "project_id", "summary", "created", "updated", "parent_id", "priority", "resolution", "labels")
        assert [getattr(record, name) for name in names] == [getattr(other, name) for name in names]
        assert (record.resolved, record.due) == (other.resolved, other.due)
        assert replace(record.status, project_id=None) == replace(other.status, project_id=None)
        assert record.wit.external_id == other.wit.external_id
        assert (record.assignee.name, record.reporter.name) == (other.assignee.name, other.reporter.name)
        assert to_number(record.custom.get(POINTS)) == to_number(other.custom.get(POINTS))
        assert (record.description is None) == (other.description is None)
    assert any(text for record in ours for text in readable(record).values())


def test_custom_fields_read_the_same(cloud: JiraClient, data_center: JiraClient) -> None:
    page = pages(cloud)
    bulk = [RawAnswer(CHANGELOGS, "b", cloud.changelogs(cut_issue_ids(page.content["issues"]), None).json())]
    ours = {record.key: readable(record) for record in read(page, bulk)}

    assert ours == {record.key: readable(record) for record in read(pages(data_center), [])}
    assert len({name for texts in ours.values() for name in texts}) > 20


def catalogues(jira: JiraClient) -> Batch:
    projects = normalise(RawAnswer(PROJECTS, "projects", jira.projects(0).json()))
    projects.statuses = normalise(RawAnswer(STATUSES, "statuses", jira.statuses().json())).statuses
    projects.custom_fields = normalise(RawAnswer(FIELDS, "fields", jira.fields().json())).custom_fields
    return projects


def test_projects_types_statuses_and_fields_are_the_same(cloud: JiraClient, data_center: JiraClient) -> None:
    ours, theirs = catalogues(cloud), catalogues(data_center)

    def told(batch: Batch) -> tuple[Any, ...]:
        return (
            sorted((found.external_id, found.key, found.name, found.archived) for found in batch.projects),
            sorted((found.external_id, found.name, found.subtask) for found in batch.wits),
            sorted((pair.project_id, sorted(pair.wit_ids)) for pair in batch.project_wits),
            sorted((found.external_id, found.name, str(found.category)) for found in batch.statuses),
            sorted((found.external_id, found.name, found.field_type) for found in batch.custom_fields),
        )

    assert told(ours) == told(theirs)
    assert all(told(ours))
