from typing import Any

import pytest

from custommapping.fields import read_mapping
from custommapping.models import MAPPED_COLUMNS, CustomField, CustomFieldMapping
from integrations.models import Integration
from tests.support.loading import offline_integration


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
