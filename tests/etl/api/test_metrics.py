"""`metrics`: each figure against what can be counted by hand."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from custommapping.models import Status, StatusMapping, Wit, WitMapping
from etl.metrics import asking
from etl.models import Pr, WorkItem, WorkItemPrLink
from integrations.models import Integration
from tests.etl.api.callers import Caller, member
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, at, issue, items, moved, pull_request, pulls, review, statuses

MARCH = {"from": "2024-03-01", "to": "2024-03-31"}
HOUR = 3600


@pytest.fixture
def loading(db: None) -> Loading:
    return knowing_statuses(offline_integration())


def knowing_statuses(integration: Integration) -> Loading:
    loading = Loading.of(integration)
    loading.load(statuses(*STATUSES.values()))
    return loading


@pytest.fixture
def caller(loading: Loading) -> Caller:
    return Caller(member("vera", loading.integration.tenant))


def asked(caller: Caller, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = caller.get(f"metrics/{path}", **query)
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_what_is_done_is_counted_with_the_percentiles_of_its_times(caller: Caller, loading: Loading) -> None:
    # One an hour: started after 1, completed after 2, 3, 4 hours.
    loading.load(
        items(
            moved("1", "1", "3", "5"), moved("2", "1", "3", "4", "5"), moved("3", "1", "3", "1", "3", "5"), issue("4")
        )
    )
    WorkItem.objects.filter(external_id="1").update(story_points=3)

    (told,) = asked(caller, "flow", **MARCH)

    assert (told["completed"], told["story_points"], told["reworked"], told["never_started"]) == (3, 3, 1, 0)
    assert told["cycle_time_seconds"] == {"p50": 2 * HOUR, "p85": 2.7 * HOUR, "p95": 2.9 * HOUR}
    assert told["lead_time_seconds"]["p50"] == 3 * HOUR
    assert told["work_time_seconds"]["p50"] == 2 * HOUR


def test_what_was_opened_again_is_not_finished(caller: Caller, loading: Loading) -> None:
    loading.load(items(moved("1", "1", "3", "5", "3"), moved("2", "1", "5")))

    (told,) = asked(caller, "flow", **MARCH)

    assert (told["completed"], told["never_started"]) == (1, 1)
    assert told["cycle_time_seconds"] == {"p50": None, "p85": None, "p95": None}


def test_days_are_included_from_the_first_to_the_last(caller: Caller, loading: Loading) -> None:
    loading.load(items(moved("1", "3", "5"), moved("2", "3", "5")))
    WorkItem.objects.filter(external_id="1").update(work_last_completed_at="2024-03-31T23:59:59Z")
    WorkItem.objects.filter(external_id="2").update(work_last_completed_at="2024-04-01T00:00:00Z")

    assert asked(caller, "flow", **MARCH)[0]["completed"] == 1
    assert asked(caller, "flow", **{"from": "2024-03-31", "to": "2024-03-31"})[0]["completed"] == 1
    assert asked(caller, "flow", **{"from": "2024-04-01", "to": "2024-04-01"})[0]["completed"] == 1
    assert asked(caller, "flow")[0]["completed"] == 0


def test_figures_are_told_apart_by_project_team_type_and_period(caller: Caller, loading: Loading) -> None:
    loading.load(
        items(moved("1", "3", "5"), moved("2", "3", "5"), moved("3", "3", "5", project_id="7", project_key="XYZ"))
    )
    WorkItem.objects.filter(external_id="1").update(team="Owls", work_last_completed_at="2024-03-10T12:00:00Z")
    mapping = WitMapping.objects.create(
        tenant=loading.integration.tenant, integration=loading.integration, wit_from="Task", wit_to="Chore"
    )
    Wit.objects.update(mapping=mapping)

    def counted(*names: str, **query: Any) -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in (*names, "completed")) for row in asked(caller, "flow", **MARCH, **query)]

    assert counted("project", by="project") == [("ABC", 2), ("XYZ", 1)]
    assert counted("team", "project", by="team,project") == [("Owls", "ABC", 1), (None, "ABC", 1), (None, "XYZ", 1)]
    assert counted("wit", by="wit") == [("Chore", 3)]
    assert counted("period", period="day") == [("2024-03-01", 2), ("2024-03-10", 1)]
    assert counted("period", period="week") == [("2024-02-26", 2), ("2024-03-04", 1)]
    assert counted("period", period="quarter") == [("2024-01-01", 3)]
    assert counted(project="XYZ") == [(1,)]
    assert counted(team="Owls") == [(1,)]
    assert counted("project", by="project", team="Nobody") == []


def test_figures_are_of_the_callers_tenant_and_of_the_integration_that_is_named(
    caller: Caller, loading: Loading
) -> None:
    other, rival = knowing_statuses(offline_integration(name="Other")), knowing_statuses(offline_integration("Rival"))
    for one in (loading, other, rival):
        one.load(items(moved("1", "3", "5"), moved("2", "3", "4")))

    assert asked(caller, "flow", **MARCH)[0]["completed"] == 2
    assert asked(caller, "flow", **MARCH, integration_id=other.integration.pk)[0]["completed"] == 1
    assert asked(caller, "flow/now")[0]["in_progress"] == 2
    assert caller.get("metrics/flow", integration_id=rival.integration.pk).status_code == 404


def test_what_is_in_progress_now_has_its_age(caller: Caller, loading: Loading) -> None:
    loading.load(items(moved("1", "1", "3"), moved("2", "1", "3"), moved("3", "1", "3", "5"), issue("4")))
    now = timezone.now()
    for number, days in (("1", 4), ("2", 2)):
        WorkItem.objects.filter(external_id=number).update(work_first_started_at=now - timedelta(days=days))

    (told,) = asked(caller, "flow/now")

    assert (told["in_progress"], told["oldest"]) == (2, "ABC-1")
    assert told["age_seconds"]["p50"] == pytest.approx(3 * 24 * HOUR, abs=HOUR)


def test_the_tenants_own_meaning_of_a_status_counts(caller: Caller, loading: Loading) -> None:
    loading.load(items(moved("1", "1", "3")))
    whose = {"tenant": loading.integration.tenant, "integration": loading.integration}
    StatusMapping.objects.create(**whose, status_external_id="3", category="To Do")

    assert Status.objects.get(external_id="3").category == "In Progress"
    assert asked(caller, "flow/now")[0]["in_progress"] == 0


def merged(number: str, hours: float, **fields: Any) -> Any:
    return pull_request(number, state="MERGED", merged=at(hours), closed=at(hours), **fields)


def test_pull_requests_are_counted_with_the_percentiles_of_their_times(caller: Caller, loading: Loading) -> None:
    loading.load(
        pulls(
            merged("1", 4, reviews=(review(1, 2),), additions=10, deletions=5),
            merged("2", 6, additions=1),
            pull_request("3"),
            pull_request("4", state="CLOSED", closed=at(1)),
            merged("5", 6, bot=True),
        )
    )

    (told,) = asked(caller, "prs", **MARCH)

    assert (told["merged"], told["without_review"]) == (2, 1)
    assert told["time_to_first_review_seconds"]["p50"] == 2 * HOUR
    assert told["changed_lines"]["p50"] == 8
    assert asked(caller, "prs", **MARCH, bots="true")[0]["merged"] == 3
    assert [
        (row["repository"], row["author"], row["open"]) for row in asked(caller, "prs/now", by="repository,author")
    ] == [("acme/web", "ann", 1)]
    assert asked(caller, "prs", **MARCH, by="author", period="month")[0]["period"] == "2024-03-01"


def test_a_pull_request_is_of_the_projects_and_teams_that_it_is_linked_to_and_counts_once_for_each(
    caller: Caller, loading: Loading
) -> None:
    loading.load(items(issue("1"), issue("2"), issue("3", project_id="7", project_key="XYZ")))
    loading.load(
        pulls(
            merged("1", 4, mentioned_keys=("ABC-1", "ABC-2", "ABC-3")),
            merged("2", 5, mentioned_keys=("ABC-1",)),
            merged("3", 5),
        )
    )
    WorkItem.objects.filter(external_id="2").update(team="Owls")
    assert WorkItemPrLink.objects.filter(pr__isnull=False).count() == 4

    def counted(*names: str, **query: Any) -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in (*names, "merged")) for row in asked(caller, "prs", **MARCH, **query)]

    assert counted() == [(3,)]
    assert counted("project", by="project") == [("ABC", 2), ("XYZ", 1), (None, 1)]
    assert counted("team", by="team", project="ABC") == [("Owls", 1), (None, 2)]
    assert counted(project="ABC") == [(2,)]
    assert counted(team="Owls") == [(1,)]
    assert Pr.objects.count() == 3


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"by": "project,nonsense"}, '"nonsense" is none of: project, team, wit'),
        ({"period": "fortnight"}, "is none of: day, week, month, quarter, year"),
        ({"from": "2024-03-02", "to": "2024-03-01"}, "from: 2024-03-02 is after 2024-03-01"),
        ({"from": "1990-01-01"}, "more than 3660 days"),
        ({"from": "yesterday"}, "from: "),
        ({"to": "0001-01-01"}, "to: "),
        ({"to": "9999-12-31"}, "to: "),
    ],
)
def test_what_cannot_be_asked_is_named(caller: Caller, query: dict[str, str], said: str) -> None:
    answer = caller.get("metrics/flow", **query)

    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_a_project_that_is_not_there_is_named(caller: Caller) -> None:
    assert caller.get("metrics/flow", project="NONE").json()["errors"] == {"project": ["there is no 'NONE'"]}


def test_too_many_groups_are_refused(caller: Caller, loading: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_GROUPS", 1)
    loading.load(items(moved("1", "3", "5"), moved("3", "3", "5", project_id="7", project_key="XYZ")))

    assert caller.get("metrics/flow", **MARCH, by="project").status_code == 400
    assert asked(caller, "flow", **MARCH)[0]["completed"] == 2
