"""The lines of a listing, as they are kept until they are compared."""

from dataclasses import replace

import pytest

from etl.load.listed import keep_listed
from etl.models import ListedItemRow
from integrations.records import ListedItem
from tests.support.loading import Loading, offline_integration
from tests.support.records import at, issue, items

pytestmark = pytest.mark.django_db


def line(external_id: str, hours: float = 0, key: str = "AB-1") -> ListedItem:
    return ListedItem(external_id, key, "100", "3", at(hours))


def test_lines_are_kept_for_their_run() -> None:
    loading = Loading.of(offline_integration())

    assert keep_listed(loading.source(), [line("2"), line("1", 4)]) == 2

    found = ListedItemRow.objects.order_by("external_id").values_list()
    tenant_id, run_id = loading.run.tenant_id, loading.run.pk
    assert [row[1:] for row in found] == [
        (tenant_id, run_id, "1", "AB-1", "100", "3", at(4)),
        (tenant_id, run_id, "2", "AB-1", "100", "3", at(0)),
    ]


@pytest.mark.parametrize("hours", [(1, 2), (2, 1)])
@pytest.mark.parametrize("on_one_page", [True, False])
def test_of_two_lines_of_an_item_that_was_updated_between_them_the_newer_one_counts(
    hours: tuple[float, float], on_one_page: bool
) -> None:
    loading = Loading.of(offline_integration())
    lines = [line("1", each, f"AB-{each}") for each in hours]

    for page in [lines] if on_one_page else [[each] for each in lines]:
        keep_listed(loading.source(), page)

    assert ListedItemRow.objects.get().key == "AB-2"


def test_a_line_that_only_says_that_an_item_is_there_is_kept_where_it_is_known() -> None:
    loading = Loading.of(offline_integration())
    loading.load(items(issue("1")))

    keep_listed(loading.source(), [replace(line(number), only_known=True) for number in ("1", "2")])

    assert [row.external_id for row in ListedItemRow.objects.all()] == ["1"]
