"""From the client's responses to the contract's answers, and paging by token."""

from collections.abc import Mapping
from typing import Any

from integrations.errors import Permanent
from integrations.http import Response
from integrations.provider import Answer, Cursor, Partition, RawAnswer
from integrations.providers.jira.normalise import digests

_SHOWN_CHARACTERS = 80


def answer_of(
    asked: RawAnswer,
    response: Response,
    next_cursor: Cursor | None = None,
    followups: tuple[Partition, ...] = (),
    warning: str = "",
    partitions: tuple[Partition, ...] = (),
) -> Answer:
    """The response under the name of the question that was asked; its bytes go on unchanged."""
    method, _, path = response.call.partition(" ")
    common = {"method": method, "url": path, "status": response.status, "payload_size": len(response.body)}
    return Answer(
        entity_type=asked.entity_type,
        external_id=asked.external_id,
        body=response.body,
        metadata={**common, **asked.metadata},
        next_cursor=next_cursor,
        followups=followups,
        partitions=partitions,
        source_time=response.source_time,
        warning=warning,
        digests=digests(asked),
    )


def next_page(content: Mapping[str, Any], cursor: Cursor, call: str) -> Cursor | None:
    """The cursor of the next page, None at the end: no token, or ``isLast``.

    Raises Permanent where the site leads in a circle. Besides the token just used one older token is kept, of a page
    whose number is a power of two: that finds circles of any length, and the cursor stays small.
    """
    token, page = content.get("nextPageToken"), cursor["page"]
    if not token or content.get("isLast") is True:
        return None
    if type(token) is not str:
        raise Permanent(f"{call}: nextPageToken is of type {type(token).__name__}, not text")
    if token in (cursor["token"], cursor["mark"]):
        raise Permanent(f"{call}: page {page}: the site repeated nextPageToken {token[:_SHOWN_CHARACTERS]!r}")
    # A power of two has a single bit.
    mark = token if page & (page - 1) == 0 else cursor["mark"]
    return {**cursor, "token": token, "page": page + 1, "mark": mark}


def first_page(**question: Any) -> Cursor:
    return {**question, "token": None, "page": 1, "mark": None}
