"""How data moves and what it becomes. One module a topic; import from here."""

from etl.models.alerts import Alert, AlertChannel, AlertDelivery, Cause
from etl.models.code import Pr, PrComment, PrCommit, PrReview, Repository, WorkItemPrLink
from etl.models.extraction import ExtractionCheckpoint, RawExtractionData
from etl.models.items import Changelog, WorkItem
from etl.models.jobs import EtlJob, EtlJobEvent, EtlJobRun, EtlJobRunStep, Overall, RunKind, StageState
from etl.models.operations import DeadLetter, ListedItemRow, QuarantinedRecord, Verification, WebhookDelivery, WorkerRow
from etl.models.unit import OPEN, TERMINAL, Unit, UnitState
from etl.models.vectors import QdrantVector

__all__ = [
    "OPEN",
    "TERMINAL",
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "Cause",
    "Changelog",
    "DeadLetter",
    "EtlJob",
    "EtlJobEvent",
    "EtlJobRun",
    "EtlJobRunStep",
    "ExtractionCheckpoint",
    "ListedItemRow",
    "Overall",
    "Pr",
    "PrComment",
    "PrCommit",
    "PrReview",
    "QdrantVector",
    "QuarantinedRecord",
    "RawExtractionData",
    "Repository",
    "RunKind",
    "StageState",
    "Unit",
    "UnitState",
    "Verification",
    "WebhookDelivery",
    "WorkItem",
    "WorkItemPrLink",
    "WorkerRow",
]
