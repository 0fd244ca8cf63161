from dataclasses import replace

import pytest
from django.db import transaction

from custommapping.models import Status, StatusMapping
from etl.load.loader import load
from etl.models import WorkItem
from etl.transform.metrics import METRIC_NAMES
from integrations.records import Category, StatusRecord
from tests.support.loading import Loading, offline_integration
from tests.support.records import DOING, DONE, STATUSES, TODO, at, change, issue, items, moved, statuses
from tests.support.tables import versions
from tests.support.threads import at_once, meeting


@pytest.fixture
def loading(db: None) -> Loading:
    loading = Loading.of(offline_integration())
    loading.load(statuses(*STATUSES.values()))
    return loading


def map_status(loading: Loading, status: str, category: Category) -> None:
    owner = {"tenant": loading.integration.tenant, "integration": loading.integration}
    StatusMapping.objects.create(**owner, status_external_id=status, category=category)


def test_a_category_that_is_learned_later_changes_the_metrics_of_exactly_the_items_it_touches(
    loading: Loading,
) -> None:
    through = moved("1", "1", "77", "5")
    still_in = issue("2", status="1", changes=(change(1, 1, "1", "77"),), version=1)
    loading.load(items(through, replace(still_in, status=StatusRecord("77", "Testing")), moved("3", "1", "3", "5")))
    before = dict(versions(loading.integration.pk)["work_items"])

    loading.load(statuses(StatusRecord("77", "Testing", DOING)))

    after = dict(versions(loading.integration.pk)["work_items"])
    written = {WorkItem.objects.get(pk=key).external_id for key in before if before[key] != after[key]}
    assert written == {"1", "2"}
    assert (loading.item("1").work_first_started_at, loading.item("1").total_work_time_seconds) == (at(1), 3600)
    assert (loading.item("1").direct_completion, loading.item("2").total_work_starts) == (False, 1)


def test_metrics_do_not_depend_on_when_a_category_was_learned(loading: Loading) -> None:
    late = Loading.of(offline_integration("Globex"))
    batch = items(moved("1", "1", "3", "1", "4", "5", "2"), moved("2", "5", "3"), moved("3", "3", "5"), issue("4"))
    loading.load(batch)

    late.load(batch)
    late.load(statuses(*STATUSES.values()))

    names = ("external_id", *METRIC_NAMES)
    found = [
        list(WorkItem.objects.filter(integration=one.integration).order_by("external_id").values(*names))
        for one in (loading, late)
    ]
    assert found[0] == found[1]


def test_the_tenants_mapping_wins_over_the_category_of_the_source(loading: Loading) -> None:
    map_status(loading, "3", DONE)

    loading.load(items(moved("1", "1", "3")))

    item = loading.item()
    assert (item.total_work_starts, item.total_completions) == (0, 1)


def test_a_mapping_gives_a_category_to_a_status_that_the_source_gives_none(loading: Loading) -> None:
    map_status(loading, "77", DOING)

    loading.load(items(moved("1", "1", "77", "5")))

    assert loading.item().total_work_time_seconds == 3600


def test_a_mapping_that_is_not_active_decides_nothing(loading: Loading) -> None:
    map_status(loading, "3", DONE)
    StatusMapping.objects.update(active=False)

    loading.load(items(moved("1", "1", "3")))

    assert loading.item().total_work_starts == 1


def test_what_the_source_says_later_of_a_mapped_status_changes_no_item(loading: Loading) -> None:
    map_status(loading, "3", DONE)
    loading.load(items(moved("1", "1", "3")))
    before = versions(loading.integration.pk)["work_items"]

    loading.load(statuses(StatusRecord("3", "Building", TODO)), extracted=1)

    assert Status.objects.get(external_id="3").category == TODO
    assert versions(loading.integration.pk)["work_items"] == before


def test_a_status_of_another_integration_changes_nothing_here(loading: Loading) -> None:
    loading.load(items(moved("1", "1", "3", "5")))
    before = versions(loading.integration.pk)

    Loading.of(offline_integration("Globex")).load(statuses(StatusRecord("3", "Building", TODO)))

    assert versions(loading.integration.pk) == before


def test_changes_of_one_instant_are_recomputed_in_the_order_of_their_history_ids(loading: Loading) -> None:
    changes = (change(9, 1, "1", "3"), change(10, 1, "3", "77"), change(10, 1, "77", "5", item=1))
    loading.load(items(issue(status="5", changes=changes, version=1)))

    loading.load(statuses(StatusRecord("77", "Testing", TODO)))

    item = loading.item()
    assert (item.total_work_starts, item.total_backlog_returns, item.total_completions) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(3))
def test_of_two_loads_at_once_of_which_one_changes_a_category_the_metrics_are_right(attempt: int) -> None:
    loading = Loading.of(offline_integration())
    loading.load(statuses(*STATUSES.values()))
    listing, page = loading.source(at(5)), loading.source()

    at_once(
        lambda: loading.load(statuses(StatusRecord("3", "Building", DONE)), listing),
        lambda: loading.load(items(*[moved(str(number), "1", "3") for number in range(20)]), page),
    )

    assert set(WorkItem.objects.values_list("total_work_starts", "total_completions")) == {(0, 1)}


@pytest.mark.django_db(transaction=True)
def test_a_load_waits_for_another_one_that_is_changing_a_category() -> None:
    loading = Loading.of(offline_integration())
    loading.load(statuses(*STATUSES.values()))
    listing, page = loading.source(at(5)), loading.source()
    changed_but_not_committed = meeting(2)

    def change_slowly() -> None:
        with transaction.atomic():
            load(listing, statuses(StatusRecord("3", "Building", DONE)), {})
            changed_but_not_committed()

    def load_after_that() -> None:
        changed_but_not_committed()
        loading.load(items(moved("1", "1", "3")), page)

    at_once(change_slowly, load_after_that)

    assert loading.item().total_completions == 1
