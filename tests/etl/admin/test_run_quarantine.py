"""Records of a run that could not be loaded: the field at fault, the value, and its place."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from etl.admin.run_quarantine import SHOWN_RECORDS, VALUE_CHARACTERS, parts_of, quarantine
from etl.models import EtlJobRun, QuarantinedRecord, RawExtractionData
from tests.etl.admin import addresses
from tests.etl.admin.rows import HOSTILE, Rows
from tests.etl.admin.test_runs import a_run

ANSWER = {"issues": [{"id": "1", "fields": {"created": "yesterday", "a b.c": {"x": [1, None]}, "long": "y" * 5000}}]}


def refuse(run: EtlJobRun, path: str, number: int = 1, *, raw: bool = True) -> QuarantinedRecord:
    owner = {"tenant_id": run.tenant_id, "integration_id": run.integration_id, "run": run}
    answer = RawExtractionData.objects.create(**owner, entity_type="jira_issues", raw_data=ANSWER) if raw else None
    return QuarantinedRecord.objects.create(
        **owner, raw_data=answer, table_name="work_items", external_id=str(number), path=path,
        reason=f"{path} is 'yesterday', not a date",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("issues[3].fields.created", ["issues", "3", "fields", "created"]),
        ("$.a.b", ["a", "b"]),
        ('fields["a b.c"].x[0]', ["fields", "a b.c", "x", "0"]),
        (r'a["q\"uote"]', ["a", 'q"uote']),
        ("[0]", ["0"]),
        ("issue PAY-3", ["issue PAY-3"]),
        ("", []),
    ],
)
def test_a_path_is_taken_apart(path: str, parts: list[str]) -> None:
    assert parts_of(path) == parts


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("issues[0].fields.created", "created", '"yesterday"'),
        ('issues[0].fields["a b.c"].x', "x", "[1, null]"),
        ("issues[0].fields.updated", "updated", ""),
        ("issues[9]", "9", ""),
        ("issue PAY-3", "issue PAY-3", ""),
        ("", "", ""),
    ],
)
def test_a_record_shows_the_field_at_fault_and_its_value(path: str, field: str, value: str, acme: Rows) -> None:
    run = a_run(acme)
    record = refuse(run, path)
    (shown,) = quarantine(run).shown
    assert (shown.record, shown.field, shown.value) == (record, field, value)


def test_a_long_value_is_cut_and_a_record_without_an_answer_has_none(acme: Rows) -> None:
    run = a_run(acme)
    refuse(run, "issues[0].fields.long")
    refuse(run, "issues[0].fields.long", 2, raw=False)
    cut, without = quarantine(run).shown
    assert (len(cut.value), without.value) == (VALUE_CHARACTERS, "")


def test_only_what_waits_is_shown_and_only_the_first(acme: Rows) -> None:
    run = a_run(acme)
    records = [refuse(run, "issues[0].fields.created", number) for number in range(SHOWN_RECORDS + 3)]
    QuarantinedRecord.objects.filter(pk=records[0].pk).update(resolved_at="2026-03-01T12:00Z")
    with CaptureQueriesContext(connection) as captured:
        found = quarantine(run)
    assert [one.record for one in found.shown] == records[1 : SHOWN_RECORDS + 1]
    assert (found.count, found.more) == (SHOWN_RECORDS + 2, 2)
    assert len(captured) == 3


def test_what_is_known_is_not_read_again_until_it_is_other_records(acme: Rows) -> None:
    run = a_run(acme)
    refuse(run, "issues[0].fields.created")
    seen = quarantine(run).seen
    with CaptureQueriesContext(connection) as captured:
        again = quarantine(run, seen)
    assert (again.is_known, again.count, again.shown) == (True, 1, ())
    assert len(captured) == 1
    refuse(run, "issues[0].id", 2)
    assert [one.field for one in quarantine(run, seen).shown] == ["created", "id"]


def test_the_page_leads_to_the_answer_at_the_place_and_shows_hostile_text_as_text(viewer: Client, acme: Rows) -> None:
    run = a_run(acme)
    record = refuse(run, "issues[0].fields.created")
    QuarantinedRecord.objects.filter(pk=record.pk).update(reason=f"{HOSTILE} is no date")
    content = viewer.get(addresses.page_of(run)).content.decode()
    assert record.raw_data is not None
    assert f"{addresses.page_of(record.raw_data)}?path=issues%5B0%5D.fields.created" in content
    assert 'data-path="issues[0].fields.created"' in content
    assert "&quot;yesterday&quot;" in content
    assert HOSTILE not in content
