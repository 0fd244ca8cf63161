"""Stored answers: read by nobody but who asks for one, reprocessed alone or together, opened where a record stands."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from etl.models import EtlJobRun, QuarantinedRecord, RawExtractionData, RunKind
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named, offered, on_list, on_page
from tests.etl.admin.rows import Rows
from tests.support.loading import import_run, offline_integration
from tests.support.making import raw_row

# Numbers that a browser's own would change, and an order of keys that is nobody's business.
TEXT = {"issues": [{"id": "7", "é": "\n"}], "large": 12345678901234567890, "small": 1.10}


@pytest.fixture
def run(acme: Rows) -> EtlJobRun:
    return import_run(offline_integration(acme.tenant.name))


def stored(run: EtlJobRun, **fields: Any) -> RawExtractionData:
    return raw_row(run, **{"status": "completed", "raw_data": TEXT, "digests": {"7": "h"}, **fields})


def test_an_answer_is_given_as_it_is_stored(run: EtlJobRun, viewer: Client) -> None:
    answer = stored(run)

    response = viewer.get(named(RawExtractionData, "json", answer.pk))

    assert response.headers["Content-Type"] == "application/json"
    with connection.cursor() as cursor:
        cursor.execute("SELECT raw_data::text FROM raw_extraction_data WHERE id = %s", [answer.pk])
        assert response.content.decode() == cursor.fetchone()[0]
    assert "12345678901234567890" in response.content.decode()


def test_no_page_reads_an_answer_but_says_where_it_is_and_what_is_to_be_opened(run: EtlJobRun, viewer: Client) -> None:
    answer = stored(run)

    with CaptureQueriesContext(connection) as captured:
        content = viewer.get(addresses.page_of(answer), {"path": "issues[0].id"}).content.decode()

    assert f'data-json-src="{named(RawExtractionData, "json", answer.pk)}"' in content
    assert 'data-json-path="issues[0].id"' in content
    assert not [query for query in captured if '"raw_data"."raw_data"' in query["sql"] or "raw_data::" in query["sql"]]
    assert not [query for query in captured if '"raw_extraction_data"."raw_data"' in query["sql"]]


def test_a_strangers_answer_is_not_given(run: EtlJobRun, client: Client, stray: Client) -> None:
    address = named(RawExtractionData, "json", stored(run).pk)

    assert client.get(address).status_code == 302
    assert stray.get(address).status_code in (302, 403)


def test_an_operator_reprocesses_an_answer(run: EtlJobRun, operator: Client) -> None:
    answer = stored(run)

    (said,) = on_page(operator, "reprocess", answer)

    answer.refresh_from_db()
    assert answer.run_id
    queued = EtlJobRun.objects.get(pk=answer.run_id)
    assert (answer.status, queued.kind, queued.trigger) == ("pending", RunKind.IMPORT, "admin: otto")
    assert addresses.page_of(queued) in said


def test_many_answers_wait_in_one_run_and_those_that_cannot_are_told_by_reason(
    run: EtlJobRun, operator: Client
) -> None:
    good = [stored(run) for _ in range(3)]
    strange = [stored(run, entity_type="nobody_knows") for _ in range(2)]

    said = on_list(operator, "reprocess", *good, *strange)

    assert said[0].startswith("3 answers were queued")
    assert said[1:] == ["2 were not queued: no provider knows what to make of 'nobody_knows'"]
    assert len(set(RawExtractionData.objects.filter(status="pending").values_list("run_id", flat=True))) == 1
    assert {row.status for row in RawExtractionData.objects.filter(entity_type="nobody_knows")} == {"completed"}


def test_what_cannot_be_reprocessed_says_why(run: EtlJobRun, operator: Client) -> None:
    (said,) = on_page(operator, "reprocess", stored(run, is_complete=False))

    assert said.endswith("was not queued: it waits for what completes it")


def test_a_viewer_is_offered_no_button_and_presses_none(run: EtlJobRun, viewer: Client, operator: Client) -> None:
    answer = stored(run)

    assert offered(viewer, answer) == []
    assert offered(operator, answer) == ["reprocess"]
    assert offered(operator, stored(run, parent=answer)) == []
    assert viewer.post(named(RawExtractionData, "act", answer.pk), {"act": "reprocess"}).status_code == 403
    form = {"action": "reprocess", "_selected_action": [answer.pk]}
    viewer.post(addresses.list_of(RawExtractionData), form)
    answer.refresh_from_db()
    assert answer.status == "completed"


def test_a_record_in_quarantine_is_shown_where_it_stands_in_its_answer(run: EtlJobRun, viewer: Client) -> None:
    answer = stored(run)
    record = QuarantinedRecord.objects.create(
        tenant_id=run.tenant_id,
        integration_id=run.integration_id,
        raw_data=answer,
        table_name="work_items",
        external_id="7",
        path="issues[0].fields.created",
        reason="created is 'x', no time",
    )

    content = viewer.get(addresses.page_of(record)).content.decode()

    assert 'data-json-path="issues[0].fields.created"' in content
    assert f'data-json-src="{named(RawExtractionData, "json", answer.pk)}"' in content
    shown = viewer.get(addresses.page_of(answer)).context["groups"]
    assert [row.address for group in shown for row in group.rows] == [addresses.page_of(record)]
