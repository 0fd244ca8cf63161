"""Records of a run that could not be loaded: the field at fault, its value, and where the answer has it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from django.db.models import Count, Max

from etl.models import EtlJobRun, QuarantinedRecord
from etl.sql import fetch

SHOWN_RECORDS = 20
VALUE_CHARACTERS = 300
# `["a key"]`, `[3]` and `.name`, as paths are written.
_PARTS = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')


@dataclass(frozen=True)
class Refused:
    """A record that was refused. ``field`` is the last part of the path; ``value`` is what the answer has there as
    JSON, cut where it is long, empty where there is nothing.
    """

    record: QuarantinedRecord
    field: str
    value: str


@dataclass(frozen=True)
class Quarantine:
    """``count`` records wait, of which ``shown`` are the first; ``seen`` is another one when they are others.

    ``is_known``: they are those that were seen before, so they were not read again.
    """

    count: int
    seen: str
    shown: Sequence[Refused]
    is_known: bool

    @property
    def more(self) -> int:
        return self.count - len(self.shown)


def quarantine(run: EtlJobRun, known: str = "") -> Quarantine:
    """What waits in quarantine since the run. ``known`` is what was ``seen`` last: answers take long to read."""
    rows = QuarantinedRecord.objects.filter(run=run, resolved_at=None)
    count, changed = rows.aggregate(count=Count("pk"), changed=Max("last_updated_at")).values()
    seen = f"{count} {changed.isoformat() if changed else ''}"
    if seen == known:
        return Quarantine(count, seen, (), is_known=True)
    records = list(rows.order_by("pk")[:SHOWN_RECORDS])
    values = _values(records)
    refused = [_refused(record, values.get(record.pk, "")) for record in records]
    return Quarantine(count, seen, refused, is_known=False)


def parts_of(path: str) -> list[str]:
    """The keys and numbers of a path such as ``issues[3].fields["a b"]``. Pure."""
    return [_plain(*found) for found in _PARTS.findall(path.removeprefix("$"))]


def _plain(quoted: str, number: str, name: str) -> str:
    if not quoted:
        return number or name
    try:
        return str(orjson.loads(f'"{quoted}"'))
    except orjson.JSONDecodeError:
        return quoted


def _refused(record: QuarantinedRecord, value: str) -> Refused:
    parts = parts_of(record.path)
    return Refused(record, parts[-1] if parts else record.path, value)


def _values(records: Sequence[QuarantinedRecord]) -> dict[int, str]:
    """What stands at the records' paths, by record, in one query; without those where nothing does."""
    asked = [record for record in records if record.raw_data_id is not None and record.path]
    if not asked:
        return {}
    given = [one for record in asked for one in (record.pk, record.raw_data_id, parts_of(record.path))]
    rows = fetch(
        f"""SELECT asked.id, left((r.raw_data #> asked.path)::text, {VALUE_CHARACTERS})
            FROM (VALUES {", ".join(["(%s::bigint, %s::bigint, %s::text[])"] * len(asked))}) AS asked (id, raw, path)
            JOIN raw_extraction_data r ON r.id = asked.raw""",
        given,
    )
    return {pk: text for pk, text in rows if text is not None}
