"""The messages, as JSON objects whose keys are the field names.

Reading is tolerant, because other tools write them too: unknown keys are ignored, hints may be missing, dates
without a zone are UTC. What cannot be used at all is Undecodable, which names the field and the value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

import orjson

from etl.queue.fields import Fields, Undecodable
from etl.queue.topology import CUSTOM_FIELDS_QUEUE, JOBS_QUEUE, Stage, Tier, UnknownQueue, queue_for

__all__ = [
    "ExtractionMessage",
    "JobConfig",
    "JobMessage",
    "Message",
    "TransformMessage",
    "Undecodable",
    "VectorizationMessage",
    "message_type_for",
]

VERSION = 1
DEFAULT_PRIORITY = 5
DEFAULT_BATCH_SIZE = 50
DEFAULT_MAX_RETRIES = 3
LONGEST_TRIGGER = 50
OPERATIONS = ("insert", "update", "delete")

_types: dict[str, "type[Message]"] = {}
M = TypeVar("M", bound="type[Message]")


def carried_by(*queues: str) -> Callable[[M], M]:
    """Register a message type as what travels in these queues."""

    def register(message_type: M) -> M:
        _types.update(dict.fromkeys(queues, message_type))
        return message_type

    return register


def message_type_for(queue: str) -> "type[Message]":
    """What travels in a queue; raises UnknownQueue, also for the dead letters, which may be anything."""
    try:
        return _types[queue]
    except KeyError:
        raise UnknownQueue(f"no message type is registered for the queue {queue!r}") from None


def _queues_of(stage: Stage) -> list[str]:
    return [queue_for(stage, tier) for tier in Tier]


@dataclass(frozen=True, kw_only=True)
class Message:
    """What every message has: the tenant and job it is for, and, when Pulse wrote it, the run and the unit."""

    tenant_id: int
    job_id: int
    run_id: int | None = None
    unit_id: int | None = None
    version: int = VERSION

    def encode(self) -> bytes:
        """The JSON object that `decode` reads; dates are UTC."""
        return orjson.dumps(self, option=orjson.OPT_NAIVE_UTC)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read a message of this type; raises Undecodable."""
        return cls(**cls._read(Fields.of_json(body)))

    @classmethod
    def _read(cls, fields: Fields) -> dict[str, Any]:
        return {
            "tenant_id": fields.integer("tenant_id"),
            "job_id": fields.integer("job_id"),
            "run_id": fields.optional_integer("run_id"),
            "unit_id": fields.optional_integer("unit_id"),
            "version": fields.integer("version", VERSION),
        }


@dataclass(frozen=True, kw_only=True)
class JobConfig:
    """How a job is to run. ``steps``, ``projects`` (and repositories) and dates narrow it down; empty means all."""

    full_sync: bool = False
    batch_size: int = DEFAULT_BATCH_SIZE
    include_custom_fields: bool = False
    include_dev_status: bool = True
    steps: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    updated_from: str = ""
    updated_to: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read the nested object; raises Undecodable."""
        return cls(
            full_sync=fields.flag("full_sync"),
            batch_size=fields.integer("batch_size", DEFAULT_BATCH_SIZE, within=(1, 10_000)),
            include_custom_fields=fields.flag("include_custom_fields"),
            include_dev_status=fields.flag("include_dev_status", True),
            steps=fields.texts("steps"),
            projects=fields.texts("projects"),
            updated_from=fields.optional_text("updated_from") or "",
            updated_to=fields.optional_text("updated_to") or "",
        )


@carried_by(JOBS_QUEUE, CUSTOM_FIELDS_QUEUE)
@dataclass(frozen=True, kw_only=True)
class JobMessage(Message):
    """Run a job, or discover custom fields for it. ``priority`` 1 is the highest, 10 the lowest.

    ``trigger`` says that the job was made READY, and by what: it is run only while it still is.
    """

    integration_id: int
    job_type: str
    config: JobConfig = JobConfig()
    scheduled_at: datetime | None = None
    priority: int = DEFAULT_PRIORITY
    retry_count: int = 0
    max_retries: int = DEFAULT_MAX_RETRIES
    trigger: str = ""

    @classmethod
    def _read(cls, fields: Fields) -> dict[str, Any]:
        return super()._read(fields) | {
            "integration_id": fields.integer("integration_id"),
            "job_type": fields.text("job_type"),
            "config": JobConfig.read(fields.nested("config")),
            "scheduled_at": fields.moment("scheduled_at"),
            "priority": fields.integer("priority", DEFAULT_PRIORITY, within=(1, 10)),
            "retry_count": fields.integer("retry_count", 0),
            "max_retries": fields.integer("max_retries", DEFAULT_MAX_RETRIES),
            "trigger": (fields.optional_text("trigger") or "")[:LONGEST_TRIGGER],
        }


@dataclass(frozen=True, kw_only=True)
class _StepMessage(Message):
    """First and last are hints from when it was published; they may be missing or doubled."""

    first_item: bool = False
    last_item: bool = False
    last_job_item: bool = False

    @classmethod
    def _read(cls, fields: Fields) -> dict[str, Any]:
        hints = {name: fields.flag(name) for name in ("first_item", "last_item", "last_job_item")}
        return super()._read(fields) | hints


@dataclass(frozen=True, kw_only=True)
class _SourceMessage(_StepMessage):
    """``type`` is the step's name, ``provider`` in lower case."""

    integration_id: int
    type: str
    provider: str
    last_sync_date: datetime | None = None

    @classmethod
    def _read(cls, fields: Fields) -> dict[str, Any]:
        return super()._read(fields) | {
            "integration_id": fields.integer("integration_id"),
            "type": fields.text("type"),
            "provider": fields.text("provider").lower(),
            "last_sync_date": fields.moment("last_sync_date"),
        }


@carried_by(*_queues_of(Stage.EXTRACTION))
@dataclass(frozen=True, kw_only=True)
class ExtractionMessage(_SourceMessage):
    """Fetch a partition's next page; the issue is given for development status."""

    issue_id: str | None = None
    issue_key: str | None = None

    @classmethod
    def _read(cls, fields: Fields) -> dict[str, Any]:
        issue = {name: fields.optional_text(name) for name in ("issue_id", "issue_key")}
        return super()._read(fields) | issue


@carried_by(*_queues_of(Stage.TRANSFORM))
@dataclass(frozen=True, kw_only=True)
class TransformMessage(_SourceMessage):
    """Transform and load a stored raw answer."""

    raw_data_id: int

    @classmethod
    def _read(cls, fields: Fields) -> dict[str, Any]:
        return super()._read(fields) | {"raw_data_id": fields.integer("raw_data_id")}


@carried_by(*_queues_of(Stage.EMBEDDING))
@dataclass(frozen=True, kw_only=True)
class VectorizationMessage(_StepMessage):
    """Embed a batch of records of one table. Other tools send one ``external_id`` instead of the batch."""

    table_name: str
    operation: str
    external_ids: tuple[str, ...] = ()
    unit_ids: tuple[int, ...] = ()

    @property
    def external_id(self) -> str | None:
        """The first of the batch, for readers that know only one."""
        return self.external_ids[0] if self.external_ids else None

    def encode(self) -> bytes:
        """The JSON object that `decode` reads, with ``external_id`` besides."""
        return orjson.dumps(orjson.loads(super().encode()) | {"external_id": self.external_id})

    @classmethod
    def _read(cls, fields: Fields) -> dict[str, Any]:
        one, many = fields.optional_text("external_id"), fields.texts("external_ids")
        units = fields.integers("unit_ids")
        if one is None and not many and not units:
            raise Undecodable("external_id is missing")
        return super()._read(fields) | {
            "table_name": fields.text("table_name"),
            "operation": fields.text("operation", one_of=OPERATIONS),
            "external_ids": many if one is None or one in many else (one, *many),
            "unit_ids": units,
        }
