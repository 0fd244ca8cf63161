"""Fingerprints: what they are made of, and that no transform ends with an older mapping unseen."""

import threading
from collections.abc import Callable
from typing import TypeVar

import pytest
from django.db import transaction

from custommapping.models import CustomFieldMapping, StatusMapping, WitHierarchy, WitMapping
from etl import pipeline
from etl.mapping import fingerprints
from etl.mapping.saving import save_mapping
from etl.models import EtlJobRun, RawExtractionData, RunKind
from etl.queue.topology import Stage
from etl.transform import categories
from integrations.models import Integration
from tests.integrations.providers.jira.samples import issue
from tests.services.waiting import wait_until
from tests.support.making import a_run, an_integration
from tests.support.mapping import a_field, column, is_current, stored, transformed
from tests.support.threads import a_waiting_lock, at_once

T = TypeVar("T")

at_a_time = pytest.mark.django_db
side_by_side = pytest.mark.django_db(transaction=True)


def _map_field(integration: Integration) -> None:
    CustomFieldMapping.objects.create(
        tenant=integration.tenant, integration=integration, team_field=a_field(integration)
    )


def _map_status(integration: Integration) -> None:
    StatusMapping.objects.create(
        tenant=integration.tenant, integration=integration, status_external_id="1", category="Done"
    )


def _map_type(integration: Integration) -> None:
    level = WitHierarchy.objects.create(tenant=integration.tenant, name="Story", level=1)
    WitMapping.objects.create(
        tenant=integration.tenant, integration=integration, wit_from="Bug", wit_to="Defect", hierarchy=level
    )


@at_a_time
@pytest.mark.parametrize("change", [_map_field, _map_status, _map_type])
def test_each_mapping_of_the_integration_is_part_of_its_fingerprint_and_no_other_ones(
    change: Callable[[Integration], None],
) -> None:
    ours, other = an_integration(), an_integration("Other")
    before, others = fingerprints.current(ours), fingerprints.current(other)

    change(ours)

    assert fingerprints.current(ours) != before
    assert fingerprints.current(other) == others


@at_a_time
def test_the_reader_is_part_of_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    integration = an_integration()
    before = fingerprints.current(integration)

    monkeypatch.setattr(type(integration.provider_code), "reader_version", 99)

    assert fingerprints.current(integration) != before


@at_a_time
def test_a_field_in_another_column_makes_another_fingerprint_and_a_version_alone_does_not() -> None:
    integration = an_integration()
    _map_field(integration)
    before = fingerprints.current(integration)

    CustomFieldMapping.objects.update(version=7)
    assert fingerprints.current(integration) == before

    CustomFieldMapping.objects.update(code_changed_field=CustomFieldMapping.objects.get().team_field, team_field=None)
    assert fingerprints.current(integration) != before


@at_a_time
def test_each_transform_writes_the_fingerprint_also_where_nothing_is_to_be_loaded() -> None:
    run = a_run(kind=RunKind.IMPORT)

    first, again, empty = transformed(run, issue(1)), transformed(run, issue(1)), transformed(run)

    assert all(map(is_current, (first, again, empty)))


def locked(run: EtlJobRun, then: Callable[[], T], other: Callable[[], T], *, exclusive: bool = True) -> tuple[T, T]:
    """Holds the lock on mappings until the other waits for it, does something and commits; what both gave."""
    held = threading.Event()

    def hold() -> T:
        with transaction.atomic():
            categories.lock(run.integration_id, exclusive=exclusive)
            held.set()
            assert wait_until(a_waiting_lock, 20)
            return then()

    def wait() -> T:
        assert held.wait(20)
        return other()

    first, second = at_once(hold, wait)
    return first, second


@side_by_side
def test_a_transform_that_began_before_a_mapping_was_saved_ends_with_the_new_one_and_is_made_once_more() -> None:
    run = a_run(kind=RunKind.IMPORT)
    row = stored(run, issue(1, customfield_1="Falcons"))

    locked(run, lambda: _map_field(run.integration), lambda: handled(row))

    assert (is_current(row), row.status) == (False, "pending")
    assert column(run.integration, "team") == {"ORB-1": "Falcons"}
    handled(row)
    assert (is_current(row), row.status) == (True, "completed")


def handled(row: RawExtractionData) -> None:
    pipeline.handle(Stage.TRANSFORM, [row.pk])


@at_a_time
def test_what_was_current_is_carried_over_and_what_was_stale_or_is_in_hand_is_not() -> None:
    run = a_run(kind=RunKind.IMPORT)
    rows = [transformed(run, issue(number)) for number in range(1, 5)]
    RawExtractionData.objects.filter(pk=rows[1].pk).update(fingerprint="older")
    RawExtractionData.objects.filter(pk=rows[2].pk).update(status="processing")
    RawExtractionData.objects.filter(pk=rows[3].pk).update(status="cancelled")
    before = fingerprints.current(run.integration)
    _map_status(run.integration)

    assert fingerprints.carry_over(run.integration, before) == 2

    assert [is_current(row) for row in rows] == [True, False, False, True]


@at_a_time
def test_nothing_of_another_integration_is_carried_over() -> None:
    ours, other = a_run(kind=RunKind.IMPORT), a_run(an_integration("Other"), RunKind.IMPORT)
    transformed(ours, issue(1))
    row = transformed(other, issue(1))
    before = fingerprints.current(ours.integration)
    RawExtractionData.objects.filter(pk=row.pk).update(fingerprint=before)
    _map_status(ours.integration)

    assert fingerprints.carry_over(ours.integration, before) == 1


@side_by_side
def test_carrying_over_waits_for_no_answer_in_hand_and_that_one_becomes_current_by_itself() -> None:
    run = a_run(kind=RunKind.IMPORT)
    row, done = transformed(run, issue(1)), transformed(run, issue(2))
    RawExtractionData.objects.filter(pk=row.pk).update(status="pending")

    def carry_over() -> None:
        before = fingerprints.current(run.integration)
        _map_status(run.integration)
        assert fingerprints.carry_over(run.integration, before) == 1

    locked(run, carry_over, lambda: handled(row))

    assert (is_current(done), is_current(row)) == (True, False)
    handled(row)
    assert is_current(row)


@side_by_side
def test_saving_waits_for_a_load_and_what_that_one_loaded_is_stale() -> None:
    run = a_run(kind=RunKind.IMPORT)
    a_field(run.integration)
    row = transformed(run, issue(1, customfield_1="Falcons"))

    still_current, saved = locked(
        run,
        lambda: is_current(row),
        lambda: save_mapping(run.integration, {"team": "customfield_1"}, version=0, by="ann").version == 1,
        exclusive=False,
    )

    assert (still_current, saved, is_current(row)) == (True, True, False)
