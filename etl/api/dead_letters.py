"""`dead-letters`: messages that were given up; sending them back and discarding them, one, many, or all of a cause."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.describing import Page, Results
from etl.api.errors import Conflict, NoSuchRow
from etl.api.forms import Form, IdField, OneOfField, PageForm, limit_field
from etl.letters import dead_letters, reading
from etl.letters.dead_letters import Group, Settled
from etl.models import DeadLetter
from etl.queue.topology import Stage
from pulse.postgres.scope import platform_scope

MOST_AT_ONCE = 1000
Settle = Callable[..., Settled]


class LettersForm(Form):
    """Which letters; those that wait for a person, where no other ``state`` is asked for."""

    state = OneOfField(DeadLetter.State.values, default=DeadLetter.State.OPEN)
    queue = serializers.CharField(required=False, max_length=100)
    cause = serializers.CharField(required=False, max_length=200, trim_whitespace=False, allow_blank=True)
    stage = OneOfField(Stage, required=False)
    run_id = IdField(required=False)
    search = serializers.CharField(required=False, max_length=255)


class LettersPageForm(LettersForm, PageForm):
    """The same in pages."""


class GroupsForm(LettersForm):
    """The same in groups, no more than ``limit``."""

    limit = limit_field()


class ShortLetterAnswer(serializers.ModelSerializer[DeadLetter]):
    """A letter; ``tenant_id`` is None where the message names no tenant, which only superusers see."""

    settled_by = serializers.CharField(source="settled_by.username", default=None)

    class Meta:
        model = DeadLetter
        fields: tuple[str, ...] = (
            "id", "tenant_id", "queue", "error", "cause", "attempt", "stage", "unit_id", "run_id", "state",
            "created_at", "settled_at", "settled_by",
        )  # fmt: skip


class LetterAnswer(ShortLetterAnswer):
    """With the message as it came, as JSON where it is some, and the unit that it was about."""

    message = serializers.SerializerMethodField()
    unit = serializers.SerializerMethodField()

    class Meta(ShortLetterAnswer.Meta):
        fields = (*ShortLetterAnswer.Meta.fields, "body", "message", "unit")

    def get_message(self, letter: DeadLetter) -> Any:
        return reading.message_of(letter)

    def get_unit(self, letter: DeadLetter) -> dict[str, Any] | None:
        unit = reading.unit_of(letter)
        return None if unit is None else {name: getattr(unit, name) for name in reading.SHOWN}


class _Letters(ApiView):
    def decide(self, request: Request) -> None:
        super().decide(request)
        if self.user.is_superuser:
            self._within.enter_context(platform_scope())

    def letters(self) -> QuerySet[DeadLetter]:
        """The tenant's letters; to a superuser those too that nobody can tell whose they are."""
        if not self.user.is_superuser:
            return self.rows(DeadLetter)
        return DeadLetter.objects.filter(Q(tenant=self.tenant) | Q(tenant=None))

    def found(self) -> QuerySet[DeadLetter]:
        """Those that the form asks for."""
        given = self.given
        names = [name for name in ("state", "queue", "cause", "stage", "run_id") if name in given]
        rows = self.letters().filter(**{name: given[name] for name in names})
        return rows.filter(error__icontains=given["search"]) if "search" in given else rows

    def letter(self, pk: int) -> DeadLetter:
        found = self.letters().select_related("settled_by").filter(pk=pk).first()
        if found is None:
            raise NoSuchRow("id", pk)
        return found


class LettersView(_Letters):
    """GET: the tenant's dead letters, the newest first, without their messages."""

    forms = {"GET": LettersPageForm}
    answers = {"GET": Page(ShortLetterAnswer)}

    def get(self, request: Request) -> Response:
        rows = self.found().select_related("settled_by").defer("body")
        return Response(self.page(rows, ["-id"], ShortLetterAnswer))


class GroupsView(_Letters):
    """GET: the same, those that failed alike put together, the largest group first."""

    forms = {"GET": GroupsForm}
    answers = {"GET": Results(Group)}

    def get(self, request: Request) -> Response:
        groups = dead_letters.groups(self.found(), self.given["limit"])
        return Response({"results": [asdict(group) for group in groups]})


class LetterView(_Letters):
    """GET: one letter, with its message and its unit."""

    answers = {"GET": LetterAnswer}

    def get(self, request: Request, pk: int) -> Response:
        return Response(LetterAnswer(self.letter(pk)).data)


class ManyForm(Form):
    """Either ``ids``, or a ``cause`` and with it perhaps a ``queue``: the oldest open ones of it."""

    ids = serializers.ListField(child=IdField(), required=False, allow_empty=False, max_length=MOST_AT_ONCE)
    cause = serializers.CharField(required=False, max_length=200, trim_whitespace=False, allow_blank=True)
    queue = serializers.CharField(required=False, max_length=100)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == ("cause" in attrs):
            raise serializers.ValidationError("give either ids or a cause")
        if "ids" in attrs and "queue" in attrs:
            raise serializers.ValidationError({"queue": "goes with a cause, not with ids"})
        return attrs


SETTLED_ANSWER = {"settled": [int], "refused": [{"id": int, "reason": str}]}


class _Settling(_Letters):
    """``settle`` is what is done to the letters that are named."""

    settle: ClassVar[Settle]

    def one(self, pk: int) -> Response:
        """Raises Conflict where it cannot be done."""
        settled = type(self).settle([self.letter(pk).pk], by=self.user)
        if settled.refused:
            raise Conflict(f"dead letter {pk}: {settled.refused[pk]}")
        return Response(LetterAnswer(self.letter(pk)).data)

    def many(self) -> Response:
        """One that cannot be settled does not hold up the others."""
        settled = type(self).settle(self._named() if "ids" in self.given else self._alike(), by=self.user)
        refused = [{"id": pk, "reason": reason} for pk, reason in sorted(settled.refused.items())]
        return Response({"settled": sorted(settled.done), "refused": refused})

    def _named(self) -> list[int]:
        """Raises NoSuchRow where one of them is not there."""
        known = set(self.letters().filter(pk__in=self.given["ids"]).values_list("pk", flat=True))
        for pk in self.given["ids"]:
            if pk not in known:
                raise NoSuchRow("ids", pk)
        return sorted(known)

    def _alike(self) -> list[int]:
        names = [name for name in ("cause", "queue") if name in self.given]
        rows = self.letters().filter(state=DeadLetter.State.OPEN, **{name: self.given[name] for name in names})
        return list(rows.order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])


class _Replaying(_Settling):
    settle = staticmethod(dead_letters.replay)


class _Discarding(_Settling):
    settle = staticmethod(dead_letters.discard)


class ReplayView(_Replaying):
    """POST: sends a letter back: its unit waits again, or its message is in its queue again."""

    answers = {"POST": LetterAnswer}

    def post(self, request: Request, pk: int) -> Response:
        return self.one(pk)


class ReplayManyView(_Replaying):
    """POST: the same with many, each on its own."""

    forms = {"POST": ManyForm}
    answers = {"POST": SETTLED_ANSWER}

    def post(self, request: Request) -> Response:
        return self.many()


class DiscardView(_Discarding):
    """POST: settles a letter for good; a unit that failed has failed."""

    answers = {"POST": LetterAnswer}

    def post(self, request: Request, pk: int) -> Response:
        return self.one(pk)


class DiscardManyView(_Discarding):
    """POST: the same with many, each on its own."""

    forms = {"POST": ManyForm}
    answers = {"POST": SETTLED_ANSWER}

    def post(self, request: Request) -> Response:
        return self.many()
