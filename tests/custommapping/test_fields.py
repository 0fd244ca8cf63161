from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custommapping.fields import read_mapping, to_number, to_text
from custommapping.models import MAPPED_COLUMNS, CustomField, CustomFieldMapping
from integrations.models import Integration
from tests.support.loading import offline_integration


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, Decimal(5)), (0, Decimal(0)), (3.5, Decimal("3.5")), (-1, Decimal(-1)), ("8", Decimal(8)),
        (" 2.5 ", Decimal("2.5")), ("0", Decimal(0)), (0.1, Decimal("0.1")),
        (None, None), ("", None), ("five", None), (True, None), (False, None), ([5], None), ({"value": 5}, None),
        (float("nan"), None), (float("inf"), None), ("NaN", None), ("-Infinity", None),
        ("0.0", Decimal(0)), ("-1", Decimal(-1)), ("1_000", None), ("3,5", None), ("2019-08-12", None),
        (99_999_999_999_998, Decimal(99_999_999_999_998)), (10**14, None), (-(10**14), None), (1e20, None),
        ("1e999999", None), ("1e-999999", None), (5e-324, Decimal("5e-324")),
    ],
)  # fmt: skip
def test_a_number_is_read_from_numbers_and_their_text_and_from_nothing_else(
    value: Any, expected: Decimal | None
) -> None:
    assert to_number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"), (" kept ", " kept "), (5, "5"), (5.0, "5"), (2.5, "2.5"), (0, "0"), (0.0, "0"),
        (-3.0, "-3"),
        (True, "true"), (False, "false"), (None, None), ("", None), ([], None), ({}, None), ([None, ""], None),
        ({"self": "…", "value": "Blue", "id": "10"}, "Blue"),
        ({"accountId": "a", "displayName": "Zoe"}, "Zoe"),
        ({"id": "36885", "name": "Falcons", "title": "The Falcons"}, "Falcons"),
        ({"key": "ABC"}, "ABC"), ({"id": 7}, "7"), ({"value": 0}, "0"), ({"value": None, "name": "x"}, "x"),
        ({"value": [], "name": "x"}, "x"),
        ({"value": "Europe", "child": {"value": "France", "child": {"value": "Paris"}}}, "Europe / France / Paris"),
        ({"value": "Europe", "child": {}}, "Europe"), ({"value": "Europe", "child": None}, "Europe"),
        ([{"value": "a"}, {"value": "b"}], "a, b"), (["a", 2, 3.0], "a, 2, 3"), ([{}, "a"], "a"),
        ({"unknown": "shape"}, None),
        ({"name": "ada", "key": "JIRAUSER10100", "displayName": "Ada Quill"}, "Ada Quill"),
        ({"accountId": "5b10"}, "5b10"), ({"accountId": "5b10", "displayName": ""}, "5b10"),
        ([{"id": 15, "name": "Sprint 1", "state": "closed"}, {"id": 16, "name": "Sprint 2"}], "Sprint 1, Sprint 2"),
        ("36885b3c-1bf0-4f85-a357-c5b858c31de4", "36885b3c-1bf0-4f85-a357-c5b858c31de4"),
        ({"id": "36885", "name": "", "title": "The Falcons", "isShared": False}, "The Falcons"),
        ({"showField": False, "nonEditableReason": {"reason": "PLUGIN_LICENSE_ERROR"}}, None),
        ("0.0", "0.0"),
    ],
)  # fmt: skip
def test_a_text_is_what_a_person_would_read(value: Any, expected: str | None) -> None:
    assert to_text(value) == expected


def test_what_is_larger_than_any_column_of_numbers_is_text_alone() -> None:
    assert (to_number(10**5000), to_number("9" * 100_000)) == (None, None)
    assert to_text(10**5000) == "1" + "0" * 5000
    assert to_text("x" * 1_000_000) == "x" * 1_000_000


def test_what_is_nested_deeper_than_anybody_reads_has_no_text_and_stops_nobody() -> None:
    lists: Any = "a"
    names: Any = "a"
    options: Any = {"value": "a"}
    for _ in range(10_000):
        lists, names, options = [lists], {"value": names}, {"value": "a", "child": options}

    assert (to_text(lists), to_text(names)) == (None, None)
    assert to_text([names, "b"]) == "b"
    assert str(to_text(options)).startswith("a / a / a")


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(["value", "name", "child", "x"]), inner)),
    max_leaves=8,
)


@given(value=_JSON)
def test_any_value_becomes_a_stable_text_that_is_not_empty_or_none(value: Any) -> None:
    found = to_text(value)

    assert found is None or found
    assert to_text(found) == found


@given(value=_JSON)
def test_any_value_becomes_a_finite_number_or_none(value: Any) -> None:
    found = to_number(value)

    assert found is None or found.is_finite()


@pytest.fixture
def integration(db: None) -> Integration:
    return offline_integration()


def field(integration: Integration, external_id: str) -> CustomField:
    return CustomField.objects.create(
        tenant=integration.tenant, integration=integration, external_id=external_id, name="Any", field_type="any"
    )


def mapping(integration: Integration, **columns: CustomField) -> CustomFieldMapping:
    return CustomFieldMapping.objects.create(tenant=integration.tenant, integration=integration, **columns)


def test_an_integration_without_a_mapping_maps_nothing(integration: Integration) -> None:
    mapping(offline_integration("Acme", "Jira 2"), team_field=field(integration, "customfield_1"))

    assert read_mapping(integration.tenant_id, integration.pk).columns == {}


def test_every_column_can_be_mapped(integration: Integration) -> None:
    names = [name if name.startswith("custom_field") else f"{name}_field" for name in MAPPED_COLUMNS]
    mapping(integration, **{name: field(integration, f"field of {name}") for name in names})

    columns = read_mapping(integration.tenant_id, integration.pk).columns

    assert columns == {f"field of {name}": column for name, column in zip(names, MAPPED_COLUMNS, strict=True)}


def test_a_mapping_that_is_not_active_maps_nothing(integration: Integration) -> None:
    mapping(integration, team_field=field(integration, "customfield_1"))
    CustomFieldMapping.objects.update(active=False)

    assert read_mapping(integration.tenant_id, integration.pk).columns == {}


def test_columns_are_read_in_two_queries(integration: Integration, django_assert_num_queries: Any) -> None:
    mapping(integration, custom_field_01=field(integration, "a"), custom_field_02=field(integration, "b"))

    with django_assert_num_queries(2):
        read_mapping(integration.tenant_id, integration.pk)
