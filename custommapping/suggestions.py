"""Which custom fields probably mean what columns mean: by their kind, their name, and how many items fill them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from custommapping.fitting import misfit
from custommapping.models import MAPPED_COLUMNS, CustomField
from integrations.provider import FieldHint

# What each sign is worth where nobody fills the field, and how much more where all do: no sign reaches the next one.
KIND, NAME, PART_OF_NAME = 0.8, 0.5, 0.2
_MORE = {KIND: 0.2, NAME: 0.3, PART_OF_NAME: 0.3}
# What is left of it where it is known that nobody does: another field is meant.
_UNFILLED = 0.2
_word = re.compile(r"[^\W_]+")
# Thai, and all of East Asia.
_unspaced = re.compile("[\u0e00-\u0e7f\u1100-\u11ff\u2e80-\uffff]")


@dataclass(frozen=True)
class Suggestion:
    """``score`` is from 0 to 1; ``reason`` says in words what speaks for the field."""

    field: CustomField
    score: float
    reason: str


def suggest(
    fields: Iterable[CustomField], hints: Mapping[str, FieldHint], mapped: Mapping[str, CustomField]
) -> dict[str, Suggestion]:
    """The best field for each column that a hint speaks of and that no good field fills. Pure.

    A field's kind counts for most, then its name, then the share of items that fill it; a field that nobody fills goes
    behind all others. Never suggested are inactive fields, misfits, and what ``mapped`` has in any column.
    """
    # The oldest first, which of several as good is taken: ids grow.
    known = sorted(fields, key=lambda field: (len(field.external_id), field.external_id))
    taken = {field.pk for field in mapped.values()}
    found: dict[str, Suggestion] = {}
    for column in MAPPED_COLUMNS:
        if column not in hints or _is_well_filled(column, mapped):
            continue
        free = (field for field in known if field.active and field.pk not in taken and not misfit(column, field))
        judged = [made for field in free if (made := _judged(field, hints[column]))]
        best = max(judged, key=lambda made: made.score, default=None)
        if best:
            found[column] = best
            taken.add(best.field.pk)
    return found


def _is_well_filled(column: str, mapped: Mapping[str, CustomField]) -> bool:
    field = mapped.get(column)
    return field is not None and field.active and misfit(column, field) is None


def _judged(field: CustomField, hint: FieldHint) -> Suggestion | None:
    worth, sign = _signs(field, hint)
    if not worth:
        return None
    if not field.items_seen:
        return Suggestion(field, round(worth + _MORE[worth] / 2, 4), f"{sign}; how many items fill it is not known")
    share = (field.items_filled or 0) / field.items_seen
    score = worth + _MORE[worth] * share if share else worth * _UNFILLED
    return Suggestion(field, round(score, 4), f"{sign}; {share:.0%} of {field.items_seen} items fill it")


def _signs(field: CustomField, hint: FieldHint) -> tuple[float, str]:
    """What the field's kind or else its name is worth, and that in words; (0, '') where nothing speaks for it."""
    kind = field.schema.get("custom")
    if kind in hint.schemas:
        return KIND, f"its kind {kind} means just this"
    if kind in hint.likely:
        return NAME, f"its kind {kind} often means this"
    if field.field_type not in hint.types:
        return 0, ""
    name = _words(field.name)
    if "".join(name) in {"".join(_words(known)) for known in hint.names}:
        return NAME, f"its name {field.name!r} is a usual one"
    if any(_holds(name, _words(known)) for known in hint.within):
        return PART_OF_NAME, f"its name {field.name!r} holds a usual one"
    return 0, ""


def _words(name: str) -> tuple[str, ...]:
    """The name's words without case, accents, signs: what is written in different ways is the same."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("ı", "i"))
    return tuple(_word.findall("".join(letter for letter in plain if not unicodedata.combining(letter))))


def _holds(name: tuple[str, ...], known: tuple[str, ...]) -> bool:
    """Whether those words stand in the name side by side; in a script without spaces, whether its letters do."""
    if _unspaced.match("".join(known)):
        return "".join(known) in "".join(name)
    starts = range(len(name) - len(known) + 1)
    return bool(known) and any(name[start : start + len(known)] == known for start in starts)
