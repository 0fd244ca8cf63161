"""The documents' addresses: each is one of the API's, takes the parameters that stand behind it, and the method."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.conf import settings
from django.urls import resolve

from etl.api.auth import TENANT
from etl.api.base import NoSuchAddress

DOCUMENTS = ("api.md", "custom-fields.md")
# Of curl's: $API/jobs/$JOB?limit=3; of the first steps': pulse "jobs/$JOB".
_CALLED = re.compile(
    r"""(?:\$API/|^pulse |\(pulse |; do pulse |until pulse )"?([a-z][\w$/-]*)(?:\?([^"\s|)]*))?""", re.M
)
# Of tables and sentences: `GET jobs/1/runs`.
_NAMED = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) ([a-z][\w/-]*)(?:\?([^`\s]*))?`")


def _text(document: str) -> str:
    return (Path(settings.BASE_DIR) / "docs" / document).read_text()


def _view(path: str) -> Any:
    view: Any = resolve("/app/etl/" + re.sub(r"\$\w*|[A-Z]+", "1", path)).func
    return view.view_class


def _unknown(path: str, query: str) -> Iterator[str]:
    """What the view of that address does not know of it."""
    view = _view(path)
    if view is NoSuchAddress:
        yield path
        return
    known = {TENANT} | {name for form in view.forms.values() for name in form().fields}
    yield from (f"{path}?{name}" for name, _ in parse_qsl(query) if name not in known)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_examples_call_is_there_and_takes_what_they_ask(document: str) -> None:
    called = _CALLED.findall(_text(document))

    assert len(called) > 5
    assert [wrong for path, query in called for wrong in _unknown(path, query)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_documents_name_is_there_and_takes_the_method(document: str) -> None:
    named = _NAMED.findall(_text(document))

    assert len(named) > 5
    assert [wrong for _, path, query in named for wrong in _unknown(path, query)] == []
    assert [(method, path) for method, path, _ in named if not hasattr(_view(path), method.lower())] == []
