from collections.abc import Sequence
from dataclasses import replace

import pytest

from custommapping.models import Status, Wit
from etl.load.copying import stage
from etl.load.merging import Source
from etl.load.quarantine import load_halving
from etl.models import QuarantinedRecord, RawExtractionData, WorkItem
from integrations.records import Batch, Quarantined, StatusRecord, WitRecord, WorkItemRecord
from tests.support.loading import Loading
from tests.support.records import TODO, change, ids, issue, items, moved, statuses

TOO_LONG = "Urgent! " * 40


def loaded() -> set[str]:
    return set(WorkItem.objects.values_list("external_id", flat=True))


def entry(external_id: str = "1", table: str = "work_items") -> QuarantinedRecord:
    return QuarantinedRecord.objects.get(table_name=table, external_id=external_id)


def is_open(external_id: str = "1", table: str = "work_items") -> bool:
    return entry(external_id, table).resolved_at is None


@pytest.mark.parametrize("place", range(5))
def test_one_refused_issue_is_set_aside_with_its_column_and_value_and_all_others_load(
    loading: Loading, place: int
) -> None:
    records = [moved(str(number), "1", "3", "5") for number in range(5)]
    records[place] = replace(records[place], priority=TOO_LONG)

    result = loading.load(items(*records))

    assert loaded() == set(ids(records)) - {str(place)}
    assert (result.records, result.quarantined) == (4, 1)
    found = entry(str(place))
    assert "priority" in found.reason
    assert "Urgent! Urgent!" in found.reason
    assert (found.path, found.run, found.step) == (f"issue ABC-{place}", loading.run, loading.origin.step)


def test_a_number_out_of_its_columns_range_is_set_aside_with_its_value(loading: Loading) -> None:
    loading.load(Batch(wits=[WitRecord("10", "Task", hierarchy_level=99_999), WitRecord("11", "Bug")]))

    assert list(Wit.objects.values_list("name", flat=True)) == ["Bug"]
    reason = entry("10", "wits").reason
    assert "99999" in reason
    assert "hierarchy_level" in reason


def test_an_issue_whose_history_is_refused_is_set_aside_with_all_of_it(loading: Loading) -> None:
    bad = issue("1", changes=(change(1, 1, "1", "3"), change(2, 2, "3", "5", to_name=TOO_LONG)), version=2)

    loading.load(items(bad, issue("2")))

    assert loaded() == {"2"}
    assert "to_status_name" in entry("1").reason


def test_several_refused_issues_are_each_set_aside(loading: Loading) -> None:
    records = [issue(str(number), priority=TOO_LONG if number % 3 == 0 else "High") for number in range(10)]

    loading.load(items(*records))

    assert loaded() == {"1", "2", "4", "5", "7", "8"}
    assert QuarantinedRecord.objects.count() == 4


def test_a_refused_newer_version_leaves_the_older_row_as_it_was(loading: Loading) -> None:
    loading.load(items(issue(summary="Good")))

    loading.load(items(issue(priority=TOO_LONG, version=1)))

    assert loading.item().summary == "Good"
    assert is_open()


def test_a_later_good_load_closes_the_entry(loading: Loading) -> None:
    loading.load(items(issue(priority=TOO_LONG)))

    loading.load(items(issue(priority="High")))

    assert not is_open()
    assert loading.item().priority == "High"


def test_a_good_load_of_an_older_answer_leaves_the_entry_open(loading: Loading) -> None:
    older, newer = loading.source(), loading.source()
    loading.load(items(issue(priority=TOO_LONG, version=1)), newer)

    loading.load(items(issue(priority="High")), older)

    assert is_open()
    assert loading.item().priority == "High"


def test_an_older_answer_that_is_refused_after_a_newer_one_was_loaded_leaves_no_entry(loading: Loading) -> None:
    older, newer = loading.source(), loading.source()
    loading.load(items(issue(priority="High", version=1)), newer)

    result = loading.load(items(issue(priority=TOO_LONG)), older)

    assert result.quarantined == 0
    assert not QuarantinedRecord.objects.exists()


def test_an_entry_that_was_closed_is_opened_again_by_a_newer_refusal(loading: Loading) -> None:
    for priority in (TOO_LONG, "High", TOO_LONG):
        loading.load(items(issue(priority=priority)))

    assert is_open()
    assert QuarantinedRecord.objects.count() == 1


def test_what_a_normaliser_sets_aside_is_written_down_with_its_place(loading: Loading) -> None:
    batch = items(issue("2"))
    batch.quarantined = [Quarantined("work_items", "1", "issues[0].fields.created", "created is 'yesterday'")]

    result = loading.load(batch)

    assert (result.records, result.quarantined) == (1, 1)
    assert (entry().path, entry().reason) == ("issues[0].fields.created", "created is 'yesterday'")


def test_records_that_do_not_say_what_they_are_called_are_each_written_down(loading: Loading) -> None:
    nameless = [Quarantined("work_items", "", f"issues[{place}]", "is 'gone', not an object") for place in (3, 5)]

    loading.load(Batch(quarantined=nameless))

    assert set(QuarantinedRecord.objects.values_list("path", flat=True)) == {"issues[3]", "issues[5]"}


def asked(loading: Loading, question: str) -> Source:
    """A newly stored answer to a question."""
    source = loading.source()
    RawExtractionData.objects.filter(pk=source.raw_id).update(external_id=question)
    return source


def test_what_goes_by_its_place_is_closed_by_the_next_answer_to_the_same_question(loading: Loading) -> None:
    nameless = [Quarantined("work_items", "", f"issues[{place}]", "is 5") for place in range(2)]
    older = asked(loading, "page 1")
    loading.load(Batch(quarantined=nameless), older)

    loading.load(items(issue()), asked(loading, "page 2"))
    loading.load(items(issue()), older)
    assert [is_open(entry.path) for entry in nameless] == [True, True]

    loading.load(Batch(work_items=[issue()], quarantined=nameless[:1]), asked(loading, "page 1"))
    assert [is_open(entry.path) for entry in nameless] == [True, False]


def test_a_refused_status_is_set_aside_and_a_good_listing_closes_its_entry(loading: Loading) -> None:
    loading.load(statuses(StatusRecord("1", TOO_LONG, TODO), StatusRecord("2", "Fine", TODO)), extracted=1)
    opened = is_open("1", "statuses")

    loading.load(statuses(StatusRecord("1", "Short", TODO)), extracted=2)

    assert opened
    assert not is_open("1", "statuses")
    assert set(Status.objects.values_list("name", flat=True)) == {"Short", "Fine"}


def test_a_refused_status_takes_only_the_issues_that_are_in_it_along(loading: Loading) -> None:
    in_it = replace(issue("1"), status=StatusRecord("9", TOO_LONG, TODO))

    loading.load(items(in_it, issue("2")))

    assert loaded() == {"2"}
    assert "status" in entry("1").reason


def test_halving_looks_at_a_few_parts_and_not_at_every_record(loading: Loading) -> None:
    attempts: list[int] = []
    refused: list[str] = []

    def attempt(records: Sequence[WorkItemRecord]) -> None:
        attempts.append(len(records))
        stage("staged_test", "SELECT priority FROM work_items", ("priority",), [(one.priority,) for one in records])

    records = [issue(str(number), priority=TOO_LONG if number == 40 else "High") for number in range(64)]
    load_halving(records, attempt, lambda record, reason: refused.append(record.external_id))

    assert refused == ["40"]
    assert len(attempts) == 13
