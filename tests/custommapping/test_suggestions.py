"""Which field is suggested for which column, and why."""

from collections.abc import Mapping
from typing import Any

import pytest

from custommapping.models import CustomField
from custommapping.suggestions import Suggestion, suggest
from integrations.provider import FieldHint

HINTS = {
    "team": FieldHint(
        schemas=("x:team", "x:squad"), types=("any", "string", "team"), names=("Team", "Équipe", "チーム", "Takım"),
        within=("Team", "チーム", "Scrum team"),
    ),
    "story_points": FieldHint(
        schemas=(), types=("number",), names=("Story points", "Story-Punkte"), within=("Story points",),
        likely=("x:points",),
    ),
}  # fmt: skip


def field(number: int, name: str = "Any", kind: str = "string", custom: str = "", **more: Any) -> CustomField:
    known = {"external_id": f"customfield_{number}", "name": name, "field_type": kind, "schema": {"custom": custom}}
    return CustomField(pk=number, **{**known, **more})


def used(filled: int, seen: int = 100) -> dict[str, Any]:
    return {"items_seen": seen, "items_filled": filled}


def found(*fields: CustomField, mapped: Mapping[str, CustomField] | None = None) -> dict[str, int]:
    """The numbers of the fields that are suggested, by column."""
    return {column: made.field.pk for column, made in suggest(fields, HINTS, mapped or {}).items()}


def best(*fields: CustomField) -> Suggestion:
    (made,) = suggest(fields, HINTS, {}).values()
    return made


def test_a_kind_counts_for_more_than_a_name_and_a_name_for_more_than_a_part_of_one() -> None:
    kind, name, part = field(3, custom="x:team"), field(2, "Team"), field(1, "Team of the customer")

    assert found(part, name, kind) == {"team": 3}
    assert found(part, name) == {"team": 2}
    assert found(part) == {"team": 1}


def test_of_fields_that_are_as_good_the_one_that_more_items_fill_is_suggested() -> None:
    rare, usual = field(1, "Team", **used(10)), field(2, "Team", **used(60))

    assert found(rare, usual) == {"team": 2}


def test_a_kind_that_few_fill_counts_for_more_than_a_name_that_all_fill() -> None:
    assert found(field(1, custom="x:team", **used(1)), field(2, "Team", **used(100))) == {"team": 1}


def test_a_field_that_nobody_fills_counts_for_less_than_any_other() -> None:
    kind, name, part = field(1, custom="x:team", **used(0)), field(2, "Team", **used(0)), field(3, "A team", **used(1))

    assert found(kind, name, part) == {"team": 3}
    assert found(kind, name) == {"team": 1}


def test_a_kind_that_only_often_means_it_is_as_good_as_a_name() -> None:
    kind, name = field(1, kind="number", custom="x:points"), field(2, "Story Points", "number", "x:float")

    def with_shares(of_kind: int, of_name: int) -> dict[str, int]:
        kind.items_filled, name.items_filled = of_kind, of_name
        kind.items_seen = name.items_seen = 100
        return found(kind, name)

    assert with_shares(20, 30) == {"story_points": 2}
    assert with_shares(30, 20) == {"story_points": 1}


def test_of_fields_that_are_equal_the_older_one_is_suggested() -> None:
    assert found(field(100, "Team"), field(20, "Team"), field(30, "Team")) == {"team": 20}


@pytest.mark.parametrize(
    ("name", "is_found"),
    [
        ("Team", True), ("TEAM", True), (" team ", True), ("équipe", True), ("EQUIPE", True), ("E\u0301quipe", True),
        ("TAKIM", True), ("takım", True), ("チーム", True), ("担当チーム名", True), ("Backend Team", True),
        ("team_name", True), ("My Scrum-Team", True), ("Teamwork", False), ("Steam", False), ("Backend Équipe", False),
        ("Tea m", True), ("", False), ("!", False),
    ],
)  # fmt: skip
def test_a_name_is_known_in_any_case_and_with_or_without_accents_and_signs(name: str, is_found: bool) -> None:
    assert (found(field(1, name)) == {"team": 1}) is is_found


def test_a_name_alone_does_not_make_a_field_of_another_type_the_one() -> None:
    assert found(field(1, "Team", "user")) == {}
    assert found(field(1, "Team", "user", "x:squad")) == {"team": 1}
    assert found(field(1, "Story points", "string"), field(2, "Story points", "option")) == {}


def test_what_does_not_fit_or_is_not_listed_any_more_is_never_suggested() -> None:
    assert found(field(1, "Team", custom="x:team", active=False)) == {}
    assert found(field(1, "Team", "date", "x:team")) == {}
    assert found(field(1, "Story points", "string", "x:points")) == {}
    assert best(field(1, kind="number", custom="x:points")).reason.startswith("its kind x:points often means this; ")


def test_what_fills_a_column_already_is_suggested_for_no_other_and_its_column_has_no_suggestion() -> None:
    team, other = field(1, "Team"), field(2, "Team")

    assert found(team, other, mapped={"custom_field_01": team}) == {"team": 2}
    assert found(team, other, mapped={"team": team}) == {}
    assert found(team, mapped={"custom_field_01": team}) == {}


def test_a_column_whose_field_is_no_good_any_more_has_a_suggestion() -> None:
    gone, retyped, free = field(1, "Team", active=False), field(2, "Team", "date"), field(3, "Team")

    assert found(gone, retyped, free, mapped={"team": gone}) == {"team": 3}
    assert found(gone, retyped, free, mapped={"team": retyped}) == {"team": 3}


def test_one_field_is_suggested_for_one_column() -> None:
    hints = {"team": HINTS["team"], "code_changed": HINTS["team"]}

    made = suggest([field(1, "Team"), field(2, "Team")], hints, {})

    assert {column: suggestion.field.pk for column, suggestion in made.items()} == {"team": 1, "code_changed": 2}
    assert list(suggest([field(1, "Team")], hints, {})) == ["team"]


def test_a_suggestion_says_what_speaks_for_it() -> None:
    assert best(field(1, "Team", **used(25))).reason == "its name 'Team' is a usual one; 25% of 100 items fill it"
    assert best(field(1, "A team")).reason == "its name 'A team' holds a usual one; how many items fill it is not known"
    assert best(field(1, custom="x:team")).reason.startswith("its kind x:team means just this; ")


def test_scores_go_from_0_to_1() -> None:
    scores = [
        best(field(1, name, custom=custom, **used(filled))).score
        for name, custom, filled in (("Any", "x:team", 100), ("Team", "", 100), ("A team", "", 100), ("A team", "", 0))
    ]

    assert scores == [1.0, 0.8, 0.5, 0.04]
