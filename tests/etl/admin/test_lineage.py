"""What a stored answer became, and where a work item or pull request comes from: answer, unit, run, call."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from custommapping.models import Status
from etl.admin import lineage
from etl.jobs import lifecycle
from etl.models import Changelog, ExtractionCheckpoint, Pr, RawExtractionData, WebhookDelivery, WorkItem, WorkItemPrLink
from etl.queue.topology import Stage
from integrations.records import Batch
from pulse.tenancy.models import User
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named
from tests.etl.admin.rows import Rows, staff
from tests.support.driving import work_off
from tests.support.loading import Loading, offline_integration
from tests.support.making import checkpoint, raw_row
from tests.support.records import STATUSES, commit, issue, items, moved, pull_request, pulls, review, statuses
from tests.support.sites import Connected

SHOWN = lineage.SHOWN_ROWS
MOST_QUERIES = 45


@pytest.fixture
def loading(acme: Rows) -> Loading:
    loading = Loading.of(offline_integration(acme.tenant.name))
    loading.load(statuses(*STATUSES.values()))
    return loading


@pytest.fixture
def ada(acme: Rows) -> User:
    return User.objects.create_user("ada2", tenant=acme.tenant, role="viewer", is_staff=True)


def answered(loading: Loading, batch: Batch, ids: Sequence[str], **fields: Any) -> RawExtractionData:
    """A stored answer that tells of items, and was loaded."""
    answer = raw_row(loading.run, digests=dict.fromkeys(ids, "h"), **fields)
    loading.load(batch, replace(loading.source(), raw_id=answer.pk))
    return RawExtractionData.objects.get(pk=answer.pk)


def groups(user: User, answer: RawExtractionData) -> dict[str, list[tuple[str, str]]]:
    return {group.title: [(row.title, row.note) for row in group.rows] for group in lineage.became(user, answer)}


def opened(client: Client, address: str) -> Any:
    response = client.get(address)
    assert response.status_code == 200, address
    return response


def listed(client: Client, address: str) -> list[str]:
    """The names of the rows that a list shows."""
    return [str(row) for row in opened(client, address).context["cl"].result_list]


# What it became


def test_an_answer_leads_to_the_items_that_it_tells_of_and_says_which_another_one_wrote(
    loading: Loading, ada: User
) -> None:
    first = answered(loading, items(moved("1", "1", "3"), moved("2", "1", "3")), ["1", "2"])
    second = answered(loading, items(moved("2", "1", "3", "5"), issue("3")), ["2", "3"])

    told = groups(ada, first)

    assert told["Work items"] == [("ABC-1 Issue 1", ""), ("ABC-2 Issue 2", f"as answer {second.pk} has it")]
    assert told["Changelogs"] == [("ABC-1: Backlog → Building", "")]


def test_each_link_of_what_an_answer_became_leads_to_that_row(loading: Loading, ada: User, viewer: Client) -> None:
    answer = answered(loading, items(moved("1", "1", "3", "5")), ["1"])

    found = lineage.became(ada, answer)

    assert {group.title for group in found} >= {"Work items", "Changelogs", "Projects", "Wits"}
    for group in found:
        for row in group.rows:
            assert row.title.partition(": ")[2 if group.title == "Changelogs" else 0] == str(
                opened(viewer, row.address).context["original"]
            )


def test_rows_of_catalogues_are_shown_with_the_answer_that_they_were_written_from(loading: Loading, ada: User) -> None:
    answer = raw_row(loading.run, entity_type="jira_statuses", digests={})
    Status.objects.filter(external_id="3").update(raw_data_id=answer.pk)

    assert groups(ada, answer) == {"Statuses": [("Building", "")]}


def test_of_many_rows_the_first_are_shown_and_a_list_has_all_of_them(
    loading: Loading, ada: User, viewer: Client
) -> None:
    ids = [str(number) for number in range(1, SHOWN + 3)]
    answer = answered(loading, items(*(moved(one, "1", "3") for one in ids)), ids)
    answered(loading, items(moved("900", "1", "3")), ["900"])

    found = {group.title: group for group in lineage.became(ada, answer)}

    for title, model in (("Work items", WorkItem), ("Changelogs", Changelog)):
        assert len(found[title].rows) == SHOWN
        assert found[title].all_address == f"{addresses.list_of(model)}?answer={answer.pk}"
    names = listed(viewer, f"{found['Work items'].all_address}&p=2")
    assert len(listed(viewer, found["Work items"].all_address)) + len(names) == len(ids)
    assert "ABC-900 Issue 900" not in names
    assert found["Projects"].all_address == ""


def test_an_answer_whose_items_nobody_noted_leads_to_what_was_written_from_it(loading: Loading, ada: User) -> None:
    answer = raw_row(loading.run)
    loading.load(items(issue("1")), replace(loading.source(), raw_id=answer.pk))
    loading.load(items(issue("2")))

    assert groups(ada, answer)["Work items"] == [("ABC-1 Issue 1", "")]


def test_a_pull_requests_parts_and_links_are_told(acme: Rows, ada: User, viewer: Client) -> None:
    integration = offline_integration(acme.tenant.name)
    integration.provider = "github"
    integration.save(update_fields=["provider"])
    loading = Loading.of(integration)
    record = pull_request("1", commits=(commit(1, -2),), reviews=(review(5, 2),))

    answer = answered(loading, pulls(record), ["1"])

    assert groups(ada, answer)["Pull request commits"] == [("0000000000", "")]
    assert groups(ada, answer)["Pull request reviews"] == [("bob APPROVED", "")]
    for model in (Pr, WorkItemPrLink, Changelog):
        names = listed(viewer, f"{addresses.list_of(model)}?answer={answer.pk}")
        assert names == (["#1 Pull request 1"] if model is Pr else [])


@pytest.mark.parametrize("said", ["abc", "-1", "٣", "99999999999999999999"])
def test_a_list_of_what_came_of_something_that_is_no_answer_is_refused(said: str, viewer: Client, acme: Rows) -> None:
    response = viewer.get(addresses.list_of(WorkItem), {"answer": said})

    assert response.headers["Location"].endswith("?e=1")


# Where it comes from


def test_an_item_leads_to_its_answer_unit_run_and_call(loading: Loading, viewer: Client) -> None:
    unit = checkpoint(loading.run, partition_key="project:100")
    metadata = {
        "method": "POST",
        "url": "/rest/api/3/search/jql",
        "status": 200,
        "jql": "project = ABC",
        "token": "hunter2-hunter2",
        "checkpoint_id": unit.pk,
        "extracted_at": "2026-03-01T12:00:00+00:00",
    }
    answer = answered(loading, items(issue("1")), ["1"], extraction_metadata=metadata)
    page = addresses.page_of(loading.item())

    (origin,) = opened(viewer, page).context["origins"]

    assert (origin.answer, origin.unit, origin.run) == (answer, unit, loading.run)
    assert (origin.call.method, origin.call.url) == ("POST", "http://127.0.0.1:9/rest/api/3/search/jql")
    content = opened(viewer, page).content.decode()
    assert "project = ABC" in content
    assert "hunter2" not in content
    for row in (answer, unit, loading.run):
        assert addresses.page_of(row) in content
        opened(viewer, addresses.page_of(row))


def test_what_completes_an_answer_is_told_beside_it(loading: Loading, ada: User) -> None:
    answer = answered(loading, items(moved("1", "1", "3")), ["1", "2"])
    rest = raw_row(loading.run, entity_type="jira_changelogs", parent=answer, digests={"1": "h"})
    raw_row(loading.run, entity_type="jira_changelogs", parent=answer, digests={"2": "h"})

    found = lineage.comes_from(ada, loading.item())

    assert [(origin.answer, origin.completes) for origin in found] == [(answer, False), (rest, True)]
    assert groups(ada, rest)["Changelogs"] == [("ABC-1: Backlog → Building", "")]


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"imported_from": "a.json"}, "It was handed in: no call of Pulse's brought it."),
        ({"method": "GET", "url": "/x"}, "It was stored before Pulse noted which unit fetched it."),
        ({"method": "GET", "url": "/x", "checkpoint_id": 2**40}, "The unit that fetched it is gone."),
        (
            {"method": ["GET"], "url": None, "checkpoint_id": "1", "extracted_at": {}},
            "The unit that fetched it is gone.",
        ),
    ],
)
def test_where_no_unit_is_known_it_is_said_why(
    metadata: dict[str, Any], why: str, loading: Loading, viewer: Client
) -> None:
    answered(loading, items(issue("1")), ["1"], extraction_metadata=metadata)

    response = opened(viewer, addresses.page_of(loading.item()))

    assert [origin.missing for origin in response.context["origins"]] == [why]


@pytest.mark.parametrize(
    "name",
    ["checkpoint_id", "delivery_id", "extracted_at", "issue_id", "issue_ids", "method", "payload_size", "status"],
)
def test_metadata_that_says_what_nobody_expects_breaks_no_page(name: str, loading: Loading, viewer: Client) -> None:
    answer = answered(loading, items(issue("1")), ["1"])
    for said in ([1], {"a": [1]}, 10**30, -1.5, "2026-13-45T00:00:00Z", "\u2028", True, None):
        RawExtractionData.objects.filter(pk=answer.pk).update(
            extraction_metadata={"url": "/x", "method": "GET", name: said}
        )
        opened(viewer, addresses.page_of(answer))
        opened(viewer, addresses.page_of(loading.item()))


def test_an_answer_that_a_webhook_brought_leads_to_its_delivery(loading: Loading, ada: User) -> None:
    owner = {"tenant": loading.integration.tenant, "integration": loading.integration}
    delivery = WebhookDelivery.objects.create(**owner, delivery_id="d-1", event="jira:issue_updated")
    answered(loading, items(issue("1")), ["1"], extraction_metadata={"delivery_id": "d-1"})

    (origin,) = lineage.comes_from(ada, loading.item())

    assert (origin.delivery, origin.missing, origin.call) == (delivery, "", None)


def test_all_answers_that_tell_of_an_item_are_found_the_newest_first_a_part_at_a_time(
    loading: Loading, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "LOOKED_THROUGH", 3)
    old = answered(loading, items(issue("1")), ["1"])
    for _ in range(3):
        raw_row(loading.run, digests={"2": "h"})
    new = answered(loading, items(issue("1", version=1)), ["1", "2"])
    address = named(WorkItem, "answers", loading.item().pk)

    found, pages = [], 0
    before: int | None = 2**63 - 1
    while before is not None:
        page = opened(viewer, f"{address}?before={before}").context["found"]
        found += page.answers
        pages, before = pages + 1, page.before

    assert found == [new, old]
    assert pages > 1


@pytest.mark.parametrize("before", ["x", "-3", "1e9", "99999999999999999999"])
def test_answers_cannot_be_looked_for_before_what_is_no_number(before: str, loading: Loading, viewer: Client) -> None:
    loading.load(items(issue("1")))

    assert viewer.get(named(WorkItem, "answers", loading.item().pk), {"before": before}).status_code == 400


def test_a_fetched_item_leads_to_the_call_that_its_answer_came_of(connected: Connected, client: Client) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")
    work_off(run, stages=(Stage.EXTRACTION, Stage.TRANSFORM))
    client.force_login(staff("otto", connected.tenant, role="viewer"))
    linked = WorkItemPrLink.objects.order_by("pk")[0].work_item

    origins = opened(client, addresses.page_of(linked)).context["origins"]

    main, *others = origins
    assert main.answer.pk == linked.raw_data_id
    assert main.unit == ExtractionCheckpoint.objects.get(
        step=main.answer.step, partition_key=f"project:{linked.project.external_id}"
    )
    assert main.call.url == f"{connected.server.url}/rest/api/3/search/jql"
    assert {origin.answer.entity_type for origin in others} == {"jira_dev_status_detail"}
    assert all(origin.unit and not origin.missing for origin in origins)
    detail = others[0].answer
    first, *further = opened(client, addresses.page_of(detail)).context["groups"]
    assert (first.title, first.rows[0].address) == ("Work items", addresses.page_of(linked))
    assert "Work item to pull request links" in {group.title for group in further}


# Tenants apart, and few queries


def test_nothing_of_another_tenant_is_told_although_all_ids_are_the_same(
    loading: Loading, rival: Rows, ada: User, viewer: Client
) -> None:
    other = Loading.of(offline_integration(rival.tenant.name))
    other.load(statuses(*STATUSES.values()))
    theirs = answered(other, items(moved("1", "1", "3", summary="Rival")), ["1"])
    unit = checkpoint(other.run)
    ours = answered(loading, items(moved("1", "1", "3")), ["1"], extraction_metadata={"checkpoint_id": unit.pk})

    # Superusers see both tenants' rows, yet what is told of a row is its own integration's.
    for user in (ada, User.objects.create_superuser("root", password=None)):
        told = groups(user, ours)
        assert (told["Work items"], len(told["Changelogs"])) == ([("ABC-1 Issue 1", "")], 1)
        assert [origin.unit for origin in lineage.comes_from(user, loading.item())] == [None]
        assert lineage.telling_of(user, loading.item()).answers == [ours]
    assert listed(viewer, f"{addresses.list_of(WorkItem)}?answer={theirs.pk}") == []
    for address in (named(RawExtractionData, "json", theirs.pk), named(WorkItem, "answers", other.item().pk)):
        assert viewer.get(address).status_code == 404
    assert viewer.get(addresses.page_of(theirs)).status_code == 302


def _queries(client: Client, row: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        opened(client, addresses.page_of(row))
    return len(captured)


def test_pages_make_no_more_queries_for_more_rows(loading: Loading, viewer: Client) -> None:
    few = answered(loading, items(moved("1", "1", "3")), ["1"])
    ids = [str(number) for number in range(2, 30)]
    many = answered(loading, items(*(moved(one, "1", "3", "1", "3", "5") for one in ids)), ids)

    counts = [_queries(viewer, row) for row in (few, many, loading.item("1"), loading.item("2"))]

    assert counts[1] <= counts[0] <= MOST_QUERIES
    assert counts[3] <= counts[2] <= MOST_QUERIES
