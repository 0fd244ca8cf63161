"""What a run may be asked: chosen steps, chosen projects, a date range, how it reads. Checked once, here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self

from etl.queue.fields import Fields, Undecodable
from integrations.errors import Permanent
from integrations.models import Integration

LARGEST_BATCH = 100
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# Providers add zones and hours to it.
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class InvalidRequest(Permanent):
    """``errors`` says of each name what is wrong with its value."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a sync is to read, and how. With nothing said it is a plain sync: all that has changed.

    ``steps`` are names of the provider's steps, empty for all; one whose feeder is not chosen uses what is known.
    ``projects`` are projects by key or id, or repositories by owner/name or id, empty for all. Of a range only what
    changed at the source from ``updated_from`` on and before ``updated_to`` is read (aware, UTC). ``batch_size`` is in
    items a page. Where it and the flags are None, what the job's settings say counts; where these say nothing, a sync
    is none of everything, development status is read, and custom fields are not.
    """

    steps: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    full_sync: bool | None = None
    batch_size: int | None = None
    include_dev_status: bool | None = None
    include_custom_fields: bool | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any], integration: Integration) -> Self:
        """Of a JSON object, a form's cleaned data or a run's own config; null is as good as nothing.

        Days are read as days of UTC; one in ``updated_to`` belongs to the range. Raises InvalidRequest, which names
        each unknown name and each value that cannot be.
        """
        found, errors = _read(values)
        errors |= _wrong_steps(found.get("steps", ()), integration)
        if not errors:
            errors |= _wrong_range(found, values)
        if errors:
            raise InvalidRequest(errors)
        return cls(**found)

    def config(self) -> dict[str, Any]:
        """What is said, as JSON for `EtlJobRun.config`; `parse` reads it back."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: _as_json(value) for name, value in values.items() if value not in (None, ())}


def names_of_steps(integration: Integration) -> list[str]:
    """The steps that a run may be asked for, in their order."""
    return [step.name for step in integration.provider_code.steps if not step.on_demand]


def _read(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the values say, and what is wrong with those that say nothing."""
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    found, errors, source = {}, {}, Fields(given)
    for name in (name for name, value in given.items() if value is not None):
        reader = _READERS.get(name)
        try:
            if reader is None:
                raise Undecodable(f"{name[:100]} is unknown; known are: {', '.join(_READERS)}")
            found[name] = reader(source, name)
        except Undecodable as error:
            errors[name] = str(error)
    return found, errors


def _names(source: Fields, name: str) -> tuple[str, ...]:
    """Each once, without what is empty. Raises Undecodable where nothing else is in the list."""
    texts = source.texts(name)
    names = tuple(dict.fromkeys(filter(None, (text.strip() for text in texts))))
    if texts and not names:
        raise Undecodable(f"{name} is {list(texts)!r:.80}, which names nothing: leave it out for all")
    return names


def _batch_size(source: Fields, name: str) -> int:
    return source.integer(name, within=(1, LARGEST_BATCH))


def _beginning(source: Fields, name: str) -> datetime:
    return _moment(source.value(name), name, timedelta())


def _end(source: Fields, name: str) -> datetime:
    return _moment(source.value(name), name, timedelta(days=1))


def _moment(value: object, name: str, day: timedelta) -> datetime:
    """``day`` is added to what is a day and no time. Raises Undecodable."""
    try:
        moment = _parsed(value, day)
        if EARLIEST <= moment <= LATEST:
            return moment
    except (ValueError, OverflowError):
        pass
    shown = repr(value)[:80]
    raise Undecodable(f"{name} is {shown}, not a date from 1970 to 2199 like 2024-12-31 or 2024-12-31T08:00:00Z")


def _parsed(value: object, day: timedelta) -> datetime:
    """Raises ValueError, and OverflowError where the zone would carry it out of the calendar."""
    if isinstance(value, str):
        value = _day_or_moment(value.strip())
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC) + day
    raise ValueError


def _day_or_moment(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)


_READERS: Mapping[str, Callable[[Fields, str], Any]] = {
    "steps": _names,
    "projects": _names,
    "updated_from": _beginning,
    "updated_to": _end,
    "full_sync": Fields.flag,
    "batch_size": _batch_size,
    "include_dev_status": Fields.flag,
    "include_custom_fields": Fields.flag,
}


def _wrong_steps(steps: tuple[str, ...], integration: Integration) -> dict[str, str]:
    if not steps:
        return {}
    known = names_of_steps(integration)
    unknown = [step[:100] for step in steps if step not in known]
    if not unknown:
        return {}
    return {
        "steps": f"steps has {', '.join(map(repr, unknown))}, unknown to {integration.provider};"
        f" known are: {', '.join(known)}"
    }


def _wrong_range(found: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    beginning, end = found.get("updated_from"), found.get("updated_to")
    if beginning is None or end is None or beginning < end:
        return {}
    return {"updated_to": f"updated_to is {values['updated_to']}, not after updated_from {values['updated_from']}"}


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
