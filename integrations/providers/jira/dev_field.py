"""The development field of an issue: which field it is, and whether it shows anything."""

import re
from collections.abc import Mapping
from typing import Any

from integrations.json_text import fingerprint

# Both occur; only the schema tells this field from others, for its name is localised.
_PLUGIN = "com.atlassian.jira.plugins.jira-development-integration-plugin"
DEVELOPMENT_SCHEMAS = (f"{_PLUGIN}:devsummarycf", f"{_PLUGIN}:devsummary")

_NOTHING = frozenset(("", "{}", "[]", "null", "false", "0", '""'))
# In Java's rendering of a map, in JSON, and in JSON that is a text within JSON.
_COUNT = re.compile(r"\b(?:stateCount|count)[\\\"]*\s*[=:]\s*[\\\"]*([0-9]+)")
_EMPTY_SUMMARY = re.compile(r"\bsummary[\\\"]*\s*[=:]\s*\{\s*\}")


def development_field(page: Mapping[str, Any], fields: Mapping[str, str]) -> str | None:
    """The id of the field: the one that fills ``code_changed``, else the one whose schema says so.

    A page of a search explains the fields of all of its issues; issues that were asked for by id each their own.
    """
    if mapped := fields.get("code_changed"):
        return mapped
    issues = page.get("issues")
    for holder in (page, *(issues if type(issues) is list else ())):
        schema = holder.get("schema") if type(holder) is dict else None
        for name, kind in schema.items() if type(schema) is dict else ():
            if type(kind) is dict and kind.get("custom") in DEVELOPMENT_SCHEMAS:
                return str(name)
    return None


def shows_development(value: object) -> bool:
    """Whether a development field's value says that there is something to be asked for.

    Its form is nowhere written down. What has counts shows something where one is above zero; a form that is not
    known, and not empty, is taken to show something: a call too many is better than links that never come.
    """
    text = value if type(value) is str else fingerprint(value).decode(errors="replace")
    if text.strip().lower() in _NOTHING:
        return False
    counts = _COUNT.findall(text)
    return any(count.strip("0") for count in counts) if counts else not _EMPTY_SUMMARY.search(text)
