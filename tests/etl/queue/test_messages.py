"""What the messages say, and what may be missing or wrong in them."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.queue.messages import (
    ExtractionMessage,
    JobConfig,
    JobMessage,
    Message,
    TransformMessage,
    Undecodable,
    VectorizationMessage,
    message_type_for,
)
from etl.queue.topology import ALL_QUEUES, CUSTOM_FIELDS_QUEUE, FAILED_QUEUE, JOBS_QUEUE, UnknownQueue

IDS = st.integers(-(2**63) + 1, 2**63 - 1)
OPTIONAL_IDS = st.none() | IDS
TEXTS = st.text(min_size=1, max_size=20)
OPTIONAL_TEXTS = st.none() | st.text(max_size=20)
LISTS = st.lists(TEXTS, max_size=4).map(tuple)
MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))
COMMON = {"tenant_id": IDS, "job_id": IDS, "run_id": OPTIONAL_IDS, "unit_id": OPTIONAL_IDS, "version": IDS}
HINTS = {"first_item": st.booleans(), "last_item": st.booleans(), "last_job_item": st.booleans()}
SOURCE = {
    "integration_id": IDS,
    "type": TEXTS,
    "provider": st.sampled_from(["jira", "github"]),
    "last_sync_date": MOMENTS,
}
CONFIGS = st.builds(
    JobConfig,
    full_sync=st.booleans(),
    batch_size=st.integers(1, 10_000),
    include_custom_fields=st.booleans(),
    include_dev_status=st.booleans(),
    steps=LISTS,
    projects=LISTS,
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        JobMessage,
        **COMMON,
        integration_id=IDS,
        job_type=TEXTS,
        config=CONFIGS,
        scheduled_at=MOMENTS,
        priority=st.integers(1, 10),
        retry_count=IDS,
        max_retries=IDS,
    ),
    st.builds(ExtractionMessage, **COMMON, **HINTS, **SOURCE, issue_id=OPTIONAL_TEXTS, issue_key=OPTIONAL_TEXTS),
    st.builds(TransformMessage, **COMMON, **HINTS, **SOURCE, raw_data_id=IDS),
    st.builds(
        VectorizationMessage,
        **COMMON,
        **HINTS,
        table_name=TEXTS,
        operation=st.sampled_from(["insert", "update", "delete"]),
        external_ids=st.lists(TEXTS, min_size=1, max_size=4).map(tuple),
        unit_ids=st.lists(IDS, max_size=4).map(tuple),
    ),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
EXTRACTION: dict[str, Any] = {
    "tenant_id": 1,
    "integration_id": 2,
    "job_id": 3,
    "type": "jira_dev_status",
    "provider": "Jira",
    "last_sync_date": "2025-01-02T03:04:05",
    "first_item": True,
    "last_item": False,
    "last_job_item": False,
    "issue_id": "10001",
    "issue_key": "AB-1",
}
TRANSFORM = {key: value for key, value in EXTRACTION.items() if not key.startswith("issue")} | {"raw_data_id": 789}
VECTORIZATION: dict[str, Any] = {
    "tenant_id": 1,
    "table_name": "work_items",
    "external_id": "10001",
    "operation": "insert",
    "job_id": 3,
    "first_item": True,
    "last_item": True,
    "last_job_item": True,
}
JOB: dict[str, Any] = {
    "job_id": 3,
    "tenant_id": 1,
    "integration_id": 2,
    "job_type": "jira_sync",
    "config": {"full_sync": True, "include_custom_fields": True},
    "scheduled_at": "2025-01-02T03:04:05+02:00",
    "priority": 1,
    "retry_count": 0,
    "max_retries": 3,
}


def body_of(values: object) -> bytes:
    return json.dumps(values).encode()


@given(MESSAGES)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    assert type(message).decode(message.encode()) == message


@given(st.dictionaries(st.sampled_from([*JOB, *TRANSFORM, *EXTRACTION, "external_ids", "unit_ids"]), ANYTHING))
def test_whatever_is_in_a_message_it_is_read_or_undecodable(values: dict[str, object]) -> None:
    for valid, kind in ((JOB, JobMessage), (TRANSFORM, TransformMessage), (VECTORIZATION, VectorizationMessage)):
        try:
            decoded = kind.decode(body_of(valid | values))
        except Undecodable:
            continue
        assert kind.decode(decoded.encode()) == decoded


@given(st.binary(max_size=30))
def test_whatever_the_bytes_are_they_are_read_or_undecodable(body: bytes) -> None:
    with pytest.raises(Undecodable):
        JobMessage.decode(body)


def test_a_job_message_with_the_contract_keys_alone_is_read() -> None:
    assert JobMessage.decode(body_of(JOB)) == JobMessage(
        tenant_id=1,
        job_id=3,
        integration_id=2,
        job_type="jira_sync",
        config=JobConfig(full_sync=True, include_custom_fields=True, batch_size=50, include_dev_status=True),
        scheduled_at=datetime(2025, 1, 2, 1, 4, 5, tzinfo=UTC),
        priority=1,
    )


def test_an_extraction_message_with_the_contract_keys_alone_is_read() -> None:
    message = ExtractionMessage.decode(body_of(EXTRACTION))
    assert (message.provider, message.issue_id, message.issue_key) == ("jira", "10001", "AB-1")
    assert message.last_sync_date == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (message.run_id, message.unit_id, message.version) == (None, None, 1)
    assert (message.first_item, message.last_item) == (True, False)


def test_a_transform_message_with_the_contract_keys_alone_is_read() -> None:
    assert TransformMessage.decode(body_of(TRANSFORM)).raw_data_id == 789


def test_one_external_id_is_a_batch_of_one() -> None:
    assert VectorizationMessage.decode(body_of(VECTORIZATION)).external_ids == ("10001",)


def test_a_batch_is_written_with_its_first_as_the_one_external_id_too() -> None:
    values = VECTORIZATION | {"external_ids": ["7", "8"], "external_id": None}
    written = json.loads(VectorizationMessage.decode(body_of(values)).encode())
    assert (written["external_id"], written["external_ids"]) == ("7", ["7", "8"])


def test_all_contract_keys_are_written() -> None:
    pairs = ((JOB, JobMessage), (EXTRACTION, ExtractionMessage), (TRANSFORM, TransformMessage))
    for values, kind in (*pairs, (VECTORIZATION, VectorizationMessage)):
        assert set(values) <= set(json.loads(kind.decode(body_of(values)).encode()))


def test_missing_hints_and_unknown_keys_do_no_harm() -> None:
    values = {key: value for key, value in TRANSFORM.items() if key not in {"first_item", "last_item", "last_job_item"}}
    message = TransformMessage.decode(body_of(values | {"colour": "blue"}))
    assert (message.first_item, message.last_item, message.last_job_item) == (False, False, False)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tenant_id": True}, "tenant_id is True, not a whole number"),
        ({"tenant_id": "1"}, "tenant_id is '1', not a whole number"),
        ({"tenant_id": 1.0}, "tenant_id is 1.0, not a whole number"),
        ({"tenant_id": 2**63}, "tenant_id is 9223372036854775808, not a whole number"),
        ({"tenant_id": None}, "tenant_id is missing"),
        ({"priority": 11}, "priority is 11, not a whole number within 1..10"),
        ({"job_type": ""}, "job_type is '', not a text that is not empty"),
        ({"scheduled_at": "soon"}, "scheduled_at is 'soon', not an ISO 8601 date"),
        ({"scheduled_at": "0001-01-01T00:00:00+05:00"}, "scheduled_at is '0001-01-01T00:00:00+05:00', not an ISO"),
        ({"config": []}, "config is [], not an object"),
        ({"config": {"full_sync": 1}}, "config.full_sync is 1, not true or false"),
        ({"config": {"batch_size": 0}}, "config.batch_size is 0, not a whole number within"),
        ({"config": {"steps": ["a", 1]}}, "config.steps is 1, not a text"),
    ],
)
def test_a_wrong_field_is_named_with_its_value(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(Undecodable, match=re.escape(complaint)):
        JobMessage.decode(body_of(JOB | change))


def test_a_vectorization_message_must_say_what_to_do_with_what() -> None:
    with pytest.raises(Undecodable, match="operation is 'upsert', not one of insert, update, delete"):
        VectorizationMessage.decode(body_of(VECTORIZATION | {"operation": "upsert"}))
    with pytest.raises(Undecodable, match="external_id is missing"):
        VectorizationMessage.decode(body_of(VECTORIZATION | {"external_id": None}))


def test_a_long_wrong_value_is_cut_in_the_complaint() -> None:
    with pytest.raises(Undecodable) as error:
        JobMessage.decode(b"x" * 100_000)
    assert len(str(error.value)) < 300


def test_dates_are_written_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    message = TransformMessage(
        tenant_id=1,
        job_id=1,
        integration_id=1,
        type="t",
        provider="jira",
        raw_data_id=1,
        last_sync_date=datetime(2025, 1, 1, 2, tzinfo=east),
    )
    assert TransformMessage.decode(message.encode()).last_sync_date == datetime(2025, 1, 1, tzinfo=UTC)


def test_every_work_queue_has_its_message_type() -> None:
    prefixes = {"extraction": ExtractionMessage, "transform": TransformMessage, "embedding": VectorizationMessage}
    for queue in set(ALL_QUEUES) - {JOBS_QUEUE, CUSTOM_FIELDS_QUEUE, FAILED_QUEUE}:
        assert message_type_for(queue) is prefixes[queue.split("_")[0]]
    assert message_type_for(JOBS_QUEUE) is message_type_for(CUSTOM_FIELDS_QUEUE) is JobMessage
    with pytest.raises(UnknownQueue, match=r"etl\.failed"):
        message_type_for(FAILED_QUEUE)
