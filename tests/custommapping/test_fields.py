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
    ],
)  # fmt: skip
def test_a_text_is_what_a_person_would_read(value: Any, expected: str | None) -> None:
    assert to_text(value) == expected


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
