"""Which reads belong to one watermark, and how answers are named."""

from datetime import UTC, datetime

import pytest

from integrations.provider import Connection
from integrations.providers.jira.questions import question_name, question_of, scope_of
from tests.integrations.providers.jira.questions import CONNECTION, PROJECT

WATERMARK = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def scope(**settings: str) -> str:
    return scope_of(question_of(Connection(1, "Acme", settings, {}), PROJECT, WATERMARK))


def test_a_project_has_one_watermark_whatever_is_asked_of_it() -> None:
    windowed = {**question_of(CONNECTION, PROJECT), "window": [0, None]}
    assert scope_of(windowed) == scope() == scope(batch_size="7", base_url="https://acme.example") == "project:20001"


@pytest.mark.parametrize(
    "settings", [{"start_date": "2024-01-01"}, {"base_search": "type = Bug"}, {"exclude_fields": "comment"}]
)
def test_other_issues_or_fields_have_another_watermark(settings: dict[str, str]) -> None:
    """An older one would hide what was out of scope until now."""
    assert scope(**settings).startswith("project:20001:")
    assert scope(**settings) == scope(**settings)
    assert scope(**settings) != scope(**{name: f"{value}1" for name, value in settings.items()})


def test_the_order_in_which_fields_are_named_means_nothing() -> None:
    assert scope(exclude_fields="comment,summary") == scope(exclude_fields=" summary, comment")


def test_pages_of_different_questions_have_different_names() -> None:
    whole, since = question_of(CONNECTION, PROJECT), question_of(CONNECTION, PROJECT, WATERMARK)
    windows = [{**whole, "window": window} for window in ([0, 86_400_000], [86_400_000, None], [None, 0])]
    assert [question_name(question) for question in (whole, since, *windows)] == [
        "project:20001",
        "project:20001:since:1740829800000",
        "project:20001:created:1970-01-01..1970-01-02",
        "project:20001:created:1970-01-02..",
        "project:20001:created:..1970-01-01",
    ]
