"""`verifications`."""

from typing import Any

from etl.models import Verification
from integrations.models import Integration
from tests.etl.api.callers import Caller, member
from tests.support.making import a_run, an_integration


def one(integration: Integration, **more: Any) -> Verification:
    return Verification.objects.create(tenant=integration.tenant, integration=integration, **more)


def test_verifications_are_found_by_integration_and_state_and_told_with_their_report(integration: Integration) -> None:
    caller, other = Caller(member("otto", integration.tenant)), an_integration("Other")
    run, report = a_run(integration), {"projects": {"PAY": {"source": 30, "derived": 29}}}
    first = one(integration, state="finished", score=0.03, report=report, repairs=True, repair=run)
    second, third = one(integration), one(other, state="failed", error_message="the site answered 401")

    def found(**query: Any) -> list[int]:
        return [row["id"] for row in caller.get("verifications", **query).json()["results"]]

    assert found() == [third.pk, second.pk, first.pk]
    assert found(integration_id=integration.pk) == [second.pk, first.pk]
    assert found(state="failed") == [third.pk]
    told = caller.get(f"verifications/{first.pk}").json()
    assert (told["state"], told["score"], told["report"]) == ("finished", 0.03, report)
    assert (told["repairs"], told["repair_id"]) == (True, run.pk)
    assert caller.get(f"verifications/{third.pk}").json()["error_message"] == "the site answered 401"
    assert "report" not in caller.get("verifications").json()["results"][0]
