import json
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction

from etl.extraction.storage import store_answer
from etl.models import RawExtractionData
from integrations.errors import Permanent
from integrations.json_text import DEEPEST
from tests.support.loading import STEP, Loading, offline_integration


@pytest.fixture
def loading(db: None) -> Loading:
    return Loading.of(offline_integration())


def store(loading: Loading, body: bytes, **more: Any) -> RawExtractionData:
    return loading.raw(store_answer(loading.origin, "issues", "project:1:page:1", body, {"cursor": None}, **more))


def stored_text(raw: RawExtractionData) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT raw_data::text FROM raw_extraction_data WHERE id = %s", [raw.pk])
        return str(cursor.fetchone()[0])


def test_an_answer_is_stored_whole_with_its_size_and_time(loading: Loading) -> None:
    body = '{"issues": [{"summary": "Grüße"}]}'.encode()

    raw = store(loading, body)

    assert raw.raw_data == {"issues": [{"summary": "Grüße"}]}
    assert raw.extraction_metadata.keys() == {"cursor", "payload_size", "extracted_at"}
    assert raw.extraction_metadata["payload_size"] == len(body)
    assert datetime.fromisoformat(raw.extraction_metadata["extracted_at"]).tzinfo is not None
    assert (raw.entity_type, raw.external_id, raw.step, raw.status, raw.is_complete, raw.run_id) == (
        "issues", "project:1:page:1", STEP, "pending", True, loading.run.pk,
    )  # fmt: skip


def test_numbers_keep_their_digits(loading: Loading) -> None:
    raw = store(loading, b"[3.0, 9223372036854775808, 0.10, 12345678901234567890.123456789]")

    assert stored_text(raw) == "[3.0, 9223372036854775808, 0.10, 12345678901234567890.123456789]"


def test_replaced_characters_are_listed_in_the_metadata(loading: Loading) -> None:
    raw = store(loading, rb'{"issues": [{"summary": "a\u0000b", "path": "C:\\u0000"}]}')

    assert raw.raw_data == {"issues": [{"summary": "a\N{REPLACEMENT CHARACTER}b", "path": "C:\\u0000"}]}
    assert raw.extraction_metadata["replaced_characters"] == ["$.issues[0].summary"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"issues": [{"id": "1"}, {"id"', "not JSON"),
        (b"", "not JSON"),
        (b"<html></html>", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": "\x00"}', "NUL"),
        (b'{"a": "\xff"}', "UTF-8"),
    ],
    ids=["cut off", "empty", "HTML", "NaN", "NUL byte", "not UTF-8"],
)
def test_an_answer_that_cannot_be_held_is_refused_and_nothing_is_stored(
    loading: Loading, body: bytes, named: str
) -> None:
    with pytest.raises(Permanent, match=named), transaction.atomic():
        store(loading, body)

    assert not RawExtractionData.objects.exists()


def test_an_answer_that_is_nested_too_deeply_is_stored_without_its_depths(loading: Loading) -> None:
    deep = b'{"issues": [{"id": "1", "deep": %b%b}, {"id": "2"}]}' % (b"[" * 20_000, b"]" * 20_000)

    raw = store(loading, deep)

    assert [issue["id"] for issue in raw.raw_data["issues"]] == ["1", "2"]
    assert raw.extraction_metadata["nothing_below_levels"] == DEEPEST
    assert raw.extraction_metadata["payload_size"] == len(deep)


def test_an_answer_of_six_megabytes_is_stored_whole(loading: Loading) -> None:
    text = "log line \N{ROCKET}\n" * 450_000

    raw = store(loading, json.dumps({"text": text}, ensure_ascii=False).encode())

    assert raw.extraction_metadata["payload_size"] > 6_000_000
    assert raw.raw_data == {"text": text}
