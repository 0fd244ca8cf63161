"""What is said of bad bodies with lists and objects in them."""

from typing import Any

import pytest
from rest_framework import serializers

from etl.api.errors import body
from etl.api.forms import Form, IdField, NamesField, OneOfField


class EntryForm(Form):
    status = serializers.CharField()
    category = OneOfField(["To Do", "Done"])
    secret = serializers.CharField(required=False, write_only=True, max_length=3)


class BodyForm(Form):
    integration_id = IdField()
    entries = EntryForm(many=True, required=False)
    one = EntryForm(required=False)
    columns = serializers.DictField(child=serializers.CharField(allow_null=True), required=False)
    steps = serializers.ListField(child=serializers.CharField(max_length=3), required=False)
    wanted = NamesField(["a", "b"], required=False)


def errors(given: Any) -> dict[str, list[str]]:
    form = BodyForm(data=given)
    with pytest.raises(serializers.ValidationError) as caught:
        form.is_valid(raise_exception=True)
    found: dict[str, list[str]] = body(caught.value)["errors"]
    return found


GOOD = {"status": "1", "category": "Done"}


@pytest.mark.parametrize(
    ("given", "path", "message"),
    [
        ({"entries": [GOOD, {**GOOD, "category": "Odd"}]}, "entries.1.category", '"Odd": is none of: To Do, Done'),
        ({"entries": [{"category": "Done"}]}, "entries.0.status", "This field is required."),
        ({"entries": [{**GOOD, "x": 1}]}, "entries.0.x", "is unknown; known are: status, category, secret"),
        ({"entries": [GOOD, 7]}, "entries.1", "Invalid data. Expected a dictionary, but got int."),
        ({"entries": 7}, "entries", 'Expected a list of items but got type "int".'),
        ({"one": {**GOOD, "category": None}}, "one.category", "null: This field may not be null."),
        ({"one": 7}, "one", "Invalid data. Expected a dictionary, but got int."),
        ({"columns": {"team": [1]}}, "columns.team", "[1]: Not a valid string."),
        ({"steps": ["ok", "long"]}, "steps.1", '"long": Ensure this field has no more than 3 characters.'),
        ({"steps": "long"}, "steps", '"long": Expected a list of items but got type "str".'),
        ({"wanted": "a,c"}, "wanted", '"a,c": "c" is none of: a, b'),
        ({"integration_id": True}, "integration_id", "true: A valid integer is required."),
        ({"integration_id": 1.5}, "integration_id", "1.5: A valid integer is required."),
    ],
)
def test_what_is_wrong_is_named_by_its_path(given: Any, path: str, message: str) -> None:
    found = errors({"integration_id": 1, **given})

    assert list(found) == [path]
    assert message in found[path][0]


def test_a_secret_is_never_repeated() -> None:
    found = errors({"integration_id": 1, "entries": [{**GOOD, "secret": "hush"}], "one": {**GOOD, "secret": "hush"}})

    assert sorted(found) == ["entries.0.secret", "one.secret"]
    assert "hush" not in str(found)


def test_what_is_right_is_taken_as_it_was_meant() -> None:
    form = BodyForm(data={"integration_id": "3", "wanted": "b, a", "entries": [GOOD], "columns": {"team": None}})

    assert form.is_valid()
    assert form.validated_data == {
        "integration_id": 3,
        "wanted": ["b", "a"],
        "entries": [GOOD],
        "columns": {"team": None},
    }
