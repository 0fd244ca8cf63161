"""Exports: the whole list, in either format, with nothing in it that a spreadsheet would run."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from rest_framework.test import APIRequestFactory, force_authenticate

from custommapping.models import CustomField, CustomFieldMapping
from etl.api import exports
from etl.api.exports import CsvWriter, JsonLinesWriter, WorkItemsExportView
from pulse.postgres.scope import current
from pulse.tenancy.models import Tenant
from tests.etl.api.callers import Caller, member, whole
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, issue, items, moved, pull_request, pulls, statuses


@pytest.fixture
def loading(db: None) -> Loading:
    return Loading.of(offline_integration())


@pytest.fixture
def caller(loading: Loading) -> Caller:
    return Caller(member("otto", Tenant.objects.get(name="Acme")))


def told(caller: Caller, path: str, **query: Any) -> str:
    answer = caller.get(path, **query)
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_an_export_holds_what_the_list_holds_page_after_page(
    caller: Caller, loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "CHUNK_ROWS", 3)
    loading.load(statuses(*STATUSES.values()))
    loading.load(items(*(moved(str(number), "1", "3", custom={"a": "x"}) for number in range(1, 8))))

    lines = [json.loads(line) for line in told(caller, "work-items/export", format="jsonl").splitlines()]

    assert lines == caller.get("work-items").json()["results"]
    assert len(lines) == 7
    assert told(caller, "changelogs/export", format="jsonl").count("\n") == 7


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_an_export_ends_where_its_rows_end(
    caller: Caller, loading: Loading, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(exports, "CHUNK_ROWS", 2)
    loading.load(items(*(issue(str(number)) for number in range(1, count + 1))))

    rows = read_csv(told(caller, "work-items/export", fields="summary,key"))

    assert rows == [{"key": f"ABC-{number}", "summary": f"Issue {number}"} for number in range(1, count + 1)]
    assert told(caller, "work-items/export", fields="key").startswith("key\r\n")


def test_a_file_is_named_for_its_list_and_format(caller: Caller) -> None:
    answers = [caller.get("prs/export"), caller.get("work-items/export", format="jsonl")]

    assert [answer.headers["Content-Type"] for answer in answers] == ["text/csv; charset=utf-8", "application/x-ndjson"]
    assert [answer.headers["Content-Disposition"] for answer in answers] == [
        'attachment; filename="prs.csv"',
        'attachment; filename="work-items.jsonl"',
    ]


def test_an_export_has_the_filters_of_the_list(caller: Caller, loading: Loading) -> None:
    loading.load(items(issue("1", custom={"a": "x"}), issue("2", project_id="7", project_key="XYZ")))
    loading.load(pulls(pull_request("1"), pull_request("2", state="MERGED")))

    assert [row["key"] for row in read_csv(told(caller, "work-items/export", project="XYZ"))] == ["ABC-2"]
    assert [row["key"] for row in read_csv(told(caller, "work-items/export", **{"overflow.a": "x"}))] == ["ABC-1"]
    assert [row["number"] for row in read_csv(told(caller, "prs/export", state="MERGED"))] == ["2"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"format": "xlsx"}, 400, "format"),
        ({"limit": "5"}, 400, "limit"),
        ({"fields": "secret"}, 400, "fields"),
        ({"project": "NONE"}, 404, "project"),
    ],
)
def test_a_bad_request_for_an_export_is_answered_as_any_other(
    caller: Caller, query: dict[str, str], status: int, field: str
) -> None:
    caller.client.defaults["HTTP_ACCEPT"] = "text/csv"

    answer = caller.get("work-items/export", **query)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "-"])
def test_no_text_of_a_csv_is_a_formula(text: str) -> None:
    lines = CsvWriter(["name"]).lines([{"name": text}])

    assert list(csv.reader(io.StringIO(lines, newline=""))) == [[f"'{text}"]]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""), (-5, "-5"), (-0.5, "-0.5"), (True, "true"), (False, "false"), ("a=b", "a=b"),
        ('say "a",\r\nb', 'say "a",\r\nb'), (["=x", "ü"], '["=x","ü"]'), ({"a": {"b": 1}}, '{"a":{"b":1}}'), ("", ""),
    ],
)  # fmt: skip
def test_what_is_no_formula_stays_as_it_is_in_a_csv(value: Any, cell: str) -> None:
    lines = CsvWriter(["before", "name"]).lines([{"before": "x", "name": value}])

    assert list(csv.reader(io.StringIO(lines, newline=""))) == [["x", cell]]


def test_a_line_of_json_is_one_line_whatever_its_texts_hold() -> None:
    row = {"text": "a\nb\u2028c", "number": 10**30, "none": None}

    (line,) = JsonLinesWriter(["text"]).lines([row]).split("\n")[:-1]

    assert json.loads(line) == row


def test_a_formula_that_a_site_holds_is_none_in_the_file(caller: Caller, loading: Loading) -> None:
    known = {"tenant": loading.integration.tenant, "integration": loading.integration}
    field = CustomField.objects.create(**known, external_id="a", name="a", field_type="string")
    CustomFieldMapping.objects.create(**known, custom_field_01=field)
    loading.load(items(issue("1", summary='=HYPERLINK("http://evil.test")', custom={"a": "@x"})))

    (row,) = read_csv(told(caller, "work-items/export"))

    assert (row["summary"], row["custom_field_01"]) == ('\'=HYPERLINK("http://evil.test")', "'@x")
    assert json.loads(told(caller, "work-items/export", format="jsonl"))["custom_field_01"] == "@x"


def test_each_piece_is_read_in_the_scope_of_the_caller(
    caller: Caller, loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "CHUNK_ROWS", 1)
    loading.load(items(issue("1"), issue("2")))
    seen: list[tuple[str, int]] = []

    def lines(self: JsonLinesWriter, rows: Sequence[Any]) -> str:
        seen.append((current().tenant, len(rows)))
        return ""

    monkeypatch.setattr(JsonLinesWriter, "lines", lines)

    told(caller, "work-items/export", format="jsonl")

    assert seen == [(str(loading.integration.tenant_id), 1)] * 2


def test_asking_for_the_head_of_an_export_reads_no_row(caller: Caller, loading: Loading) -> None:
    loading.load(items(issue("1")))
    request = APIRequestFactory().head("/app/etl/work-items/export", {"fields": "key"})
    force_authenticate(request, caller.user)

    answer = whole(WorkItemsExportView.as_view()(request))

    assert (answer.status_code, answer.content) == (200, b"key\r\n")
