"""Saving what statuses mean, and the metrics that follow."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from custommapping.errors import Outdated, Refused
from custommapping.models import Status, StatusMapping
from etl import pipeline
from etl.load.parents import adopt_orphans
from etl.mapping import fingerprints
from etl.mapping.changing import Applied, Seen
from etl.mapping.statuses import StatusMeaning, save_status_mappings
from etl.models import RunKind, WorkItem
from etl.queue.topology import Stage
from etl.sql import execute, fetch
from etl.transform import categories
from etl.transform.metrics import METRIC_NAMES
from integrations.models import Integration
from integrations.records import Category
from tests.integrations.providers.jira.samples import issue as an_issue
from tests.services.waiting import wait_until
from tests.support.loading import Loading
from tests.support.making import a_run
from tests.support.mapping import is_current, stored, transformed
from tests.support.meanings import a_project, a_workflow, mapped_statuses, uses, with_items, with_statuses
from tests.support.records import DOING, DONE, TODO, issue, items, moved
from tests.support.tables import rows_of, versions
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
side_by_side = pytest.mark.django_db(transaction=True)


@pytest.fixture
def loading(db: None) -> Loading:
    return with_statuses()


def save(
    integration: Integration, *meanings: tuple[str, str | None] | tuple[str, str | None, str], seen: Seen | None = None
) -> Applied:
    return save_status_mappings(integration, [StatusMeaning(*meaning) for meaning in meanings], by="ann", seen=seen)


def refused(
    integration: Integration, *meanings: tuple[str, str | None] | tuple[str, str | None, str]
) -> dict[str, str]:
    with pytest.raises(Refused) as raised:
        save(integration, *meanings)
    return raised.value.errors


def metrics(integration: Integration) -> list[dict[str, object]]:
    rows = WorkItem.objects.filter(integration=integration).order_by("external_id")
    return list(rows.values("external_id", *METRIC_NAMES))


def test_a_mapping_recomputes_the_metrics_of_exactly_the_items_that_the_status_touches(loading: Loading) -> None:
    with_items(loading, "135", "125", "13", "3")
    before = dict(versions(loading.integration.pk)["work_items"])

    applied = save(loading.integration, ("3", DONE))

    after = dict(versions(loading.integration.pk)["work_items"])
    written = {WorkItem.objects.get(pk=key).external_id for key in before if before[key] != after[key]}
    assert (applied, written) == (Applied(1, 3), {"1", "3", "4"})
    assert loading.item("1").direct_completion


@pytest.mark.parametrize(
    "meanings",
    [
        [("3", DONE)],
        [("1", DOING), ("2", DOING), ("5", TODO)],
        [("1", DONE), ("2", DONE), ("3", DONE), ("4", DONE), ("5", DONE)],
    ],
)
def test_what_is_recomputed_is_what_a_load_with_these_mappings_makes(
    loading: Loading, meanings: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(categories, "CHUNK", 2)
    paths = ("135", "1353", "12", "3", "5", "1313135", "54321", "2142")
    with_items(loading, *paths)
    fresh = with_statuses("Globex")

    save(loading.integration, *meanings)
    save(fresh.integration, *meanings)
    with_items(fresh, *paths)

    assert metrics(loading.integration) == metrics(fresh.integration)
    assert rows_of("changelogs", loading.integration.pk) == rows_of("changelogs", fresh.integration.pk)


def test_without_its_mapping_a_status_means_again_what_the_source_says(loading: Loading) -> None:
    with_items(loading, "135", "13")
    before = metrics(loading.integration)
    save(loading.integration, ("3", TODO), ("5", DOING))
    assert metrics(loading.integration) != before

    assert save(loading.integration, ("3", None), ("5", "")) == Applied(2, 2)

    assert metrics(loading.integration) == before
    assert not StatusMapping.objects.exists()


def test_a_mapping_to_what_the_source_says_changes_no_item(loading: Loading) -> None:
    with_items(loading, "135")
    before = versions(loading.integration.pk)

    assert save(loading.integration, ("3", DOING)) == Applied(1, 0)

    assert versions(loading.integration.pk) == before
    assert mapped_statuses(loading.integration) == {"3": (DOING, "")}


def test_what_stands_already_is_not_written(loading: Loading) -> None:
    a_workflow(loading.integration, "Build")
    save(loading.integration, ("3", DONE, "Build"))
    before = StatusMapping.objects.values().get()

    assert save(loading.integration, ("3", DONE, "Build"), ("4", None)) == Applied(0, 0)

    assert StatusMapping.objects.values().get() == before


def test_a_change_of_the_step_alone_looks_at_no_item(loading: Loading) -> None:
    with_items(loading, "135")
    a_workflow(loading.integration, "Build", "Check")
    save(loading.integration, ("3", DONE, "Build"))

    with CaptureQueriesContext(connection) as queries:
        assert save(loading.integration, ("3", DONE, "Check")) == Applied(1, 0)

    assert not [query["sql"] for query in queries.captured_queries if "work_items" in query["sql"]]


def test_an_inactive_mapping_is_none_and_comes_back_when_it_is_saved(loading: Loading) -> None:
    with_items(loading, "13")
    save(loading.integration, ("3", DONE))
    StatusMapping.objects.update(active=False)

    assert save(loading.integration, ("3", DONE)).mappings == 1

    assert mapped_statuses(loading.integration) == {"3": (DONE, "")}


def test_mappings_of_another_integration_and_its_items_stay_as_they_are(loading: Loading) -> None:
    other = with_items(with_statuses(name="Other"), "135")
    save(other.integration, ("3", TODO))
    before = versions(other.integration.pk)

    save(loading.integration, ("3", DONE))

    assert (mapped_statuses(other.integration), versions(other.integration.pk)) == ({"3": (TODO, "")}, before)


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_saved(loading: Loading) -> None:
    a_workflow(loading.integration, "Build")

    errors = refused(
        loading.integration,
        ("1", DONE), ("99", DONE), ("2", "Finished"), ("3", DONE, "Ship"), ("4", None, "Build"), ("1", TODO),
        ("x\x00", DONE),
    )  # fmt: skip

    assert errors == {
        "mappings.1.status_external_id": "integration Jira has no status '99'",
        "mappings.2.category": "'Finished' is none of: To Do, In Progress, Done",
        "mappings.3.flow_step": "'Ship' is no step of a workflow that applies to this status; steps are: Build",
        "mappings.4.category": "must be given where there is a flow step ('Build')",
        "mappings.5.status_external_id": "'1' stands there twice",
        "mappings.6.status_external_id": "integration Jira has no status 'x\\x00'",
    }
    assert not StatusMapping.objects.exists()


def test_a_status_of_another_integration_is_unknown_here(loading: Loading) -> None:
    other = with_statuses("Globex")
    Status.objects.filter(integration=other.integration, external_id="4").update(external_id="44")

    assert list(refused(loading.integration, ("44", DONE))) == ["mappings.0.status_external_id"]


def test_a_step_must_be_one_of_a_workflow_that_applies_to_the_status(loading: Loading) -> None:
    pay, web = a_project(loading.integration), a_project(loading.integration, "WEB")
    uses(pay, "3")
    uses(web, "4")
    a_workflow(loading.integration, "Pay", project=pay)
    a_workflow(loading.integration, "Web", project=web)
    elsewhere = with_statuses("Globex").integration
    a_workflow(elsewhere, "Foreign")

    save(loading.integration, ("3", DOING, "Pay"), ("4", DOING, "Web"), ("1", TODO, "Pay"), ("2", TODO, "Web"))

    assert "steps are: Pay" in refused(loading.integration, ("3", DOING, "Web"))["mappings.0.flow_step"]
    assert "steps are: Pay, Web" in refused(loading.integration, ("5", DONE, "Foreign"))["mappings.0.flow_step"]
    assert "no workflow applies" in refused(with_statuses("Initech").integration, ("5", DONE, "Pay"))[
        "mappings.0.flow_step"
    ]  # fmt: skip


def test_a_step_that_has_vanished_since_may_stay_while_the_category_is_changed(loading: Loading) -> None:
    flow = a_workflow(loading.integration, "Build")
    save(loading.integration, ("3", DOING, "Build"))
    flow.delete()

    assert save(loading.integration, ("3", DONE, "Build")).mappings == 1


def test_who_saw_another_mapping_than_stands_is_told_and_nothing_is_saved(loading: Loading) -> None:
    save(loading.integration, ("3", DONE))
    seen = StatusMapping.objects.get().last_updated_at
    save(loading.integration, ("3", TODO), ("4", TODO))

    with pytest.raises(Outdated) as raised:
        save(loading.integration, ("5", TODO), ("3", DOING), ("4", DOING), seen={"3": seen, "4": None, "5": None})

    assert raised.value.errors == {
        "mappings.1": "somebody else changed '3' meanwhile",
        "mappings.2": "somebody else changed '4' meanwhile",
    }
    assert mapped_statuses(loading.integration) == {"3": (TODO, ""), "4": (TODO, "")}


def test_who_saw_what_stands_or_wants_just_that_is_not_told(loading: Loading) -> None:
    save(loading.integration, ("3", DONE))
    stands = StatusMapping.objects.get().last_updated_at

    save(loading.integration, ("3", TODO), seen={"3": stands})
    save(loading.integration, ("3", TODO), seen={"3": stands})
    with pytest.raises(Outdated):
        save(loading.integration, ("3", None), seen={"3": timezone.now()})

    assert mapped_statuses(loading.integration) == {"3": (TODO, "")}


def test_answers_that_were_current_remain_so_and_stale_ones_stay_stale() -> None:
    run = a_run(kind=RunKind.IMPORT)
    current, stale = transformed(run, an_issue(1)), transformed(run, an_issue(2))
    execute("UPDATE raw_extraction_data SET fingerprint = 'older' WHERE id = %s", [stale.pk])
    status = Status.objects.filter(integration=run.integration).latest("id").external_id

    save(run.integration, (status, DONE))

    assert (is_current(current), is_current(stale)) == (True, False)
    assert fingerprints.current(run.integration) != "older"


def test_what_is_wrong_leaves_no_answer_stale() -> None:
    run = a_run(kind=RunKind.IMPORT)
    row = transformed(run, an_issue(1))

    refused(run.integration, ("no such", DONE))

    assert is_current(row)


def test_the_number_of_statements_does_not_grow_with_the_items(loading: Loading) -> None:
    with_items(loading, "13", *["12"] * 20)
    calls: list[int] = []

    with CaptureQueriesContext(connection) as queries:
        assert save(loading.integration, ("3", DONE)).rows == 1
        calls.append(len(queries))
    with_items(loading, "13", *["12"] * 20, *["13"] * 20)
    with CaptureQueriesContext(connection) as queries:
        assert save(loading.integration, ("3", TODO)).rows == 21
        calls.append(len(queries))

    assert calls[0] == calls[1]


def first_in(session: Callable[[], object], then: Callable[[], object]) -> None:
    """Holds a transaction open, having done the first, until somebody waits for what it holds; does both."""
    done = threading.Event()

    def hold() -> None:
        with transaction.atomic():
            session()
            done.set()
            assert wait_until(somebody_waits, 20)

    def follow() -> None:
        assert done.wait(20)
        then()

    at_once(hold, follow)


def somebody_waits() -> bool:
    return bool(fetch("SELECT 1 FROM pg_locks WHERE NOT granted", []))


@side_by_side
def test_a_load_under_way_is_waited_for_and_its_items_are_recomputed() -> None:
    loading = with_statuses()

    first_in(lambda: with_items(loading, "13"), lambda: save(loading.integration, ("3", DONE)))

    assert loading.item().total_completions == 1


@side_by_side
def test_a_load_that_comes_meanwhile_waits_and_takes_the_new_meaning() -> None:
    loading = with_statuses()
    page = loading.source()

    first_in(
        lambda: save(loading.integration, ("3", DONE)),
        lambda: loading.load(items(moved("1", "1", "3")), page),
    )

    assert loading.item().total_completions == 1


@side_by_side
def test_children_that_are_linked_meanwhile_in_the_order_of_their_names_are_no_deadlock() -> None:
    """Ids and names in opposite orders: whoever locked in the order of ids would meet the other in the middle."""
    loading = with_statuses()
    numbers = range(60, 10, -1)
    for number in numbers:
        loading.load(items(issue(str(number), status="3", parent_id="9")))
    loading.load(items(issue("9")))
    halfway, goes_on = threading.Event(), threading.Event()

    def link_one_after_the_other() -> None:
        with transaction.atomic():
            fetch("SELECT id FROM work_items WHERE external_id = '11' FOR NO KEY UPDATE", [])
            halfway.set()
            goes_on.wait(20)
            fetch("SELECT id FROM work_items WHERE external_id = '60' FOR NO KEY UPDATE", [])
            adopt_orphans(loading.integration.pk)

    def map_status() -> None:
        assert halfway.wait(20)
        save(loading.integration, ("3", DONE))

    def let_go() -> None:
        assert wait_until(somebody_waits, 20)
        goes_on.set()

    at_once(link_one_after_the_other, map_status, let_go)

    assert not WorkItem.objects.filter(parent=None).exclude(external_id="9").exists()
    assert set(WorkItem.objects.exclude(external_id="9").values_list("total_completions", flat=True)) == {0}


@side_by_side
@pytest.mark.parametrize("attempt", range(2))
def test_pages_that_two_workers_load_while_statuses_are_mapped_miss_nothing(attempt: int) -> None:
    run = a_run(kind=RunKind.IMPORT)
    integration = run.integration
    transformed(run, an_issue(99))
    status = Status.objects.get(integration=integration, external_id=WorkItem.objects.get().status.external_id)
    rows = [stored(run, an_issue(number)) for number in range(12)]

    def work(part: int) -> None:
        for row in rows[part::2]:
            pipeline.handle(Stage.TRANSFORM, [row.pk])
            pipeline.handle(Stage.TRANSFORM, [row.pk])

    def keep_mapping() -> None:
        for category in (DONE, TODO, DOING, None, DONE):
            save(integration, (status.external_id, category))

    at_once(partial(work, 0), partial(work, 1), keep_mapping)
    for row in rows:
        pipeline.handle(Stage.TRANSFORM, [row.pk])
    found = metrics(integration)
    assert all(map(is_current, rows))

    save(integration, (status.external_id, None))
    save(integration, (status.external_id, DONE))
    assert metrics(integration) == found
    assert {row["total_work_starts"] for row in found} == {0}


@side_by_side
def test_of_two_who_save_the_same_status_at_once_the_second_is_told() -> None:
    loading = with_statuses()

    def try_to_save(category: Category) -> bool:
        try:
            save(loading.integration, ("3", category), seen={"3": None})
        except Outdated:
            return False
        return True

    assert sorted(at_once(partial(try_to_save, TODO), partial(try_to_save, DONE))) == [False, True]
