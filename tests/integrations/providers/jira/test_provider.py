from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.errors import Permanent
from integrations.provider import Connection, PlanContext, ProjectRef, RawAnswer
from integrations.providers.jira.answers import first_page, next_page
from integrations.providers.jira.auth import Credentials, advice, checked_base_url
from integrations.providers.jira.provider import JiraProvider
from integrations.registry import get_provider

from .samples import KIND, STATUS, issue

PROJECTS_STEP, STATUSES_STEP, ISSUES_STEP = (step.name for step in JiraProvider.steps[:3])
FIELDS_STEP = "jira_custom_fields"
PROJECTS = (ProjectRef("20001", "ORB"), ProjectRef("20002", "MOON"), ProjectRef("20003", "SUN"))
WATERMARK = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def connected(**settings: str) -> Connection:
    return Connection(1, "Acme", settings, {})


def plan(step: str, context: PlanContext, **settings: str) -> list[tuple[str, Any]]:
    return [(found.key, found.cursor) for found in JiraProvider().plan(step, connected(**settings), context)]


def test_the_provider_registers_itself() -> None:
    provider = get_provider("Jira")
    assert isinstance(provider, JiraProvider)
    assert [(step.order, step.display_name, step.on_demand) for step in provider.steps] == [
        (1, "Projects & Types", False),
        (2, "Statuses & Relations", False),
        (3, "Issues & Changelogs", False),
        (4, "Development Status", False),
        (5, "Custom Fields", True),
        (6, "Drift & Deletions", True),
    ]
    assert [field.name for field in provider.settings if field.secret] == [
        "api_token",
        "oauth_client_secret",
        "oauth_refresh_token",
        "webhook_secret",
    ]
    assert set(provider.entity_types().values()) == {step.name for step in provider.steps}


def test_the_catalogue_is_planned_whole_and_by_project() -> None:
    context = PlanContext(PROJECTS)
    assert [key for key, _ in plan(PROJECTS_STEP, context)] == ["projects"]
    assert [key for key, _ in plan(FIELDS_STEP, context)] == ["fields"]
    keys = ["statuses", "project:20001", "project:20002", "project:20003"]
    assert [key for key, _ in plan(STATUSES_STEP, context)] == keys
    assert [key for key, _ in plan(STATUSES_STEP, PlanContext())] == ["statuses"]


@pytest.mark.parametrize("step", [STATUSES_STEP, ISSUES_STEP])
@pytest.mark.parametrize(
    "settings",
    [
        {"projects": "orb, 20003"},
        {"exclude_projects": "20002"},
        {"exclude_projects": "Moon, NOPE"},
        {"projects": "ORB,MOON,SUN", "exclude_projects": "MOON"},
    ],
)
def test_projects_out_of_scope_are_not_planned(step: str, settings: dict[str, str]) -> None:
    found = [key for key, _ in plan(step, PlanContext(PROJECTS), **settings)]
    assert [key for key in found if key != "statuses"] == ["project:20001", "project:20003"]


def test_a_sync_since_a_watermark_reads_an_overlap_again() -> None:
    context = PlanContext(PROJECTS, {"project:20002": WATERMARK}, batch_size=30)
    cursors = dict(plan(ISSUES_STEP, context))
    assert cursors["project:20001"]["question"]["since"] is None
    assert cursors["project:20002"]["question"]["since"] == 1_740_829_800_000
    assert WATERMARK.timestamp() * 1000 - cursors["project:20002"]["question"]["since"] == 600_000
    assert cursors["project:20001"]["batch_size"] == "30"


def test_the_batch_size_of_the_integration_comes_before_that_of_the_job() -> None:
    ((_, cursor),) = plan(ISSUES_STEP, PlanContext(PROJECTS[:1], batch_size=30), batch_size="80")
    assert cursor["batch_size"] == "80"


@pytest.mark.parametrize("size", ["0", "101", "-1", "many", "1e2", "²", "9" * 5000])
def test_a_wrong_batch_size_is_named(size: str) -> None:
    settings = {"base_url": "http://127.0.0.1:1", "email": "a", "api_token": "b", "batch_size": size}
    connection = Connection(1, "Acme", settings, {})
    partition = JiraProvider().plan(ISSUES_STEP, connection, PlanContext(PROJECTS))[0]
    with pytest.raises(Permanent, match=f"batch_size is '{size[:20]}': expected a number from 1 to 100"):
        JiraProvider().fetch(ISSUES_STEP, connection, partition)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "acme.atlassian.net",
        "ftp://acme.example",
        "https://",
        "https://acme.example?x=1",
        "http://[::1",
        "http://h:x",
    ],
)
def test_a_wrong_base_url_is_named(value: str) -> None:
    with pytest.raises(Permanent) as caught:
        checked_base_url(value)
    assert f"setting base_url is {value!r}" in str(caught.value)


def test_a_password_in_the_base_url_is_refused_and_not_shown() -> None:
    with pytest.raises(Permanent) as caught:
        checked_base_url("https://me:hidden@acme.example")
    assert "hidden" not in str(caught.value)


def check(**settings: str) -> None:
    given = {"base_url": "https://acme.example", "email": "me@acme.example", "api_token": "x y"}
    JiraProvider().check(Connection(9, "Acme", given | settings, {}))


def test_an_account_with_its_token_or_a_token_alone_will_do() -> None:
    check()
    check(email="", username="me")
    check(email="", api_token="NjE2/Mzg=")


def test_a_missing_token_is_named() -> None:
    with pytest.raises(Permanent, match="setting api_token is empty"):
        check(api_token=" ")


@pytest.mark.parametrize("token", ["pass word", "pässword", "tab\tbed"])
def test_what_no_token_can_be_is_not_sent_alone_and_not_shown(token: str) -> None:
    with pytest.raises(Permanent, match="setting api_token holds characters that no token has") as caught:
        check(email="", api_token=token)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "site"),
    [
        ("https://acme.com/jira/browse/PAY-1", "https://acme.com/jira"),
        ("http://acme.com:8080/rest/api/2/", "http://acme.com:8080"),
        ("https://acme.com/secure/Dashboard.jspa", "https://acme.com"),
        ("https://acme.atlassian.net/jira/software/projects/PAY/boards/1", "https://acme.atlassian.net"),
        ("https://acme.atlassian.net/jira", "https://acme.atlassian.net"),
    ],
)
def test_the_address_of_a_page_is_no_base_url(given: str, site: str) -> None:
    with pytest.raises(Permanent) as caught:
        checked_base_url(given)
    assert str(caught.value) == f"setting base_url is {given!r}, which is the address of a page: write {site}"
    assert checked_base_url(site + "/") == site


@pytest.mark.parametrize("path", ["", "/", "/ex/jira", "/ex/jira/", "/ex/confluence/6b4f-11", "/ex/jira/6b4f-11/rest"])
def test_the_gateway_without_a_site_is_no_base_url(path: str) -> None:
    with pytest.raises(Permanent, match=r"setting base_url is .*: expected https://api\.atlassian\.com/ex/jira/"):
        check(base_url=f"https://api.atlassian.com{path}")


def test_the_address_of_a_cloud_site_takes_no_token_alone() -> None:
    with pytest.raises(Permanent, match="setting email is empty: the address of a Cloud site takes no token alone"):
        check(base_url="https://acme.atlassian.net", email="", api_token="x")


def test_a_base_url_may_have_a_path() -> None:
    assert checked_base_url("https://api.atlassian.com/ex/jira/6b4f-11/") == "https://api.atlassian.com/ex/jira/6b4f-11"
    assert checked_base_url("https://acme.example/jira") == "https://acme.example/jira"


@pytest.mark.parametrize(
    ("base_url", "user", "said"),
    [
        ("https://acme.atlassian.net", "me@x", "email is the address of the account 'me@x'"),
        ("https://api.atlassian.com/ex/jira/1", "", "has the scopes read:jira-work"),
        ("https://jira.acme.example", "me", "leave email and username empty"),
        ("https://jira.acme.example/jira", "", "is a personal access token that has not expired"),
    ],
)
def test_the_advice_fits_the_kind_of_site_and_of_credentials(base_url: str, user: str, said: str) -> None:
    given = advice(base_url, Credentials(user, "s3cret"))
    assert said in given
    assert "s3cret" not in given


@pytest.mark.parametrize(
    "content", [{}, {"nextPageToken": None}, {"nextPageToken": ""}, {"nextPageToken": "b", "isLast": True}]
)
def test_a_page_without_a_token_is_the_last(content: dict[str, Any]) -> None:
    assert next_page(content, first_page(), "POST /search") is None


@pytest.mark.parametrize("length", [1, 2, 3, 7, 20])
def test_tokens_that_go_in_a_circle_are_found(length: int) -> None:
    def follow() -> None:
        cursor = first_page()
        for number in range(200):
            turned = number if number < 9 else 9 + (number - 9) % length
            following = next_page({"nextPageToken": f"token-{turned}", "isLast": False}, cursor, "POST /search")
            assert following is not None
            cursor = following

    with pytest.raises(Permanent, match=r"repeated nextPageToken 'token-\d+'"):
        follow()


def test_a_long_way_of_new_tokens_is_no_circle() -> None:
    cursor = first_page()
    for number in range(1000):
        following = next_page({"nextPageToken": f"token-{number}"}, cursor, "POST /search")
        assert following is not None
        cursor = following
    assert (cursor["page"], cursor["token"]) == (1001, "token-999")


def test_recorded_answers_are_recognised_by_their_shape() -> None:
    recognise = JiraProvider().recognise
    assert recognise(PROJECTS_STEP, {"values": [{"id": "1"}]})[0] == "jira_projects"
    assert recognise(STATUSES_STEP, [STATUS]) == ("jira_statuses", "statuses")
    assert recognise(FIELDS_STEP, [{"id": "summary", "custom": False}]) == ("jira_fields", "fields")
    entity_type, name = recognise(ISSUES_STEP, {"issues": [issue(1)]})
    assert entity_type == "jira_issues"
    assert recognise(ISSUES_STEP, {"issues": [issue(1, summary="new")], "isLast": True})[1] == name
    assert recognise(ISSUES_STEP, {"issues": [issue(2)]})[1] != name


def test_statuses_of_a_project_are_recognised_where_they_name_it() -> None:
    scoped = STATUS | {"scope": {"type": "PROJECT", "project": {"id": "20001"}}}
    found = JiraProvider().recognise(STATUSES_STEP, [KIND | {"statuses": [scoped]}])
    assert found == ("jira_project_statuses", "project:20001:statuses")
    content = [KIND | {"statuses": [scoped]}]
    batch = JiraProvider().normalise(RawAnswer(*found, content))
    assert batch.project_statuses[0].project_id == "20001"
    with pytest.raises(Permanent, match="does not say which project it is about"):
        JiraProvider().recognise(STATUSES_STEP, [KIND | {"statuses": [STATUS]}])


@pytest.mark.parametrize(
    ("step", "content", "said"),
    [
        (PROJECTS_STEP, [STATUS], "of type list; step .* takes a page of /project/search"),
        (ISSUES_STEP, {"issueChangeLogs": []}, "an object of issueChangeLogs"),
        (STATUSES_STEP, [{"id": "x", "custom": True}], "takes the list of /status"),
        (FIELDS_STEP, [STATUS], "takes the list of /field"),
        ("jira_boards", [], "step 'jira_boards' is unknown"),
    ],
)
def test_an_answer_of_another_step_is_refused(step: str, content: Any, said: str) -> None:
    with pytest.raises(Permanent, match=said):
        JiraProvider().recognise(step, content)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("parallel", "2.5", "a whole number from 1 to 50"),
        ("parallel", "51", "a whole number from 1 to 50"),
        ("rate_limit", "nan", "a number from 0.01 to 1000"),
        ("start_date", "31.12.2024", "a date like 2024-12-31"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named_with_its_value(name: str, text: str, kind: str) -> None:
    (field,) = [field for field in JiraProvider.settings if field.name == name]
    with pytest.raises(Permanent, match=f"setting {name} is '{text}': expected {kind}"):
        field.check(text)
