"""Comparing what a site has with what is stored of it: a report, and the drift in it. Pure.

What was created since the last complete sync began is no drift: the next one brings it. So only what is older is
compared. Each project that seems to differ is asked for once more, and counts with the smaller of both differences:
items come and go, and rows are being loaded, while it is compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from etl.verification.points import Points
from etl.verification.stored import Answers, Items, Vectors
from integrations.provider import SourceCount


@dataclass(frozen=True)
class Stored:
    """What is stored of one project or repository; ``items`` once for each look at its site."""

    items: Sequence[Items]
    answers: Answers
    quarantined: int
    vectors: Vectors = field(default_factory=Vectors)
    unanswered: int = 0


@dataclass(frozen=True)
class Compared:
    """One project or repository. ``missing`` are items that the site has and we lack, ``gone`` the other way round.

    ``reading``: its first sync goes on, and what is missing comes with it.
    """

    external_id: str
    name: str
    looks: Sequence[SourceCount]
    stored: Stored
    reading: bool = False

    @property
    def told(self) -> SourceCount:
        """What the site said last."""
        return self.looks[-1] if self.looks else SourceCount(None)

    @property
    def missing(self) -> int:
        if self.reading:
            return 0
        return min((_missing(look, items, self.stored.answers) for look, items in self._looks()), default=0)

    @property
    def gone(self) -> int:
        return min((_gone(look, items, self.stored.answers) for look, items in self._looks()), default=0)

    @property
    def drift(self) -> int:
        """How many items differ. What is missing and stands in a stored answer is one of both."""
        missing = max(self.missing, self.stored.answers.underived)
        return missing + self.gone + self.stored.answers.stale + self.stored.unanswered

    @property
    def lacks_answers(self) -> bool:
        """Whether the site has to say which items differ: no stored answer holds what is missing, or is there."""
        return self.missing > self.stored.answers.underived or self.stored.unanswered > 0

    def _looks(self) -> list[tuple[SourceCount, Items]]:
        # Of what was not asked for there are rows all the same.
        found = zip(self.looks, self.stored.items, strict=False)
        return [(look, items) for look, items in found if look.items is not None]

    def told_whole(self) -> dict[str, Any]:
        """As the report has it."""
        told, answers = self.told, self.stored.answers
        items = self.stored.items[-1]
        return {
            "external_id": self.external_id,
            "name": self.name,
            "source": told.items,
            "since": told.since and told.since.isoformat(),
            "created_since": told.created,
            "changed_since": told.changed,
            "raw": answers.raw,
            "derived": items.derived,
            "quarantined": self.stored.quarantined,
            "deleted": items.deleted,
            "waiting": answers.waiting,
            "vectors": asdict(self.stored.vectors),
            "missing": self.missing,
            "gone": self.gone,
            "underived": answers.underived,
            "stale": answers.stale,
            "unanswered": self.stored.unanswered,
            "drift": self.drift,
            "reading": self.reading,
            "problem": told.problem,
        }


def _missing(told: SourceCount, items: Items, answers: Answers) -> int:
    """Those that the last complete sync should have brought, and that are nowhere on their way either."""
    assert told.items is not None  # noqa: S101 - who calls has looked
    found = told.items - told.created - items.settled - answers.waiting - answers.quarantined
    if told.present is not None:
        # What was changed since may be wanted only since then.
        found -= told.changed - told.created
    return max(0, found)


def _gone(told: SourceCount, items: Items, answers: Answers) -> int:
    """What a stored answer holds without a row counts as ours: else it would make up for what is gone."""
    assert told.items is not None  # noqa: S101
    return max(0, items.settled + answers.underived - (max(told.items, told.present or 0) - told.created))


@dataclass(frozen=True)
class Comparison:
    """All of an integration. ``catalogues`` are the vectors of tables that hold no items, by table."""

    containers: Sequence[Compared]
    catalogues: Mapping[str, Vectors] = field(default_factory=dict)
    points: Points = field(default_factory=Points)

    @property
    def vectors(self) -> list[Vectors]:
        return [*(one.stored.vectors for one in self.containers), *self.catalogues.values()]

    @property
    def drift(self) -> int:
        """How many items and vectors differ."""
        return sum(one.drift for one in self.containers) + sum(one.missing + one.surplus for one in self.vectors)

    @property
    def score(self) -> float:
        """The share of all that differs: 0 where all is alike, 1 where nothing is."""
        items = sum(max(one.told.items or 0, one.stored.items[-1].derived, one.drift) for one in self.containers)
        vectors = sum(one.wanted + one.surplus for one in self.vectors)
        return min(1.0, self.drift / (items + vectors)) if self.drift else 0.0

    @property
    def problems(self) -> list[str]:
        """Why some could not be compared."""
        told = [f"{one.name}: {one.told.problem}" for one in self.containers if one.told.problem]
        return told + ([f"vectors: {self.points.problem}"] if self.points.problem else [])

    @property
    def answers(self) -> list[int]:
        """The stored answers that hold what is not derived, or not as it is now."""
        return sorted({row for one in self.containers for row in one.stored.answers.rows})

    def report(self, kind: str) -> dict[str, Any]:
        """As `Verification.report` keeps it; ``kind`` is what its containers are."""
        containers = [one.told_whole() for one in self.containers]
        return {
            "kind": kind,
            kind: containers,
            "vectors": {table: asdict(found) for table, found in self.catalogues.items()},
            "totals": {
                **{name: _total(containers, name) for name in _TOTALS},
                "vectors": {name: sum(getattr(one, name) for one in self.vectors) for name in asdict(Vectors())},
            },
            "drift": self.drift,
            "problems": self.problems,
        }


_TOTALS = (
    "source", "created_since", "changed_since", "raw", "derived", "quarantined", "deleted", "waiting", "missing",
    "gone", "underived", "stale", "unanswered",
)  # fmt: skip


def _total(containers: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(one[name] or 0 for one in containers)
