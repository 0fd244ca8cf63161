"""Records as other tools hand them in: JSON objects whose names are those of `integrations.records`. All is pure.

An answer of one of these entity types is a list of such objects, each read on its own.
"""

import types
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, get_args, get_origin

from integrations.errors import Permanent
from integrations.json_text import hashes
from integrations.json_values import UnreadableError, described, instant, join
from integrations.provider import Provider, RawAnswer
from integrations.records import (
    Batch,
    CustomFieldRecord,
    ProjectRecord,
    PullRequestRecord,
    Quarantined,
    RepositoryRecord,
    StatusRecord,
    WitRecord,
    WorkItemRecord,
)

_LARGEST_INTEGER = 2**31 - 1
_PULL_REQUEST_STATES = ("OPEN", "CLOSED", "MERGED")
# What follows from what else a record says.
_DERIVED = ("custom_texts",)
_BY_ITEMS: Mapping[str, Mapping[str, type]] = {
    "work_items": {
        "projects": ProjectRecord,
        "wits": WitRecord,
        "statuses": StatusRecord,
        "custom_fields": CustomFieldRecord,
        "work_items": WorkItemRecord,
    },
    "prs": {"repositories": RepositoryRecord, "prs": PullRequestRecord},
}
_KINDS: Mapping[str, type] = {name: kind for kinds in _BY_ITEMS.values() for name, kind in kinds.items()}
_IN_BATCH = {"prs": "pull_requests"}


def entity_types(provider: Provider) -> list[str]:
    """The tables of which records can be handed in to an integration of that provider; its own types come first."""
    own = provider.entity_types()
    return [name for name in _BY_ITEMS.get(provider.items_table, ()) if name not in own]


def is_plain(provider: Provider, entity_type: str) -> bool:
    return entity_type in entity_types(provider)


def digests(answer: RawAnswer) -> Mapping[str, str]:
    """`Provider.digests` of records."""
    if answer.entity_type not in _BY_ITEMS:
        return {}
    return hashes((_id_of(said), said) for said in _listed(answer) if _id_of(said))


def normalise(provider: Provider, answer: RawAnswer, skip: Set[str] = frozenset()) -> Batch:
    """`Provider.normalise` of records. Of one that comes twice the later one counts."""
    found: dict[str, Any] = {}
    quarantined = []
    for place, said in enumerate(_listed(answer)):
        if answer.entity_type in _BY_ITEMS and _id_of(said) in skip:
            continue
        try:
            record = _finished(provider, _read(_KINDS[answer.entity_type], said, f"[{place}]"), f"[{place}]")
            found[record.external_id] = record
        except UnreadableError as error:
            quarantined.append(Quarantined(answer.entity_type, _id_of(said)[:255], error.path, error.reason))
    part = _IN_BATCH.get(answer.entity_type, answer.entity_type)
    return Batch(**{part: list(found.values())}, quarantined=quarantined)


def _listed(answer: RawAnswer) -> list[Any]:
    if type(answer.content) is list:
        return answer.content
    raise Permanent(f"{answer.entity_type} {answer.external_id!r}: it is {described(answer.content)}, not a list")


def _id_of(said: object) -> str:
    """'' where it does not say."""
    external_id = said.get("external_id") if type(said) is dict else None
    return external_id if type(external_id) is str else ""


def _finished(provider: Provider, record: Any, path: str) -> Any:
    """Checked and completed, where a record says more than its types do."""
    if isinstance(record, WorkItemRecord):
        custom, texts = provider.custom_values(record.custom)
        # Ids are numbers of growing length: padded, they sort as numbers do.
        changes = sorted(record.changes, key=lambda change: (change.at, change.history_id.zfill(20), change.item))
        return replace(record, custom=custom, custom_texts=texts, changes=tuple(changes))
    if isinstance(record, PullRequestRecord) and record.state not in _PULL_REQUEST_STATES:
        raise UnreadableError(join(path, "state"), record.state, f"one of {', '.join(_PULL_REQUEST_STATES)}")
    return record


def _read(kind: type, said: Any, path: str) -> Any:
    if type(said) is not dict:
        raise UnreadableError(path, said, "an object")
    known = _fields(kind)
    for name in said:
        if name not in known:
            raise UnreadableError(join(path, name), said[name], f"one of {', '.join(known)}")
    return kind(**dict(_values(known, said, path)))


@cache
def _fields(kind: type) -> Mapping[str, "Field[Any]"]:
    return {field.name: field for field in fields(kind) if field.name not in _DERIVED}


def _values(known: Mapping[str, "Field[Any]"], said: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """What is said; null is as good as nothing. What a record cannot be without must not be empty either."""
    for name, field in known.items():
        required = field.default is MISSING and field.default_factory is MISSING
        value = said.get(name)
        if value is None and not required:
            continue
        if required and value == "":
            raise UnreadableError(join(path, name), value, "a text that is not empty")
        yield name, _value(field.type, value, join(path, name))


def _value(kind: Any, value: Any, path: str) -> Any:
    origin = get_origin(kind)
    if origin is types.UnionType:
        return None if value is None else _value(get_args(kind)[0], value, path)
    if origin is tuple:
        if type(value) is not list:
            raise UnreadableError(path, value, "a list")
        return tuple(_value(get_args(kind)[0], inner, f"{path}[{place}]") for place, inner in enumerate(value))
    if origin is not None:
        return _scalar(dict, value, path, "an object")
    if isinstance(kind, type) and is_dataclass(kind):
        return _read(kind, value, path)
    if issubclass(kind, StrEnum):
        return _word(kind, value, path)
    return _READERS[kind](value, path)


def _word(kind: type[StrEnum], value: Any, path: str) -> StrEnum:
    if type(value) is str and value in list(kind):
        return kind(value)
    raise UnreadableError(path, value, f"one of {', '.join(kind)}")


def _scalar(kind: type, value: Any, path: str, called: str) -> Any:
    if type(value) is kind:
        return value
    raise UnreadableError(path, value, called)


def _integer(value: Any, path: str) -> int:
    if type(value) is int and abs(value) <= _LARGEST_INTEGER:
        return value
    raise UnreadableError(path, value, f"a whole number up to {_LARGEST_INTEGER}")


def _day(value: Any, path: str) -> date:
    try:
        if type(value) is str:
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise UnreadableError(path, value, "a date like 2024-12-31")


_READERS: Mapping[Any, Callable[[Any, str], Any]] = {
    str: lambda value, path: _scalar(str, value, path, "a text"),
    bool: lambda value, path: _scalar(bool, value, path, "true or false"),
    int: _integer,
    datetime: lambda value, path: instant({path: value}, path),
    date: _day,
}
