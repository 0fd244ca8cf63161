"""`projects`."""

from typing import Any

import pytest

from custommapping.models import Project
from integrations.models import Integration
from tests.etl.api.callers import Caller, member
from tests.support.loading import offline_integration


@pytest.fixture
def integration(db: None) -> Integration:
    return offline_integration()


def a_project(integration: Integration, key: str, **more: Any) -> None:
    known = {"external_id": key, "key": key, "name": f"Project {key}", **more}
    Project.objects.create(tenant=integration.tenant, integration=integration, **known)


def test_projects_are_found_by_what_they_are(integration: Integration) -> None:
    caller = Caller(member("otto", integration.tenant))
    other = offline_integration(name="Other")
    a_project(integration, "PAY", lead_name="Ada")
    a_project(integration, "OLD", archived=True)
    a_project(other, "PAY", active=False)

    def found(**query: Any) -> list[tuple[int, str]]:
        rows = caller.get("projects", **query).json()["results"]
        return [(row["integration_id"], row["key"]) for row in rows]

    assert found() == [(integration.pk, "OLD"), (integration.pk, "PAY"), (other.pk, "PAY")]
    assert found(key="PAY", active="true") == [(integration.pk, "PAY")]
    assert found(archived="true") == [(integration.pk, "OLD")]
    assert found(integration_id=other.pk) == [(other.pk, "PAY")]
    assert caller.get("projects", key="PAY").json()["results"][0]["lead_name"] == "Ada"
