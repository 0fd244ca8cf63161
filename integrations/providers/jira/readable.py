"""The text of custom values in forms that are Jira's own: documents, objects of its apps, and what it writes as text.

Options, people, cascading choices and the like are read by their names wherever they come from, not here.
docs/custom-fields.md has the table of all forms.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations.json_values import Json
from integrations.providers.jira.adf import plain_text
from integrations.providers.jira.app_values import app_text, interval_text
from integrations.providers.jira.dev_field import shows_development
from integrations.providers.jira.sprints import is_sprint, sprint_name

# How Java writes the map or the bean of a development field: with the kinds of development data as its first key.
_development = re.compile(r"\{(?:summaryBean|pullrequest|repository|branch|commit|build|review|deployment[\w-]*|json)=")


def readable(value: object) -> str | None:
    """The plain text of such a value, '' where it says nothing; None for a value in any other form."""
    form = _FORMS.get(type(value))
    return form(value) if form else None


def _object(value: Json) -> str | None:
    if value.get("type") == "doc" and type(value.get("content")) is list:
        return plain_text(value)
    return app_text(value)


def _listed(values: Sequence[object]) -> str | None:
    if type(values[0] if values else None) is dict:
        return _objects(values)
    shown = [_text(value) if type(value) is str else None for value in values]
    if not any(shown) or not all(type(value) is str for value in values):
        return None
    return ", ".join(str(new or old) for new, old in zip(shown, values, strict=True))


def _objects(values: Sequence[object]) -> str | None:
    """Only where all have such a form: one that does not is known to others, who see all or nothing."""
    shown = []
    for value in values:
        text = _object(value) if type(value) is dict else None
        if text is None:
            return None
        shown.append(text)
    return ", ".join(filter(None, shown))


def _text(text: str) -> str | None:
    end = text[-1:]
    if end == "]":
        return sprint_name(text) if is_sprint(text) else None
    if end == "}":
        return _braced(text)
    return _user(text) if end == ")" else None


def _braced(text: str) -> str | None:
    """What a development field holds changes with every push: whether there is anything is all that lasts."""
    if _development.match(text):
        return "true" if shows_development(text) else ""
    return interval_text(text)


def _user(text: str) -> str | None:
    """Some apps write a user as "name(name)"."""
    half = len(text) // 2 - 1
    name = text[:half]
    return name if name and text == f"{name}({name})" else None


_FORMS: Mapping[type, Callable[[Any], str | None]] = {dict: _object, list: _listed, str: _text}
