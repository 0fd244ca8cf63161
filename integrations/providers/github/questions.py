"""What a partition of pull requests asks for: the same from its first page to its last."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.provider import Connection, RepositoryRef

Question = Mapping[str, Any]
"""``repository_id``, ``since`` ('2024-12-31T12:00:00Z' or None) and ``start_date`` ('2024-12-31' or '').

Of a backfill also ``updated``: two such times or '', of which the first belongs to the range and the second does not.
No name: that may change while pages are read. GitHub writes all times alike, so that they compare as text.
"""

# What changes while it is read can show up minutes later; what is read twice is harmless.
OVERLAP = timedelta(minutes=10)


def question_of(connection: Connection, repository: RepositoryRef, watermark: datetime | None = None) -> Question:
    return {
        "repository_id": repository.external_id,
        "since": None if watermark is None else f"{(watermark - OVERLAP).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "start_date": connection.setting("start_date"),
    }


def narrowed(question: Question, updated_from: datetime | None, updated_to: datetime | None) -> Question:
    """The question as a backfill asks it: for what was last updated from the one time on and before the other."""
    if updated_from is None and updated_to is None:
        return question
    return {**question, "updated": [(moment and _second(moment)) or "" for moment in (updated_from, updated_to)]}


def _second(moment: datetime) -> str:
    """The first full second that is not before it: there is nothing in between."""
    return f"{(moment + timedelta(microseconds=999_999)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def scope_of(question: Question) -> str:
    """The scope of a repository's watermark: another one as soon as other pull requests are to be read."""
    start = question["start_date"]
    return f"repository:{question['repository_id']}" + (f":from:{start}" if start else "") + _range(question)


def question_name(question: Question) -> str:
    """Names the answers: a page of a sync since some time is another question than the same page of a full sync."""
    since = question["since"]
    return f"repository:{question['repository_id']}" + (f":since:{since}" if since else "") + _range(question)


def _range(question: Question) -> str:
    return f":updated:{'..'.join(question['updated'])}" if "updated" in question else ""


def oldest_wanted(question: Question) -> str:
    """Pull requests last updated before are not read: an instant as GitHub writes them; '' where all are."""
    start = question["start_date"]
    first, _ = question.get("updated") or ("", "")
    return max(question["since"] or "", f"{start}T00:00:00Z" if start else "", first)


def newest_wanted(question: Question) -> str:
    """Pull requests last updated then or later are not read: an instant as GitHub writes them; '' where all are."""
    _, end = question.get("updated") or ("", "")
    return str(end)
