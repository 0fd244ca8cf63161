"""The flow page: its figures are those of `etl.metrics`, and behind each point are the rows that it counts."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from custommapping.models import Project, Wit, WitMapping
from etl.admin.sidebar import navigation
from etl.metrics import flow, pull_requests
from etl.metrics.asking import Period, Question
from etl.models import Pr, WorkItem, WorkItemPrLink
from integrations.models import Integration
from pulse.tenancy.models import Tenant, User
from tests.etl.admin.rows import Rows, staff
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, at, issue, items, moved, pull_request, pulls, review, statuses

PAGE, FIGURES = reverse("admin:etl_workitem_flow"), reverse("admin:etl_workitem_flow_figures")
MARCH = {"first": "2024-03-01", "last": "2024-03-31"}
DAY = 86400
MOST_QUERIES = 16


def _knowing_statuses(tenant: str) -> Loading:
    loading = Loading.of(offline_integration(tenant))
    loading.load(statuses(*STATUSES.values()))
    return loading


@pytest.fixture
def loading(db: None) -> Loading:
    return _knowing_statuses("Acme")


@pytest.fixture
def reader(loading: Loading, client: Client) -> Client:
    client.force_login(staff("vera", loading.integration.tenant, role="viewer"))
    return client


def _merged(number: str, hours: float, **fields: Any) -> Any:
    return pull_request(number, state="MERGED", merged=at(hours), closed=at(hours), **fields)


@pytest.fixture
def loaded(loading: Loading) -> Loading:
    """Items of two projects, two teams and none, finished in two weeks, reopened, or at work; and pull requests."""
    other = {"project_id": "7", "project_key": "XYZ"}
    loading.load(
        items(
            moved("1", "1", "3", "5"),
            moved("2", "1", "3", "4", "5"),
            moved("3", "3", "5", "3"),
            moved("4", "1", "3", **other),
            moved("5", "3", "5", **other),
            issue("6"),
            moved("7", "3", "5", **other),
        )
    )
    WorkItem.objects.filter(external_id__in=("1", "4")).update(team="Owls & co")
    WorkItem.objects.filter(external_id="2").update(work_last_completed_at="2024-03-10T23:59:59Z")
    WorkItem.objects.filter(external_id="7").update(active=False)
    prs = [_merged("1", 4, reviews=(review(1, 2),)), _merged("2", 240), _merged("3", 5, bot=True), pull_request("4")]
    loading.load(pulls(*prs, _merged("5", 6)))
    _link(loading, "1", "1")
    _link(loading, "5", "2")
    return loading


def _link(loading: Loading, item: str, pr: str) -> None:
    found = Pr.objects.get(external_id=pr)
    WorkItemPrLink.objects.create(
        tenant=loading.integration.tenant,
        integration=loading.integration,
        work_item=WorkItem.objects.get(external_id=item),
        pr=found,
        kind="pull_request",
        source="test",
        external_repo="acme/web",
        pr_number=found.number,
    )


def _asked(client: Client, **query: Any) -> dict[str, Any]:
    answer = client.get(FIGURES, {**MARCH, **query})
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def _question(loading: Loading, **more: Any) -> Question:
    return Question(loading.integration.tenant_id, date(2024, 3, 1), date(2024, 3, 31), **more)


def _behind(client: Client, link: str) -> int:
    """How many rows the list has that a link leads to."""
    answer = client.get(link)
    assert answer.status_code == 200, link
    return len(answer.context["cl"].result_list)


def _days(seconds: float | None, unit: int = DAY) -> float | None:
    return None if seconds is None else seconds / unit


def test_percentiles_are_those_of_the_metrics(reader: Client, loaded: Loading) -> None:
    told = _asked(reader)

    (done,) = flow.finished(_question(loaded))
    (merged,) = pull_requests.merged(_question(loaded), bots=False)
    times = {row["name"]: row for row in told["times"]}
    assert done["cycle_time_seconds"]["p50"]
    assert merged["time_to_first_review_seconds"]["p50"]
    for at_ in ("p50", "p85", "p95"):
        assert times["Cycle time"][at_] == _days(done["cycle_time_seconds"][at_])
        assert times["Lead time"][at_] == _days(done["lead_time_seconds"][at_])
        assert times["Time to first review"][at_] == _days(merged["time_to_first_review_seconds"][at_], 3600)
    assert [card["value"] for card in told["counts"]] == [3, 2, 3, 1]


def test_each_period_has_its_figures_and_one_without_any_has_none(reader: Client, loaded: Loading) -> None:
    chart = _asked(reader)["charts"]["cycle"]

    rows = {str(row["period"]): row for row in flow.finished(_question(loaded, period=Period.WEEK))}
    assert sorted(rows) == ["2024-02-26", "2024-03-04"]
    assert chart["labels"] == ["2024-02-26", "2024-03-04", "2024-03-11", "2024-03-18", "2024-03-25"]
    for dataset in chart["datasets"]:
        told = dict(zip(chart["labels"], dataset["data"], strict=True))
        assert told.pop("2024-02-26") == _days(rows["2024-02-26"]["cycle_time_seconds"][dataset["label"]])
        assert told.pop("2024-03-04") == _days(rows["2024-03-04"]["cycle_time_seconds"][dataset["label"]])
        assert set(told.values()) == {None}


@pytest.mark.parametrize(("apart", "period"), [("", "day"), ("project", "week"), ("team", "month"), ("wit", "week")])
def test_behind_each_point_are_the_rows_that_it_counts(
    apart: str, period: str, reader: Client, loaded: Loading
) -> None:
    mapping = WitMapping.objects.create(
        tenant=loaded.integration.tenant, integration=loaded.integration, wit_from="Task", wit_to="Chore"
    )
    Wit.objects.update(mapping=mapping)
    charts = _asked(reader, apart=apart, period=period)["charts"]

    points = [point for name in ("throughput", "wip", "merged") for point in _points(charts[name])]
    assert len(points) >= 4
    for value, link in points:
        assert _behind(reader, link) == value, link
    for name, counted in (("cycle", "throughput"), ("review", "merged")):
        assert {link for _, link in _points(charts[name])} == {link for _, link in _points(charts[counted])}


def test_a_point_leads_to_no_day_that_was_not_asked_for(reader: Client, loaded: Loading) -> None:
    for external_id, day in (("1", "2024-02-28"), ("2", "2024-03-10"), ("5", "2024-03-08")):
        WorkItem.objects.filter(external_id=external_id).update(work_last_completed_at=f"{day}T12:00:00Z")
    WorkItem.objects.filter(external_id="7").update(active=True)

    points = list(_points(_asked(reader, last="2024-03-09")["charts"]["throughput"]))
    assert [value for value, _ in points] == [1, 1]
    assert [_behind(reader, link) for _, link in points] == [1, 1]


def _points(chart: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    for dataset in chart["datasets"]:
        yield from ((value, link) for value, link in zip(dataset["data"], dataset["links"], strict=True) if link)


@pytest.mark.parametrize("narrowed", [{}, {"project": "XYZ"}, {"team": "Owls & co"}, {"project": "ABC", "team": "x"}])
def test_behind_each_count_are_the_rows_that_it_counts(
    narrowed: dict[str, str], reader: Client, loaded: Loading
) -> None:
    if "project" in narrowed:
        narrowed = {**narrowed, "project": str(Project.objects.get(key=narrowed["project"]).pk)}
    counts = _asked(reader, **narrowed)["counts"]

    assert [_behind(reader, card["link"]) for card in counts] == [card["value"] for card in counts]


def test_a_project_and_a_team_narrow_the_figures(reader: Client, loaded: Loading) -> None:
    project = Project.objects.get(key="XYZ")

    def values(**query: Any) -> list[int]:
        return [card["value"] for card in _asked(reader, **query)["counts"]]

    assert values(project=project.pk) == [1, 1, 1, 0]
    assert values(team="Owls & co") == [1, 1, 1, 0]
    assert values(project=project.pk, team="Owls & co") == [0, 1, 0, 0]


def test_what_is_at_work_is_shown_with_its_age_above_its_status(reader: Client, loaded: Loading) -> None:
    now = timezone.now()
    WorkItem.objects.filter(external_id="3").update(work_first_started_at=now - timedelta(minutes=30))
    WorkItem.objects.filter(external_id="4").update(work_first_started_at=now - timedelta(days=3))
    chart = _asked(reader)["charts"]["ageing"]

    within, above, *lines = chart["datasets"]
    (done,) = flow.finished(_question(loaded))
    assert chart["labels"] == ["Building"]
    assert [point["name"].split()[0] for point in within["data"]] == ["ABC-3"]
    assert [point["name"].split()[0] for point in above["data"]] == ["ABC-4"]
    assert above["data"][0]["y"] == pytest.approx(3, abs=0.01)
    assert above["links"] == [reverse("admin:etl_workitem_change", args=[WorkItem.objects.get(external_id="4").pk])]
    assert [line["data"] for line in lines] == [[_days(value)] for value in done["cycle_time_seconds"].values()]


def test_only_those_with_the_most_are_drawn_and_that_is_said(
    reader: Client, loaded: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _asked(reader, apart="project")["note"] == ""
    monkeypatch.setattr("etl.admin.flow_charts.MOST_LINES", 1)
    told = _asked(reader, apart="project")

    assert [dataset["label"] for dataset in told["charts"]["throughput"]["datasets"]] == ["ABC"]
    assert "the 1 with the most" in told["note"]


def test_rows_of_another_tenant_do_not_count(reader: Client, loaded: Loading) -> None:
    before = _asked(reader)
    rival = _knowing_statuses("Rival")
    rival.load(items(moved("1", "1", "3", "5"), moved("2", "1", "3")))
    rival.load(pulls(_merged("1", 4)))

    after = _asked(reader)
    # Ages go on.
    for told in (before, after):
        del told["charts"]["ageing"], told["times"][2]
    assert after == before
    assert "Rival" not in reader.get(PAGE).content.decode()
    assert reader.get(FIGURES, {"tenant": rival.integration.tenant_id}).status_code == 403
    assert reader.get(PAGE, {"tenant": rival.integration.tenant_id}).status_code == 403


def test_a_superuser_chooses_the_tenant(superuser: Client, loaded: Loading) -> None:
    rival = _knowing_statuses("Rival")
    rival.load(items(moved("1", "1", "3", "5")))
    page = superuser.get(PAGE).content.decode()

    completed = _asked(superuser, tenant=rival.integration.tenant_id)["counts"][0]
    assert "Acme</option>" in page
    assert "Rival</option>" in page
    assert completed["value"] == _behind(superuser, completed["link"]) == 1
    assert _asked(superuser)["counts"][0]["value"] == 3


def test_a_superuser_who_has_chosen_a_tenant_sees_its_flow_alone(superuser: Client, loaded: Loading) -> None:
    rival = _knowing_statuses("Rival").integration.tenant_id
    superuser.post(reverse("choose-tenant"), {"tenant": rival})

    assert [card["value"] for card in _asked(superuser)["counts"]] == [0, 0, 0, 0]
    assert 'name="tenant"' not in re.sub(r"<form.*?frame-choice.*?</form>", "", _page(superuser), flags=re.DOTALL)
    assert superuser.get(FIGURES, {"tenant": loaded.integration.tenant_id}).status_code == 403


def _page(client: Client) -> str:
    return client.get(PAGE).content.decode()


def test_the_sidebar_marks_the_page_and_not_the_list_above_it(reader: Client) -> None:
    def marked(address: str) -> list[str]:
        groups = navigation(reader.get(address).wsgi_request)
        return [item["title"] for group in groups for item in group["items"] if item.get("active")]

    assert marked(PAGE) == ["Flow"]
    assert marked(reverse("admin:etl_workitem_changelist")) == ["Work items"]


def test_the_figures_take_few_queries_however_many_rows_there_are(reader: Client, loaded: Loading) -> None:
    def queries(**query: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            _asked(reader, **query)
        return len(captured.captured_queries)

    few = queries(apart="wit")
    loaded.load(items(*(moved(str(number), "1", "3", "5") for number in range(10, 30))))
    assert queries(apart="wit") == few <= MOST_QUERIES
    with CaptureQueriesContext(connection) as captured:
        reader.get(PAGE)
    assert len(captured.captured_queries) <= MOST_QUERIES


def test_the_page_offers_the_projects_and_teams_that_there_are(reader: Client, loaded: Loading) -> None:
    content = reader.get(PAGE, {"team": "Owls & co", "period": "month"}).content.decode()

    assert ">ABC</option>" in content
    assert ">XYZ</option>" in content
    assert '<option value="Owls &amp; co">' in content
    assert '<option value="month" selected>' in content


def test_a_project_of_two_connections_is_offered_with_their_names_and_one_that_is_only_referred_to_is_not(
    reader: Client, loaded: Loading
) -> None:
    other = Integration.objects.create(tenant=loaded.integration.tenant, provider="jira", name="Other", settings={})
    for external_id, key in (("7", "XYZ"), ("10004", "10004")):
        Project.objects.create(tenant=other.tenant, integration=other, external_id=external_id, key=key)

    form = reader.get(PAGE).context["form"]

    assert [name for _, name in form.fields["project"].choices] == [
        "All",
        "ABC",
        f"XYZ, {loaded.integration.name}",
        "XYZ, Other",
    ]


def test_usually_the_last_days_are_shown_or_those_in_which_something_was_finished(
    reader: Client, loaded: Loading
) -> None:
    assert 'value="2024-03-10"' in reader.get(PAGE).content.decode()
    WorkItem.objects.filter(external_id="1").update(work_last_completed_at=timezone.now() - timedelta(days=3))

    content = reader.get(PAGE).content.decode()
    today = timezone.now().date()
    assert f'value="{today}"' in content
    assert f'value="{today - timedelta(days=89)}"' in content


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ({"first": "2024-04-01"}, "first", "2024-04-01 is after 2024-03-31"),
        ({"first": "1850-01-01"}, "first", "1850-01-01 is not from 1970-01-01"),
        ({"last": "3999-01-01"}, "last", "3999-01-01 is not from"),
        ({"first": "1990-01-01"}, "first", "more than 3660 days"),
        ({"first": "soon"}, "first", "valid date"),
        ({"period": "hour"}, "period", "hour"),
        ({"apart": "author"}, "apart", "author"),
        ({"project": "999999"}, "project", "999999"),
        ({"first": "2015-01-01", "period": "day", "apart": "project"}, "by", "more than 2 groups"),
    ],
)
def test_what_cannot_be_asked_is_said_with_its_field_and_value(
    query: dict[str, str], field: str, said: str, reader: Client, loaded: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.metrics.asking.MOST_GROUPS", 2)
    answer = reader.get(FIGURES, {**MARCH, **query})

    assert answer.status_code == 400
    assert said in str(answer.json()["errors"][field])
    assert reader.get(PAGE, {**MARCH, **query}).status_code == 200


@pytest.mark.parametrize(
    "query", [{"category": "Later"}, {"finished": "yesterday"}, {"finished": "2024-03-02..2024-03-01"}]
)
def test_a_list_leaves_filters_that_say_nothing_alone(query: dict[str, str], reader: Client, loaded: Loading) -> None:
    assert reader.get(reverse("admin:etl_workitem_changelist"), query).status_code == 302


@pytest.mark.parametrize("value", ["a", "3;4", "9" * 30, "٣"])
def test_a_list_of_pull_requests_leaves_projects_that_are_none_alone(
    value: str, reader: Client, loaded: Loading
) -> None:
    assert reader.get(reverse("admin:etl_pr_changelist"), {"linked_to": value}).status_code == 302


def test_who_may_not_see_work_items_sees_no_flow(stray: Client, client: Client, acme: Rows) -> None:
    for address in (PAGE, FIGURES):
        assert stray.get(address).status_code == 403
        assert client.get(address).status_code == 302
    client.force_login(User.objects.create_user("ulla", tenant=acme.tenant))
    assert client.get(FIGURES).status_code == 302


def test_there_is_no_flow_without_a_tenant(superuser: Client) -> None:
    assert not Tenant.objects.exists()
    assert superuser.get(PAGE).status_code == 403
