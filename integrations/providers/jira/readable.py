"""The text of custom values in forms that are Jira's own: documents, and what Data Center writes as text.

Options, people, cascading choices and the like are read by their names wherever they come from, not here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations.providers.jira.adf import plain_text
from integrations.providers.jira.sprints import is_sprint, sprint_name


def readable(value: object) -> str | None:
    """The plain text of such a value, '' where it says nothing; None for a value in any other form."""
    form = _FORMS.get(type(value))
    return form(value) if form else None


def _document(value: Mapping[str, Any]) -> str | None:
    return plain_text(value) if value.get("type") == "doc" and type(value.get("content")) is list else None


def _listed(values: Sequence[object]) -> str | None:
    shown = [_shown(value) if type(value) is str else None for value in values]
    if not any(shown) or not all(type(value) is str for value in values):
        return None
    return ", ".join(str(new or old) for new, old in zip(shown, values, strict=True))


def _shown(text: str) -> str | None:
    end = text[-1:]
    if end == "]":
        return sprint_name(text) if is_sprint(text) else None
    return _user(text) if end == ")" else None


def _user(text: str) -> str | None:
    """Some apps write a user as "name(name)"."""
    half = len(text) // 2 - 1
    name = text[:half]
    return name if name and text == f"{name}({name})" else None


_FORMS: Mapping[type, Callable[[Any], str | None]] = {dict: _document, list: _listed, str: _shown}
