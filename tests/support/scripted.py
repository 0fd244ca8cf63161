"""A provider whose site a test holds in its hands: what it has, what it refuses, and each call that was made of it."""

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any, ClassVar

import pytest

from custommapping.models import Authority, Project
from etl.models import EtlJob
from integrations import registry
from integrations.errors import Permanent
from integrations.models import Integration
from integrations.provider import (
    Answer,
    Connection,
    ConnectionReport,
    Cursor,
    Partition,
    PlanContext,
    Provider,
    RawAnswer,
    SettingField,
    SourceCount,
    Step,
)
from integrations.records import Batch, ListedItem, Quarantined
from pulse.tenancy.models import Tenant
from tests.support.records import START, issue

ITEMS, LINKS, LISTING = "scripted_items", "scripted_links", "scripted_listing"


@dataclass
class Item:
    """``cut``: what a page says of it is to be completed by another call. ``aside``: it comes by itself only."""

    number: str
    project: str
    key: str
    status: str = "1"
    version: int = 0
    cut: bool = False
    aside: bool = False

    def told(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "project": self.project,
            "key": self.key,
            "status": self.status,
            "version": self.version,
        }


@dataclass
class World:
    """The site. ``refuses`` are the calls that it answers with an error, as `calls` has them, ``status``
    is that of these errors, None where they are no HTTP answers.

    ``counts`` are what it answers next when the items of a project are counted, before it tells how many there are;
    ``windows`` are how many partitions a project is read in, ``page`` how many items come at once. Its clock goes on by
    a minute with each call.
    """

    items: dict[str, Item] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    windows: int = 1
    page: int = 2
    counts: dict[str, list[SourceCount]] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    status: int | None = None
    calls: list[str] = field(default_factory=list)
    reread: list[str] = field(default_factory=list)
    now: datetime = datetime(2025, 1, 1, tzinfo=UTC)

    def fill(self, project: str, count: int) -> None:
        for _ in range(count):
            number = str(len(self.items) + 1)
            self.items[number] = Item(number, project, f"P{project}-{number}")

    def of(self, project: str, window: int = 0, windows: int = 1) -> list[Item]:
        """What the account may see of a project, or of one of its windows."""
        seen = [item for item in self.items.values() if item.project == project and item.number not in self.hidden]
        return [item for item in seen if int(item.number) % windows == window]

    def cut(self, items: Sequence[Item], page: int) -> tuple[list[Item], bool]:
        """A page of these, and whether there are more."""
        end = (page + 1) * self.page
        return list(items[page * self.page : end]), len(items) > end

    def called(self, call: str) -> datetime:
        """Raises what the call is refused with."""
        self.calls.append(call)
        self.now += timedelta(minutes=1)
        if call in self.refuses:
            error = Permanent(f"{call} is refused")
            error.status = self.status
            raise error
        return self.now


class ScriptedProvider(Provider):
    """Projects are read page by page, in windows where the world says so; pages with cut items need a second call."""

    name = "scripted"
    label = "Scripted"
    source_type = "SCRIPTED"
    settings: ClassVar[tuple[SettingField, ...]] = (SettingField("repair_hours", "hours", number=(0, 100)),)
    steps: ClassVar[tuple[Step, ...]] = (
        Step(ITEMS, 1, "Items", (LISTING,)),
        Step(LINKS, 2, "Links", (ITEMS,)),
        Step(LISTING, 3, "Listing", on_demand=True),
    )
    items_step = ITEMS
    listing_step = LISTING
    world: ClassVar[World]

    def check(self, connection: Connection) -> None:
        """Nothing can be wrong."""

    def check_connection(self, connection: Connection) -> ConnectionReport:
        return ConnectionReport("here", "me", "Scripted", [])

    def refetch(self, connection: Connection, item_ids: Sequence[str]) -> list[Partition]:
        return [Partition(f"ids:{','.join(item_ids)}", {"items": list(item_ids)})] if item_ids else []

    def plan(self, step: str, connection: Connection, context: PlanContext) -> list[Partition]:
        if step == LINKS:
            self.world.reread += [item.external_id for item in context.reread]
            return []
        return [self._whole(step, project.external_id, context) for project in context.projects]

    def counts(self, connection: Connection, context: PlanContext) -> Mapping[str, SourceCount]:
        return {project.external_id: self._counted(project.external_id, context) for project in context.projects}

    def _counted(self, project: str, context: PlanContext) -> SourceCount:
        self.world.called(f"counts:{project}")
        if told := self.world.counts.get(project):
            return told.pop(0)
        return SourceCount(len(self.world.of(project)), context.watermarks.get(f"project:{project}"))

    def _whole(self, step: str, project: str, context: PlanContext) -> Partition:
        if step == LISTING:
            return Partition(f"listing:{project}", {"project": project, "page": 0}, f"listing:{project}")
        since = context.watermarks.get(f"project:{project}")
        question = {"project": project, "since": since and since.isoformat()}
        return Partition(f"project:{project}", {"question": question, "page": 0}, f"project:{project}")

    def fetch(self, step: str, connection: Connection, partition: Partition) -> Answer:
        cursor = partition.cursor
        if "items" in cursor:
            return self._by_id(cursor["items"])
        if "rest" in cursor:
            return self._rest(cursor["rest"])
        if step == LISTING:
            return self._listing(cursor)
        question = cursor["question"]
        if self.world.windows > 1 and "window" not in question:
            return self._count(question)
        return self._items(cursor, question)

    def _answer(self, kind: str, name: str, content: dict[str, Any], **more: Any) -> Answer:
        at = self.world.called(name)
        answer = Answer(kind, name, json.dumps(content).encode(), source_time=at, **more)
        return replace(answer, digests=self.digests(RawAnswer(kind, name, content)))

    def _count(self, question: Mapping[str, Any]) -> Answer:
        project = question["project"]
        windows = tuple(
            Partition(f"project:{project}:{n}", {"question": {**question, "window": n}, "page": 0})
            for n in range(self.world.windows)
        )
        return self._answer("count", f"count:{project}", {"items": []}, partitions=windows)

    def _items(self, cursor: Cursor, question: Mapping[str, Any]) -> Answer:
        window = question.get("window")
        seen = self.world.of(question["project"], window or 0, 1 if window is None else self.world.windows)
        items, more = self.world.cut(seen, cursor["page"])
        part = "" if window is None else f"/{window}"
        name = f"items:{question['project']}{part}:{cursor['page']}"
        cut = [item.number for item in items if item.cut]
        aside = [item.number for item in items if item.aside]
        return self._answer(
            "items",
            name,
            {"items": [item.told() for item in items if not item.aside]},
            metadata={"project_id": question["project"]},
            partitions=tuple(Partition(f"ids:{number}", {"items": [number]}, f"item:{number}") for number in aside),
            next_cursor={**cursor, "page": cursor["page"] + 1} if more else None,
            followups=tuple(Partition(f"rest:{number}", {"rest": number}) for number in cut),
        )

    def _rest(self, number: str) -> Answer:
        return self._answer("rest", f"rest:{number}", {"items": [], "status": {number: "5"}})

    def _by_id(self, ids: Sequence[str]) -> Answer:
        there = [self.world.items[number].told() for number in ids if number in self.world.items]
        return self._answer("by_id", f"ids:{','.join(ids)}", {"items": there, "asked": list(ids)})

    def _listing(self, cursor: Cursor) -> Answer:
        items, more = self.world.cut(self.world.of(cursor["project"]), cursor["page"])
        return self._answer(
            "listing",
            f"listing:{cursor['project']}:{cursor['page']}",
            {"listed": [item.told() for item in items]},
            next_cursor={**cursor, "page": cursor["page"] + 1} if more else None,
        )

    def recognise(self, step: str, content: Any) -> tuple[str, str]:
        return "items", ""

    def entity_types(self) -> Mapping[str, str]:
        return {"items": ITEMS, "rest": ITEMS, "by_id": ITEMS, "count": ITEMS, "listing": LISTING}

    def digests(self, answer: RawAnswer) -> Mapping[str, str]:
        said = {item["id"]: item for item in answer.content.get("items", ())}
        gone = {number: "gone" for number in answer.content.get("asked", ()) if number not in said}
        told = {**said, **gone, **answer.content.get("status", {})}
        return {number: md5(json.dumps(item).encode()).hexdigest() for number, item in told.items()}

    def normalise(self, answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
        content = answer.content
        statuses = {number: status for rest in followups for number, status in rest.content["status"].items()}
        found = [item for item in content.get("items", ()) if item["id"] not in skip]
        given = {item["id"] for item in content.get("items", ())}
        missing = {entry["cursor"]["rest"]: entry["error"] for entry in answer.metadata.get("missing", ())}
        return Batch(
            work_items=[
                issue(
                    item["id"],
                    version=item["version"],
                    status=statuses.get(item["id"], item["status"]),
                    key=item["key"],
                    project_id=item["project"],
                    project_key=f"P{item['project']}",
                )
                for item in found
                if item["id"] not in missing
            ],
            quarantined=[
                Quarantined("work_items", item["id"], f"items.{item['id']}", missing[item["id"]])
                for item in found
                if item["id"] in missing
            ],
            listed=[
                ListedItem(
                    item["id"], item["key"], item["project"], item["status"], START + timedelta(hours=item["version"])
                )
                for item in content.get("listed", ())
            ],
            gone=[number for number in content.get("asked", ()) if number not in given],
        )


@dataclass(frozen=True)
class Scripted:
    """The world, and an integration with it."""

    world: World
    integration: Integration

    @property
    def job(self) -> EtlJob:
        return self.integration.jobs.get()

    def project(self, number: str, count: int) -> None:
        """A project of so many items that is known already."""
        self.world.fill(number, count)
        Project.objects.create(
            tenant_id=self.integration.tenant_id,
            integration=self.integration,
            external_id=number,
            key=f"P{number}",
            authority=Authority.LISTED,
        )


@contextmanager
def scripted_site(
    monkeypatch: pytest.MonkeyPatch, provider: type[ScriptedProvider] = ScriptedProvider
) -> Iterator[Scripted]:
    """A world without anything in it, connected."""
    monkeypatch.setitem(registry._registered, provider.name, provider)
    registry.get_provider.cache_clear()
    provider.world = World()
    tenant = Tenant.objects.get_or_create(name="Acme")[0]
    try:
        yield Scripted(
            provider.world, Integration.objects.create(tenant=tenant, provider=provider.name, name=provider.label)
        )
    finally:
        registry.get_provider.cache_clear()
