"""What a partition of issues asks for: the same from its first page to its last, whatever becomes of the settings."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from integrations.provider import Connection, ProjectRef
from integrations.providers.jira.excluded import excluded_fields

Question = Mapping[str, Any]
"""``since`` (epoch ms or None), ``start_date`` (ISO text or ''), ``window`` (two epoch ms of creation or None).

Of a backfill also ``updated``: two epoch ms or None, of which the first belongs to the range and the second does not.
A page token belongs to one JQL, so all that the JQL is made of stands here, and is never read from settings again.
"""

# Jira's search lags behind its data by seconds to minutes; what is read twice is harmless.
OVERLAP = timedelta(minutes=10)
# What makes "all issues of the project" mean something else, so that an older watermark says nothing about it.
_NARROWING = ("start_date", "base_search", "exclude_fields", "updated")


def question_of(connection: Connection, project: ProjectRef, watermark: datetime | None = None) -> Question:
    return {
        "project_id": project.external_id,
        "project_key": project.key,
        "since": None if watermark is None else milliseconds(watermark - OVERLAP),
        "start_date": connection.setting("start_date"),
        "base_search": connection.setting("base_search"),
        "exclude_fields": list(excluded_fields(connection)),
        "window": None,
    }


def narrowed(question: Question, updated_from: datetime | None, updated_to: datetime | None) -> Question:
    """The question as a backfill asks it: for what was last updated from the one time on and before the other."""
    if updated_from is None and updated_to is None:
        return question
    return {**question, "updated": [moment and milliseconds(moment) for moment in (updated_from, updated_to)]}


def scope_of(question: Question) -> str:
    """The scope of a project's watermark: another one as soon as other issues or fields of it are to be read."""
    project = f"project:{question['project_id']}"
    left_out = {name: question[name] for name in _NARROWING if question.get(name)}
    if not left_out:
        return project
    return f"{project}:{hashlib.sha256(orjson.dumps(left_out)).hexdigest()[:16]}"


def question_name(question: Question) -> str:
    """Names the answers: a page of a sync since some time is another question than the same page of a full sync."""
    since = "" if question["since"] is None else f":since:{question['since']}"
    updated = f":updated:{'..'.join(map(_bound, question['updated']))}" if "updated" in question else ""
    return f"project:{question['project_id']}{window_name(question['window'])}{since}{updated}"


def window_name(window: Sequence[int | None] | None) -> str:
    """The days that bound a window, such as ':created:2024-01-01..2024-03-01'; '' for no window."""
    return "" if window is None else f":created:{'..'.join(map(_day, window))}"


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def midnight(text: str) -> int:
    """The beginning of a day like 2024-12-31 in UTC, in epoch milliseconds."""
    return milliseconds(datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC))


def _bound(bound: int | None) -> str:
    return "" if bound is None else str(bound)


def _day(bound: int | None) -> str:
    return "" if bound is None else f"{datetime.fromtimestamp(bound / 1000, UTC):%Y-%m-%d}"
