"""What a partition of pull requests asks for: the same from its first page to its last."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.provider import Connection, RepositoryRef

Question = Mapping[str, Any]
"""``repository_id``, ``since`` ('2024-12-31T12:00:00Z' or None) and ``start_date`` ('2024-12-31' or '').

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


def scope_of(question: Question) -> str:
    """The scope of a repository's watermark: another one as soon as older pull requests are to be read."""
    start = question["start_date"]
    return f"repository:{question['repository_id']}" + (f":from:{start}" if start else "")


def question_name(question: Question) -> str:
    """Names the answers: a page of a sync since some time is another question than the same page of a full sync."""
    since = question["since"]
    return f"repository:{question['repository_id']}" + (f":since:{since}" if since else "")


def oldest_wanted(question: Question) -> str:
    """Pull requests last updated before are not read: an instant as GitHub writes them; '' where all are."""
    start = question["start_date"]
    return max(question["since"] or "", f"{start}T00:00:00Z" if start else "")
