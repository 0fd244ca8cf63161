"""`work-items/export`, `changelogs/export`, `prs/export` and the like: whole lists as CSV or JSON Lines."""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from etl.api.changelogs import Changelogs, ChangelogsFilter
from etl.api.forms import Form, OneOfField
from etl.api.links import Links, LinksFilter
from etl.api.listing import Listing
from etl.api.paging import page
from etl.api.prs import Prs, PrsFilter
from etl.api.work_items import WorkItems, WorkItemsFilter
from pulse.postgres.scope import in_same_scope

# Read and written at once: what a process needs for an export, however long that is.
CHUNK_ROWS = 500
# What begins with one of these a spreadsheet takes for a formula, or skips until it finds one. The last four are wide.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Row = Mapping[str, Any]


class Writer(ABC):
    """Writes rows of those names as text."""

    content_type: ClassVar[str]

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def head(self) -> str:
        """What stands before all rows."""
        return ""

    @abstractmethod
    def lines(self, rows: Sequence[Row]) -> str: ...


class CsvWriter(Writer):
    """RFC 4180, with the names in the first line. No text of it is a formula where it is opened as a spreadsheet."""

    content_type = "text/csv; charset=utf-8"

    def head(self) -> str:
        return self._written([self._names])

    def lines(self, rows: Sequence[Row]) -> str:
        return self._written([[_cell(row[name]) for name in self._names] for row in rows])

    def _written(self, rows: Sequence[Sequence[Any]]) -> str:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        return text.getvalue()


def _cell(value: Any) -> Any:
    """Numbers as they are, nothing as nothing; what is no text as JSON."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = value if isinstance(value, str) else _json(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULAS) else text


class JsonLinesWriter(Writer):
    """An object a line."""

    content_type = "application/x-ndjson"

    def lines(self, rows: Sequence[Row]) -> str:
        return "".join(f"{_json(row)}\n" for row in rows)


def _json(value: Any) -> str:
    return json.dumps(value, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":"))


WRITERS: Mapping[str, type[Writer]] = {"csv": CsvWriter, "jsonl": JsonLinesWriter}


class ExportForm(Form):
    format = OneOfField(WRITERS, default="csv")


class _JsonErrors(DefaultContentNegotiation):
    """Errors are JSON, whatever ``format`` and the header Accept say of the file."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Export(Listing):
    """GET: the whole list as a file, of that name, with the same filters and in the same order as in pages.

    It is read in chunks, each by a short query of its own: no transaction stays open for a client that reads slowly.
    """

    content_negotiation_class = _JsonErrors
    file_name: ClassVar[str]

    def get(self, request: Request) -> StreamingHttpResponse:
        chosen = self.given["format"]
        writer = WRITERS[chosen](self.wanted)
        rows = self.chosen() if request.method == "GET" else self.chosen().none()
        # When it is read, the request's own scope has ended.
        read = in_same_scope(lambda cursor: self._chunk(rows, writer, cursor))
        answer = StreamingHttpResponse(_streamed(writer.head(), read), content_type=writer.content_type)
        answer["Content-Disposition"] = f'attachment; filename="{self.file_name}.{chosen}"'
        return answer

    def _chunk(self, rows: QuerySet[Any], writer: Writer, cursor: str | None) -> tuple[str, str | None]:
        """The text of the rows behind the cursor, and the cursor behind these; None where there are no more."""
        found = page(rows, self.order, {"limit": CHUNK_ROWS, "cursor": cursor}, self._told)
        return writer.lines(found["results"]), found["next"]

    def _told(self, rows: Sequence[Any]) -> Any:
        return self.answer(rows, many=True, context={"view": self}).data


async def _streamed(head: str, read: Callable[[str | None], tuple[str, str | None]]) -> AsyncIterator[str]:
    yield head
    text, cursor = await sync_to_async(read)(None)
    yield text
    while cursor is not None:
        text, cursor = await sync_to_async(read)(cursor)
        yield text


class WorkItemsExportForm(WorkItemsFilter, ExportForm):
    """The filters of the list."""


class WorkItemsExportView(Export, WorkItems):
    forms = {"GET": WorkItemsExportForm}
    file_name = "work-items"


class PrsExportForm(PrsFilter, ExportForm):
    """The filters of the list."""


class PrsExportView(Export, Prs):
    forms = {"GET": PrsExportForm}
    file_name = "prs"


class ChangelogsExportForm(ChangelogsFilter, ExportForm):
    """The filters of the list."""


class ChangelogsExportView(Export, Changelogs):
    forms = {"GET": ChangelogsExportForm}
    file_name = "changelogs"


class LinksExportForm(LinksFilter, ExportForm):
    """The filters of the list."""


class LinksExportView(Export, Links):
    forms = {"GET": LinksExportForm}
    file_name = "links"
