"""The development status step against sites, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from integrations.errors import Permanent, StageError, Transient
from integrations.provider import Answer, Connection, ItemRef, Partition, PlanContext
from integrations.records import LinkKind
from integrations.sandbox import SandboxServer, Site, SiteSpec
from integrations.sandbox.http import ApiError, Request

from .extraction import NAMES, NOW, connect, jira, normalised, pages, stored
from .scripted import CLOUD, SERVER, ScriptedSite, scripted
from .test_dev_status import PULL_REQUEST, section, summary

STEP = NAMES[4]
SUMMARY, DETAIL = (f"GET /rest/dev-status/latest/issue/{name}" for name in ("summary", "detail"))


def reread(*keys: str) -> Partition:
    """The partition of issues whose ids are the numbers of their keys."""
    issues = [ItemRef(key.rpartition("-")[2], key) for key in keys]
    (partition,) = jira.plan(STEP, Connection(1, "x", {}, {}), PlanContext(reread=issues))
    return partition


def read(site: ScriptedSite, *keys: str) -> list[Answer]:
    return [answer for answer, _ in pages(STEP, site.connection(), reread(*keys))]


def asked(site: ScriptedSite) -> list[tuple[str, ...]]:
    """What the site was asked for: (issue) for summaries, (issue, application, data type) for details."""
    calls = [request for request in site.requests if "dev-status" in request.path]
    return [tuple(request.text(name) for name in request.query) for request in calls]


@pytest.mark.parametrize("info", [CLOUD, SERVER])
def test_each_issue_is_asked_for_its_summary_and_then_for_what_that_promises(info: dict[str, str]) -> None:
    both = summary(pullrequest=section(GitHub=1, stash=0), branch=section(GitLab=2), review=section(crucible=1))

    def answer(request: Request) -> Any:
        return both if request.text("issueId") == "1" else summary()

    with scripted(info, {SUMMARY: answer, DETAIL: {"errors": [], "detail": []}}) as site:
        answers = read(site, "ORB-1", "ORB-2")

    assert asked(site) == [("1",), ("1", "GitHub", "pullrequest"), ("1", "GitLab", "branch"), ("2",)]
    assert [found.external_id for found in answers] == [
        "issue:1:dev:summary", "issue:1:dev:GitHub:pullrequest", "issue:1:dev:GitLab:branch", "issue:2:dev:summary",
    ]  # fmt: skip
    metadata = answers[2].metadata
    assert (metadata["issue_id"], metadata["issue_key"], metadata["application_type"], metadata["data_type"]) == (
        "1", "ORB-1", "GitLab", "branch",
    )  # fmt: skip
    assert not any(found.warning for found in answers)


def test_issues_that_were_read_long_ago_are_planned_fifty_at_a_time() -> None:
    context = PlanContext(reread=[ItemRef(str(number), f"ORB-{number}") for number in range(120)])

    found = jira.plan(STEP, Connection(1, "x", {}, {}), context)

    assert [len(partition.cursor["issues"]) for partition in found] == [50, 50, 20]
    assert len({partition.key for partition in found}) == 3


def test_the_links_of_a_sandbox_are_all_found() -> None:
    with SandboxServer(Site(SiteSpec(issues=60, seed=3), clock=lambda: NOW)) as server:
        entries = [entry for entry in server.site.entries if server.site.issue(entry).development]
        issues = [ItemRef(str(entry.id), entry.key) for entry in entries]
        read = [
            batch
            for partition in jira.plan(STEP, connect(server), PlanContext(reread=issues))
            for _, batch in normalised(pages(STEP, connect(server), partition))
        ]
        wanted = {
            (str(entry.id), found.application.lower(), kind, 0 if found.gone else count)
            for entry in entries
            for found in server.site.issue(entry).development
            for kind, count in _counts(found).items()
        }

    assert len(entries) > 5
    assert not [lost for batch in read for lost in batch.quarantined]
    found_links = {
        (links.work_item_id, links.source, kind, sum(link.kind is kind for link in links.links))
        for batch in read
        for links in batch.item_links
        for kind in links.kinds
    }
    assert found_links == wanted


def _counts(found: Any) -> dict[LinkKind, int]:
    counts = found.counts()
    kinds = {LinkKind.PULL_REQUEST: "pullrequest", LinkKind.BRANCH: "branch", LinkKind.COMMIT: "repository"}
    return {kind: counts[name] for kind, name in kinds.items() if counts[name]}


def test_an_application_that_could_not_be_reached_is_a_warning_and_what_is_there_is_kept() -> None:
    answers = {
        SUMMARY: summary(pullrequest=section(GitHub=1)) | {"configErrors": [{"error": "Bitbucket is not set up"}]},
        DETAIL: {"errors": [{"error": "timed out"}], "detail": [{"pullRequests": [PULL_REQUEST]}]},
    }
    with scripted(CLOUD, answers) as site:
        first, second = read(site, "ORB-1")

    assert "Bitbucket is not set up" in first.warning
    assert "timed out" in second.warning
    (links,) = jira.normalise(stored(second)).item_links
    assert (len(links.links), links.whole) == (1, False)
    assert jira.normalise(stored(first)).link_overviews[0].whole is False


def refusing(status: int, *issue_ids: str) -> Callable[[Request], Any]:
    def answer(request: Request) -> Any:
        refused = request.text("issueId") in issue_ids
        return ApiError(status, "You do not have permission to view development tools.") if refused else summary()

    return answer


def test_a_project_whose_development_nobody_may_see_is_left_out_with_a_warning_that_names_the_permission() -> None:
    with scripted(CLOUD, {SUMMARY: refusing(403, "1", "2", "3")}) as site:
        answers = read(site, "ORB-1", "ORB-2", "PAY-4", "ORB-3")

    assert asked(site) == [("1",), ("4",)]
    assert answers[0].warning == (
        "development information of project ORB is not read (403): "
        "the account lacks the permission 'View development tools'"
    )
    assert answers[1].warning == ""
    (overview,) = jira.normalise(stored(answers[0])).link_overviews
    assert overview.whole is False
    assert answers[0].metadata["status"] == 403


def test_one_issue_that_is_gone_does_not_cost_the_others() -> None:
    with scripted(CLOUD, {SUMMARY: refusing(404, "2")}) as site:
        answers = read(site, "ORB-1", "ORB-2", "ORB-3")

    assert asked(site) == [("1",), ("2",), ("3",)]
    assert [bool(found.warning) for found in answers] == [False, True, False]


def test_a_site_without_jira_software_is_asked_twice_for_each_project_and_no_more() -> None:
    with scripted(CLOUD) as site:
        answers = read(site, "ORB-1", "ORB-2", "ORB-3", "PAY-4", "PAY-5", "PAY-6")

    assert asked(site) == [("1",), ("2",), ("4",), ("5",)]
    assert {found.warning for found in answers} == {
        f"development information of project {project} is not read (404): "
        "issues are gone, the account may not see them, or the site has no Jira Software"
        for project in ("ORB", "PAY")
    }


def test_a_detail_that_is_refused_leaves_the_links_that_are_known() -> None:
    asked_for = summary(pullrequest=section(GitHub=1), branch=section(GitHub=1))
    with scripted(CLOUD, {SUMMARY: asked_for, DETAIL: ApiError(400, "unknown application")}) as site:
        answers = read(site, "ORB-1", "ORB-2")

    assert len(answers) == 6
    assert answers[1].warning == "GitHub: the site answers 400 for pullrequest"
    assert jira.normalise(stored(answers[1])).item_links[0].whole is False


@pytest.mark.parametrize(("status", "error"), [(401, Permanent), (500, Transient)])
def test_refused_credentials_and_a_failing_site_are_errors_of_the_partition(
    status: int, error: type[StageError]
) -> None:
    with scripted(CLOUD, {SUMMARY: ApiError(status, "no")}) as site, pytest.raises(error):
        read(site, "ORB-1")


@pytest.mark.parametrize("content", [[], 5, {"summary": 5}, {"summary": {"branch": 5}}])
def test_a_summary_of_an_odd_shape_does_not_cost_the_other_issues(content: Any) -> None:
    with scripted(CLOUD, {SUMMARY: lambda request: content if request.text("issueId") == "1" else summary()}) as site:
        answers = read(site, "ORB-1", "ORB-2")

    assert len(answers) == 2
    assert answers[0].warning


@pytest.mark.parametrize("content", [summary(), {"errors": [], "detail": []}])
def test_a_recorded_answer_is_refused_since_it_does_not_say_which_issue_it_is_about(content: Any) -> None:
    with pytest.raises(Permanent, match="does not say which issue it is about"):
        jira.recognise(STEP, content)


def test_an_answer_of_another_step_is_refused_with_what_the_step_takes() -> None:
    with pytest.raises(Permanent, match="step jira_dev_status takes an answer of /dev-status"):
        jira.recognise(STEP, {"issues": []})
