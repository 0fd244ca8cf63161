"""The text that is embedded of a row, as SQL: one place for its hash at the load and its words at the embedding."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EmbeddedTable:
    """``text`` and ``title`` are SQL expressions over the alias r (and what ``joins`` adds)."""

    text: str
    title: str
    joins: str = ""


EMBEDDED_TABLES: dict[str, EmbeddedTable] = {
    "projects": EmbeddedTable("concat_ws(E'\\n', r.key, r.name, nullif(r.description, ''))", "r.name"),
    "wits": EmbeddedTable("concat_ws(E'\\n', r.name, nullif(r.description, ''))", "r.name"),
    "statuses": EmbeddedTable("concat_ws(E'\\n', r.name, nullif(r.description, ''), r.category)", "r.name"),
    # Not its status or assignee: these change often and would have it embedded again and again.
    "work_items": EmbeddedTable(
        "concat_ws(E'\\n', r.summary, left(r.description, 4000),"
        " nullif((SELECT string_agg(l, ', ') FROM jsonb_array_elements_text(r.labels) l), ''), r.key)",
        "r.key || ' ' || r.summary",
    ),
    "repositories": EmbeddedTable("concat_ws(E'\\n', r.full_name, nullif(r.description, ''))", "r.full_name"),
    "prs": EmbeddedTable(
        "concat_ws(E'\\n', r.title, nullif(left(r.body, 4000), ''))", "'#' || r.number || ' ' || r.title"
    ),
}
