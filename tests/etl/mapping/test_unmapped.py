"""What is mapped to nothing, and how much it is used."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from custommapping.models import Status, Wit
from etl.mapping.statuses import StatusMeaning, save_status_mappings
from etl.mapping.unmapped import Uses, status_uses, wit_uses, with_meaning
from etl.models import WorkItem
from integrations.records import StatusRecord
from tests.support.loading import Loading
from tests.support.meanings import with_items, with_statuses
from tests.support.records import DONE, change, issue, items, statuses


@pytest.fixture
def loading(db: None) -> Loading:
    return with_items(with_statuses(), "135", "13", "1")


def test_statuses_tell_where_their_category_comes_from(loading: Loading) -> None:
    loading.load(statuses(StatusRecord("77", "Testing"), StatusRecord("78", "Parked")))
    save_status_mappings(loading.integration, [StatusMeaning("3", DONE), StatusMeaning("78", DONE)], by="ann")
    elsewhere = with_statuses(name="Other").integration

    rows = with_meaning(Status.objects.filter(integration__in=[loading.integration, elsewhere]))
    found = {(row.integration_id, row.external_id): row.meaning for row in rows}  # type: ignore[attr-defined]

    ours = {"1": "source", "2": "source", "3": "mapped", "4": "source", "5": "source", "77": "none", "78": "mapped"}
    assert {status: meaning for (owner, status), meaning in found.items() if owner == loading.integration.pk} == ours
    assert {meaning for (owner, _), meaning in found.items() if owner == elsewhere.pk} == {"source"}


def test_uses_of_statuses_are_items_that_are_in_them_and_changes_into_or_out_of_them(loading: Loading) -> None:
    back_to_itself = issue("9", status="3", changes=(change(1, 1, "3", "3"),), version=1)
    loading.load(items(back_to_itself))
    WorkItem.objects.filter(external_id="2").update(active=False)
    ids = dict(Status.objects.values_list("external_id", "pk"))

    with CaptureQueriesContext(connection) as queries:
        found = status_uses(list(ids.values()))

    assert len(queries) == 1
    assert {status: found[ids[status]] for status in "12345"} == {
        "1": Uses(1, 2),
        "2": Uses(0, 0),
        "3": Uses(1, 4),
        "4": Uses(0, 0),
        "5": Uses(1, 1),
    }


def test_uses_of_types_are_active_items(loading: Loading) -> None:
    WorkItem.objects.filter(external_id="2").update(active=False)
    used = Wit.objects.get().pk
    unused = Wit.objects.create(tenant=loading.integration.tenant, integration=loading.integration, name="Bug").pk

    assert wit_uses([used, unused]) == {used: 2, unused: 0}
