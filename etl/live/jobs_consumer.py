"""The socket of a page of jobs: one for all of them."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from django.db import Error as DatabaseError
from django.db.models import QuerySet

from etl.live.cards import Card, cards, totals
from etl.live.channel import EVERY_TENANT, group_of_tenant
from etl.live.viewing import NOT_FOUND, REST_SECONDS, SEND_SECONDS, Viewing
from etl.models import EtlJob, Overall
from pulse.numbers import LARGEST_ID, row_id
from pulse.tenancy.models import Tenant, User

# Nobody looks at more at once.
MOST_JOBS = 500
ALIVE = {"type": "alive"}


class InvalidIds(ValueError):
    """What a viewer names as jobs are none."""


class JobsConsumer(Viewing):
    """`/ws/jobs/{tenant_id}`: the cards of a tenant's jobs (see `etl.live.cards`). `/ws/jobs`: of every tenant's.

    The first message has all cards (``"snapshot": true``), the following ones those that changed and the ids of those
    that are ``gone``; a snapshot has those of the wanted ones that are not there. ``totals`` come where they changed.
    Where nothing changes, ``{"type": "alive"}`` says so every `REST_SECONDS`. ``?ids=1,2`` and a message
    ``{"ids": [1, 2]}`` say which jobs are wanted; the message is answered with a snapshot. Where nobody says it, it is
    the first `MOST_JOBS`; who will say it later opens with ``?ids=``.
    """

    async def connect(self) -> None:
        named = self.scope["url_route"]["kwargs"].get("tenant_id")
        self._tenant_id = None if named is None else int(named)
        # Of what changed: ids, or None for whichever.
        self._notes: deque[list[int] | None] = deque()
        self._wants_snapshot = False
        self._shown: dict[int, Card] = {}
        self._totals: dict[str, int] = {}
        self._read_at = 0.0
        try:
            self._ids = _ids_of_address(self.scope)
        except InvalidIds:
            await self.close(code=NOT_FOUND)
            return
        await super().connect()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """The viewer wants other jobs. What cannot be understood changes nothing, and is told."""
        try:
            said = await self.decode_json(text_data or "")
            self._ids = _checked_ids(said.get("ids") if isinstance(said, Mapping) else None)
        except (ValueError, RecursionError) as error:
            await self.tell({"type": "error", "detail": str(error) or "this is no JSON"})
            return
        self._wants_snapshot = True
        self.wake()

    def may_see(self, user: User) -> bool:
        return user.may_enter and user.is_superuser if self._tenant_id is None else user.may_see(self._tenant_id)

    def groups_of_changes(self) -> tuple[str, ...]:
        return (EVERY_TENANT if self._tenant_id is None else group_of_tenant(self._tenant_id),)

    @property
    def is_moving(self) -> bool:
        return bool(self._running())

    def note(self, event: dict[str, Any]) -> None:
        self._notes.append(event.get("job_ids"))

    def first(self) -> dict[str, Any] | None:
        if self._tenant_id is not None and not Tenant.objects.filter(pk=self._tenant_id).exists():
            return None
        return self._snapshot()

    def next_message(self) -> dict[str, Any] | None:
        try:
            return self._message()
        except DatabaseError:
            self._wants_snapshot = True
            raise

    def _message(self) -> dict[str, Any] | None:
        # The notes are taken before anything is read: what changes meanwhile is looked at once more.
        notes = [self._notes.popleft() for _ in range(len(self._notes))]
        if self._wants_snapshot:
            self._wants_snapshot = False
            return self._snapshot()
        # Some changes nobody is notified of: another name, another time to run.
        if None in notes or time.monotonic() - self._read_at >= REST_SECONDS - SEND_SECONDS:
            return self._news_of_all() or ALIVE
        return self._news_of({pk for note in notes for pk in note or ()})

    def _snapshot(self) -> dict[str, Any]:
        self._shown, self._totals = self._read_all(), totals(self._jobs())
        cards_shown = list(self._shown.values())
        gone = [pk for pk in self._ids or () if pk not in self._shown]
        return {"type": "jobs", "snapshot": True, "jobs": cards_shown, "gone": gone, "totals": self._totals}

    def _news_of_all(self) -> dict[str, Any] | None:
        found = self._read_all()
        gone = [pk for pk in self._shown if pk not in found]
        for pk in gone:
            del self._shown[pk]
        return self._compared(found, gone, totals(self._jobs()))

    def _news_of(self, changed: set[int]) -> dict[str, Any] | None:
        """What is new of those jobs, and of those that run."""
        rows = self._jobs().filter(pk__in=[*self._wanted(changed), *self._running()])
        found = {card["id"]: card for card in cards(rows)}
        return self._compared(found, [], totals(self._jobs()) if changed else self._totals)

    def _wanted(self, changed: set[int]) -> set[int]:
        if self._ids is not None:
            return changed & set(self._ids)
        return changed if len(self._shown) < MOST_JOBS else changed & self._shown.keys()

    def _compared(self, found: dict[int, Card], gone: list[int], counted: dict[str, int]) -> dict[str, Any] | None:
        changed = [card for pk, card in found.items() if self._shown.get(pk) != card]
        if not changed and not gone and counted == self._totals:
            return None
        self._shown.update(found)
        told = {"type": "jobs", "snapshot": False, "jobs": changed, "gone": gone}
        if counted != self._totals:
            self._totals = told["totals"] = counted
        return told

    def _read_all(self) -> dict[int, Card]:
        rows = self._jobs() if self._ids is None else self._jobs().filter(pk__in=self._ids)
        self._read_at = time.monotonic()
        return {card["id"]: card for card in cards(rows.order_by("order", "pk")[:MOST_JOBS])}

    def _jobs(self) -> QuerySet[EtlJob]:
        rows = EtlJob.objects.all()
        return rows if self._tenant_id is None else rows.filter(tenant_id=self._tenant_id)

    def _running(self) -> list[int]:
        return [pk for pk, card in self._shown.items() if card["overall"] == Overall.RUNNING]


def _ids_of_address(scope: Mapping[str, Any]) -> list[int] | None:
    """The ids that the address names; None where it names none at all. Raises InvalidIds."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    if "ids" not in query:
        return None
    return _checked_ids([row_id(word) for word in ",".join(query["ids"]).split(",") if word])


def _checked_ids(said: Any) -> list[int]:
    """Raises InvalidIds, which says what ids are."""
    fine = isinstance(said, list) and len(said) <= MOST_JOBS
    if not fine or not all(type(one) is int and 0 < one <= LARGEST_ID for one in said):
        raise InvalidIds(f'ids is a list of at most {MOST_JOBS} numbers of jobs, as in {{"ids": [1, 2]}}')
    return list(said)
