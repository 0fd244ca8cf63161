"""What a stored answer became, and where a row comes from: answer, unit, run, call. In a bounded number of queries.

An answer's ``digests`` name the items that it tells of, its metadata the call; what was written from it has its id.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime

from custommapping.models import CustomField, Project, Status, Wit
from etl.admin.acting import page_of
from etl.admin.behind import list_of
from etl.extraction.storage import CHECKPOINT
from etl.jobs.handing_in import RESERVED
from etl.models import (
    Changelog,
    EtlJobRun,
    ExtractionCheckpoint,
    Pr,
    PrComment,
    PrCommit,
    PrReview,
    QuarantinedRecord,
    RawExtractionData,
    Repository,
    WebhookDelivery,
    WorkItem,
    WorkItemPrLink,
)
from etl.models.code import MENTION
from etl.sql import fetch
from pulse.numbers import LARGEST_ID
from pulse.redaction import redacted, redacted_json
from pulse.tenancy.admin.shown import pretty_json
from pulse.tenancy.models import User
from pulse.tenancy.scoping import visible_to

T = TypeVar("T")
SHOWN_ROWS = 50
# How many answers are looked through at a time for those that tell of an item: no index knows what is in them.
LOOKED_THROUGH = 20_000
ITEMS: Mapping[str, type[Model]] = {"work_items": WorkItem, "prs": Pr}
CATALOGUES: tuple[type[Model], ...] = (Project, Wit, Status, CustomField, Repository)
PR_PARTS: tuple[type[Model], ...] = (PrCommit, PrReview, PrComment)
# What is shown of a call besides its parameters, or is no parameter.
_NO_PARAMETERS = {
    *RESERVED,
    "method",
    "url",
    "status",
    "payload_size",
    "extracted_at",
    "batch_number",
    "cost",
    "remaining",
}


def answers(user: User) -> QuerySet[RawExtractionData]:
    """All that the person may see, without what is in them."""
    rows = RawExtractionData.objects.select_related("integration", "run__job", "tenant")
    return visible_to(user, rows).defer("raw_data", "digests")


def _own(user: User, row: Any, model: type[Model]) -> QuerySet[Any]:
    """Rows of the same integration as that one."""
    rows = model._default_manager.filter(tenant_id=row.tenant_id, integration_id=row.integration_id)
    return visible_to(user, rows)


def told(answer: RawExtractionData, most: int | None = None) -> list[str] | None:
    """The source ids of the items that an answer tells of, in their order; the first ones. None: nobody noted them."""
    rows = fetch(
        """SELECT digests IS NULL, array(SELECT jsonb_object_keys(digests) ORDER BY 1 LIMIT %s)
           FROM raw_extraction_data WHERE id = %s""",
        [most, answer.pk],
    )
    unknown, ids = rows[0]
    about = answer.integration.provider_code.about(answer.extraction_metadata)
    return None if unknown and not about else list(dict.fromkeys([*about, *ids]))[:most]


def items_of(rows: QuerySet[Any], answer: RawExtractionData, most: int | None = None) -> QuerySet[Any]:
    """Those of the items that an answer tells of; where nobody noted which, those that were written from it."""
    ids = told(answer, most)
    rows = rows.filter(integration_id=answer.integration_id)
    return rows.filter(raw_data_id=answer.pk) if ids is None else rows.filter(external_id__in=ids)


# What an answer became


@dataclass(frozen=True)
class Shown:
    """A row by its name and the address of its page; ``note`` says what else there is to know."""

    title: str
    address: str
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Rows of one kind; ``all_address`` leads to the list of all, '' where these are all."""

    title: str
    rows: Sequence[Shown]
    all_address: str = ""


def became(user: User, answer: RawExtractionData) -> list[Group]:
    """What an answer tells of, or what was written from it; kinds with no rows left out."""
    model = ITEMS[answer.integration.provider_code.items_table]
    light = _own(user, answer, model).only("pk", *_NAMED[model], "raw_data_id", "external_id")
    items = list(items_of(light, answer, SHOWN_ROWS + 1).order_by("external_id")[: SHOWN_ROWS + 1])
    groups = [_group(model, items, {"answer": answer.pk}, lambda item: _writer(item, answer))]
    groups += [_of(rows, {"answer": answer.pk}) for rows in _parts(user, answer, items)]
    groups += [_written(_own(user, answer, kind), answer) for kind in CATALOGUES]
    refused = _own(user, answer, QuarantinedRecord).filter(raw_data=answer)
    groups.append(_of(refused, {"raw_data__id__exact": answer.pk}))
    return [group for group in groups if group.rows]


_NAMED: Mapping[type[Model], tuple[str, ...]] = {WorkItem: ("key", "summary"), Pr: ("number", "title")}


def _parts(user: User, answer: RawExtractionData, items: Sequence[Any]) -> list[QuerySet[Any]]:
    """What belongs to the items and was written with them from this answer."""
    written = [item.pk for item in items if item.raw_data_id in (answer.pk, answer.parent_id)]
    every = [item.pk for item in items]
    links = _own(user, answer, WorkItemPrLink).filter(raw_data_id=answer.pk)
    if items and isinstance(items[0], WorkItem):
        changes = _own(user, answer, Changelog).filter(work_item_id__in=written).select_related("work_item")
        return [changes.defer("work_item__description"), links.filter(work_item_id__in=every).exclude(source=MENTION)]
    parts = [_own(user, answer, kind).filter(pr_id__in=written) for kind in PR_PARTS]
    return [*parts, links.filter(pr_id__in=every)]


def _writer(item: Any, answer: RawExtractionData) -> str:
    written = item.raw_data_id in (answer.pk, answer.parent_id)
    return "" if written else f"as answer {item.raw_data_id} has it" if item.raw_data_id else ""


def _written(rows: QuerySet[Any], answer: RawExtractionData) -> Group:
    query = {"raw_data_id__exact": answer.pk, "integration__id__exact": answer.integration_id}
    return _of(rows.filter(raw_data_id=answer.pk), query)


def _of(rows: QuerySet[Any], query: Mapping[str, int]) -> Group:
    return _group(rows.model, list(rows.order_by("pk")[: SHOWN_ROWS + 1]), query)


def _group(
    model: type[Model], rows: Sequence[Any], query: Mapping[str, int], note: Callable[[Any], str] = lambda row: ""
) -> Group:
    title = str(model._meta.verbose_name_plural).capitalize()
    shown = [Shown(_named(row), page_of(row), note(row)) for row in rows[:SHOWN_ROWS]]
    more = list_of(model, **query) if len(rows) > SHOWN_ROWS else ""
    return Group(title, shown, more)


def _named(row: Any) -> str:
    return f"{row.work_item.key}: {row}" if isinstance(row, Changelog) else str(row)


def of_answer(rows: QuerySet[Any], answer: RawExtractionData) -> QuerySet[Any]:
    """Those rows of a list that `became` shows of an answer."""
    if rows.model in ITEMS.values():
        return items_of(rows, answer)
    items = items_of(ITEMS[answer.integration.provider_code.items_table]._default_manager.all(), answer)
    parent = "work_item" if items.model is WorkItem else "pr"
    if rows.model is WorkItemPrLink:
        return rows.filter(**{f"{parent}__in": items}, raw_data_id=answer.pk)
    if (rows.model is Changelog) != (items.model is WorkItem):
        return rows.none()
    writers = [pk for pk in (answer.pk, answer.parent_id) if pk]
    return rows.filter(**{f"{parent}__in": items.filter(raw_data_id__in=writers)})


# Where a row comes from


@dataclass(frozen=True)
class Call:
    """The call of a site that brought an answer. ``parameters`` are what was asked, without secrets."""

    method: str
    url: str
    status: int | None
    at: datetime | None
    size: int | None
    parameters: Mapping[str, Any]

    @property
    def shown(self) -> str:
        """The parameters as a page shows them."""
        return pretty_json(self.parameters)


@dataclass(frozen=True)
class Origin:
    """An answer with the unit, run and call that brought it, each None where there is none to tell of.

    ``completes`` says that it only completes another answer, ``missing`` why no unit is told. A delivery of a webhook
    came by itself.
    """

    answer: RawExtractionData
    unit: ExtractionCheckpoint | None = None
    run: EtlJobRun | None = None
    call: Call | None = None
    delivery: WebhookDelivery | None = None
    completes: bool = False
    missing: str = ""


def origins(user: User, found: Sequence[RawExtractionData]) -> list[Origin]:
    """Where these answers, of one integration, come from."""
    if not found:
        return []
    wanted = [pk for answer in found if (pk := _said(answer, CHECKPOINT, int)) and pk <= LARGEST_ID]
    units = _own(user, found[0], ExtractionCheckpoint).filter(pk__in=wanted).select_related("run__job")
    by_id = {unit.pk: unit for unit in units}
    names = [name for answer in found if (name := _said(answer, "delivery_id", str))]
    deliveries = _own(user, found[0], WebhookDelivery).filter(delivery_id__in=names) if names else ()
    by_name = {delivery.delivery_id: delivery for delivery in deliveries}
    return [_origin(answer, by_id, by_name) for answer in found]


def _said(answer: RawExtractionData, name: str, kind: type[T]) -> T | None:
    """What the metadata says under that name: others may have written it, as what it should not be."""
    value = answer.extraction_metadata.get(name)
    return value if type(value) is kind else None


def _origin(answer: RawExtractionData, units: Mapping[int, Any], deliveries: Mapping[str, Any]) -> Origin:
    note = answer.extraction_metadata
    unit = units.get(_said(answer, CHECKPOINT, int) or 0)
    delivery = deliveries.get(_said(answer, "delivery_id", str) or "")
    missing = "" if unit or delivery else _why(note)
    return Origin(
        answer=answer,
        unit=unit,
        run=unit.run if unit else answer.run,
        call=call_of(answer) if "method" in note or CHECKPOINT in note else None,
        delivery=delivery,
        completes=answer.parent_id is not None,
        missing=missing,
    )


def _why(note: Mapping[str, Any]) -> str:
    if CHECKPOINT in note:
        return "The unit that fetched it is gone."
    if "method" in note:
        return "It was stored before Pulse noted which unit fetched it."
    return "It was handed in: no call of Pulse's brought it."


def call_of(answer: RawExtractionData) -> Call:
    """The call as the answer's metadata tells it, secrets hidden."""
    base = str(answer.integration.settings.get("base_url", "")).rstrip("/")
    parameters = {name: value for name, value in answer.extraction_metadata.items() if name not in _NO_PARAMETERS}
    return Call(
        method=_said(answer, "method", str) or "",
        url=redacted(f"{base}{_said(answer, 'url', str) or ''}"),
        status=_said(answer, "status", int),
        at=_moment(_said(answer, "extracted_at", str) or ""),
        size=_said(answer, "payload_size", int),
        parameters=redacted_json(parameters),
    )


def _moment(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def comes_from(user: User, row: Any) -> list[Origin]:
    """The answer that a work item, or a pull request, was written from, and those that complete it; none: unknown.

    Of a work item also those that its links come from, the first ones.
    """
    own = _own(user, row, RawExtractionData).select_related("integration", "run__job").defer("raw_data", "digests")
    completing = Q(parent_id=row.raw_data_id, digests__has_key=row.external_id)
    main = list(own.filter(Q(pk=row.raw_data_id) | completing).order_by("pk")[: SHOWN_ROWS + 1])
    return origins(user, main + list(own.filter(pk__in=_of_links(user, row)).order_by("pk")))


def _of_links(user: User, row: Any) -> list[int]:
    if not isinstance(row, WorkItem):
        return []
    links = _own(user, row, WorkItemPrLink).filter(work_item=row).exclude(source=MENTION).exclude(raw_data_id=None)
    found: list[int] = list(links.values_list("raw_data_id", flat=True).distinct()[:SHOWN_ROWS])
    return [pk for pk in found if pk != row.raw_data_id]


@dataclass(frozen=True)
class Page:
    """Answers that tell of an item, the newest first. ``before`` is where to go on, None where all were looked through;
    ``reached`` is when the last one that was looked at was stored."""

    answers: Sequence[RawExtractionData]
    before: int | None
    reached: datetime | None


def telling_of(user: User, row: Any, before: int | None = None) -> Page:
    """The stored answers that tell of a work item or pull request, among the newest of its tenant before that id."""
    rows = fetch(
        """WITH looked AS (
               SELECT id, created_at, integration_id, digests FROM raw_extraction_data
               WHERE tenant_id = %(tenant)s AND id < %(before)s ORDER BY id DESC LIMIT %(most)s),
           hits AS (
               SELECT id FROM looked WHERE integration_id = %(integration)s AND digests ? %(item)s
               ORDER BY id DESC LIMIT %(shown)s)
           SELECT array(SELECT id FROM hits), min(id), min(created_at), count(*) FROM looked""",
        {
            "tenant": row.tenant_id,
            "integration": row.integration_id,
            "item": row.external_id,
            "before": before or LARGEST_ID,
            "most": LOOKED_THROUGH,
            "shown": SHOWN_ROWS,
        },
    )
    ids, last, reached, looked = rows[0]
    found = list(answers(user).filter(pk__in=ids).order_by("-pk"))
    if len(ids) == SHOWN_ROWS:
        return Page(found, ids[-1], found[-1].created_at if found else None)
    return Page(found, last if looked == LOOKED_THROUGH else None, reached)
