"""What an issue's development information says, and what it becomes."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.jira.dev_field import DEVELOPMENT_SCHEMAS, development_field, shows_development
from integrations.providers.jira.dev_links import repository_of
from integrations.providers.jira.dev_status import overview
from integrations.providers.jira.extract_dev_status import dev_status_partitions
from integrations.providers.jira.normalise import DEV_DETAIL, DEV_SUMMARY, ISSUES, ISSUES_BY_ID, normalise
from integrations.records import Batch, DevLink, ItemLinks, LinkKind, LinkOverview

from .test_hostile import damaged, places, values

PR, BRANCH, COMMIT = LinkKind.PULL_REQUEST, LinkKind.BRANCH, LinkKind.COMMIT
FIELD = "customfield_10000"

MERGED = (
    "{pullrequest={dataType=pullrequest, state=MERGED, stateCount=1}, json="
    '{"cachedValue":{"errors":[],"configErrors":[],"summary":{"pullrequest":{"overall":{"count":1,"state":"MERGED"}}}},'
    '"isStale":true}}'
)


@pytest.mark.parametrize(
    "value",
    [
        MERGED,
        "{repository={count=2, dataType=repository}}",
        '{"summary": {"branch": {"overall": {"count": 12}}}}',
        {"cachedValue": {"summary": {"branch": {"overall": {"count": 3}}}}},
        {"json": '{"count":"4"}'},
        "{pullrequest={stateCount=0}, branch={count=1}}",
        "yes",
        ["x"],
        True,
        {"some": "other form"},
    ],
)
def test_a_field_with_a_count_above_zero_or_of_an_unknown_form_shows_development(value: object) -> None:
    assert shows_development(value)


@pytest.mark.parametrize(
    "value",
    [
        None, "", "  ", "{}", {}, [], "[]", "null", False, 0,
        "{pullrequest={dataType=pullrequest, state=OPEN, stateCount=0}}",
        '{"cachedValue":{"errors":[],"summary":{"pullrequest":{"overall":{"count":0}}}},"isStale":true}',
        {"cachedValue": {"errors": [], "configErrors": [], "summary": {}}, "isStale": True},
        '{json={"cachedValue":{"errors":[],"summary":{}},"isStale":false}}',
    ],
)  # fmt: skip
def test_an_empty_field_and_one_with_zero_counts_only_shows_nothing(value: object) -> None:
    assert not shows_development(value)


def test_the_field_is_the_mapped_one_else_the_one_that_a_schema_tells() -> None:
    page = {"schema": {"summary": {"type": "string"}, "odd": 5, FIELD: {"custom": DEVELOPMENT_SCHEMAS[1]}}}

    assert development_field(page, {"code_changed": "customfield_7"}) == "customfield_7"
    assert development_field(page, {"team": "customfield_7"}) == FIELD
    assert development_field({"schema": "x", "issues": ["x", {"id": "1"}, page]}, {}) == FIELD
    assert development_field({"schema": "x", "issues": [{"schema": [FIELD]}]}, {}) is None


def issue(number: int, value: object) -> dict[str, Any]:
    return {"id": str(number), "key": f"ORB-{number}", "fields": {FIELD: value}}


@pytest.mark.parametrize("entity_type", [ISSUES, ISSUES_BY_ID])
def test_a_page_gives_one_partition_for_those_of_its_loaded_issues_that_show_development(entity_type: str) -> None:
    issues = [issue(1, MERGED), issue(2, "{}"), issue(3, MERGED), issue(4, MERGED), {"id": "5", "fields": None}, 6]
    answer = RawAnswer(entity_type, "project:1:page:1", {"issues": issues})

    (found,) = dev_status_partitions(answer, {"1", "2", "4", "5"}, {"code_changed": FIELD})

    assert found.cursor["issues"] == [["1", "ORB-1"], ["4", "ORB-4"]]
    assert found.key.startswith("dev:project:1:page:1:")


def test_pages_with_other_issues_have_other_keys_however_long_their_names_are() -> None:
    pages = [RawAnswer(ISSUES, "p" * 255, {"issues": [issue(number, MERGED)]}) for number in (1, 2)]

    keys = {dev_status_partitions(page, {"1", "2"}, {"code_changed": FIELD})[0].key for page in pages}

    assert len(keys) == 2
    assert all(len(key) <= 255 for key in keys)


def test_a_page_whose_field_is_unknown_or_whose_issues_show_nothing_gives_none() -> None:
    assert not dev_status_partitions(RawAnswer(ISSUES, "p", {"issues": [issue(1, MERGED)]}), {"1"}, {})
    assert not dev_status_partitions(
        RawAnswer(ISSUES, "p", {"issues": [issue(1, "{}")]}), {"1"}, {"code_changed": FIELD}
    )


def section(**applications: int) -> dict[str, Any]:
    instances = {name: {"count": count, "name": name} for name, count in applications.items()}
    return {"overall": {"count": sum(applications.values())}, "byInstanceType": instances}


def summary(**sections: Any) -> dict[str, Any]:
    return {"errors": [], "configErrors": [], "summary": {"build": section(bamboo=3), **sections}}


def said(content: Any, **metadata: Any) -> LinkOverview:
    batch = normalise(RawAnswer(DEV_SUMMARY, "issue:1:dev:summary", content, {"issue_id": "1", **metadata}))
    (found,) = batch.link_overviews
    return found


def test_the_summary_tells_which_applications_to_ask_for_what() -> None:
    content = summary(
        pullrequest=section(GitHub=2, stash=0), branch=section(GitHub=1, GitLab=1), repository=section(stash=3)
    )

    assert set(overview(content).asked) == {
        ("GitHub", "pullrequest"), ("GitHub", "branch"), ("GitLab", "branch"), ("stash", "repository"),
    }  # fmt: skip
    # Branches of GitLab are asked for without its pull requests: that answer tells both.
    assert said(content) == LinkOverview(
        "1",
        (("github", BRANCH), ("github", PR), ("gitlab", BRANCH), ("gitlab", PR), ("stash", COMMIT)),
    )


def test_two_spellings_of_an_application_are_asked_for_once() -> None:
    content = summary(pullrequest=section(GitHub=2, github=2))

    assert overview(content).asked == (("GitHub", "pullrequest"),)


def test_a_summary_without_counts_says_that_there_is_nothing() -> None:
    assert said(summary(pullrequest=section(), branch=None)) == LinkOverview("1", ())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (summary() | {"errors": [{"error": "GitHub is away"}]}, "GitHub is away"),
        (summary() | {"configErrors": [{"error": "not set up"}]}, "not set up"),
        (summary(branch={"overall": {"count": 2}, "byInstanceType": {}}), "no application for branch"),
        (summary(branch=[1]), "no application for branch"),
        ({"errors": []}, "the summary is of type NoneType"),
    ],
)
def test_a_summary_that_is_not_whole_ends_nothing(content: Any, problem: str) -> None:
    assert said(content).whole is False
    assert problem in overview(content).problem


def detail(*parts: Any, kinds: tuple[LinkKind, ...] = (PR,), application: str = "GitHub", **more: Any) -> Batch:
    metadata = {"issue_id": "1", "application_type": application, "kinds": [*kinds]}
    content = {"errors": [], "detail": list(parts)} | more
    return normalise(RawAnswer(DEV_DETAIL, "issue:1:dev:GitHub:x", content, metadata))


def links(batch: Batch) -> tuple[DevLink, ...]:
    assert list(batch.quarantined) == []
    return batch.item_links[0].links


PULL_REQUEST = {
    "id": "#12", "name": "Pay faster", "url": "https://github.com/acme/pay/pull/12", "status": "MERGED",
    "author": {"name": "Ada", "avatar": "x"}, "lastUpdate": "2025-03-01T09:00:00.000+0100",
    "source": {"branch": "fast"}, "destination": {"branch": "main"},
    "repositoryName": "pay", "repositoryUrl": "https://github.com/acme/pay",
}  # fmt: skip
COMMITTED = {
    "id": "f" * 40, "displayId": "fffffff", "url": f"https://github.com/acme/pay/commit/{'f' * 40}",
    "author": {"name": "Ada"}, "authorTimestamp": "2025-03-01T09:00:00.000+0100", "merge": False,
    "message": "Round up\n\nAlways.", "files": [{"path": "x"}],
}  # fmt: skip
BRANCHED = {
    "name": "feature/fast",
    "url": "https://github.com/acme/pay/tree/feature/fast",
    "repository": {"name": "pay", "url": "https://github.com/acme/pay"},
}


def test_a_pull_request_becomes_a_link_with_its_repository_and_number() -> None:
    batch = detail({"pullRequests": [PULL_REQUEST], "branches": [], "repositories": []})

    (found,) = links(batch)
    assert batch.item_links[0].source == "github"
    assert (found.repository, found.pr_number, found.title, found.state, found.author) == (
        "acme/pay", 12, "Pay faster", "MERGED", "Ada",
    )  # fmt: skip
    assert found.at is not None
    assert found.at.isoformat() == "2025-03-01T08:00:00+00:00"


def test_branches_and_commits_become_links_of_their_kinds() -> None:
    part = {
        "branches": [BRANCHED],
        "pullRequests": [PULL_REQUEST],
        "repositories": [{"name": "pay", "url": "https://github.com/acme/pay", "commits": [COMMITTED]}],
    }

    found = links(detail(part, kinds=(BRANCH, PR, COMMIT)))

    assert [(link.kind, link.external_id) for link in found] == [
        (PR, "https://github.com/acme/pay/pull/12"),
        (BRANCH, "acme/pay@feature/fast"),
        (COMMIT, "acme/pay@" + "f" * 40),
    ]
    assert found[2].title == "Round up"


def test_an_answer_gives_only_the_kinds_that_it_is_the_authority_for() -> None:
    part = {"branches": [BRANCHED], "pullRequests": [PULL_REQUEST]}

    assert [link.kind for link in links(detail(part, kinds=(BRANCH,)))] == [BRANCH]


@pytest.mark.parametrize("parts", [(), ({"repositories": []},), ({"repositories": [{"name": "x", "commits": []}]},)])
def test_an_empty_answer_is_whole_and_has_no_links(parts: tuple[Any, ...]) -> None:
    batch = detail(*parts, kinds=(COMMIT,))

    assert batch.item_links == [ItemLinks("1", "github", (COMMIT,), (), whole=True)]


def test_what_two_instances_or_two_lists_name_twice_is_one_link() -> None:
    spelled = PULL_REQUEST | {"url": "https://GitHub.com/Acme/pay/pull/12/"}
    part = {"pullRequests": [PULL_REQUEST, PULL_REQUEST]}

    (link,) = links(detail(part, part, {"pullRequests": [spelled]}))

    assert link.url == PULL_REQUEST["url"]


@pytest.mark.parametrize("errors", [{"errors": ["x"]}, {"errors": ["x"], "detail": None}])
def test_an_answer_with_errors_keeps_what_is_there_and_ends_nothing(errors: dict[str, Any]) -> None:
    assert detail(**errors).item_links[0].whole is False


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/org/repo/pull/12", "org/repo"),
        ("https://github.com/org/repo/tree/feature/pull/x", "org/repo"),
        ("https://gitlab.com/group/sub/repo/-/merge_requests/5", "group/sub/repo"),
        ("https://gitlab.com/group/repo/merge_requests/5", "group/repo"),
        ("https://bitbucket.org/org/repo/pull-requests/7", "org/repo"),
        ("https://git.acme.test/projects/PAY/repos/core/pull-requests/3/overview", "PAY/core"),
        ("https://github.com/org/repo.git", "org/repo"),
        ("https://github.com/org", ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_a_repository_is_known_by_its_address(url: str, name: str) -> None:
    assert repository_of(url) == name


@pytest.mark.parametrize(
    ("entry", "number", "repository", "external_id"),
    [
        ({"url": "https://gitlab.com/a/b/-/merge_requests/5"}, 5, "a/b", "https://gitlab.com/a/b/-/merge_requests/5"),
        ({"id": "7", "repositoryName": "a/b"}, 7, "a/b", "a/b#7"),
        ({"id": 8, "repositoryName": "b"}, 8, "b", "b#8"),
        ({"id": "#9999999999", "repositoryName": "b"}, None, "b", "b#9999999999"),
        ({"id": "draft", "url": "https://x.test/a/b/pulls/3/"}, 3, "a/b", "https://x.test/a/b/pulls/3"),
    ],
)
def test_a_number_comes_from_the_id_else_from_the_address(
    entry: dict[str, Any], number: int | None, repository: str, external_id: str
) -> None:
    (found,) = links(detail({"pullRequests": [entry]}))

    assert (found.pr_number, found.repository, found.external_id) == (number, repository, external_id)


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ({}, "detail[0].pullRequests[1].id"),
        (5, "detail[0].pullRequests[1]"),
        (PULL_REQUEST | {"url": 5}, "detail[0].pullRequests[1].url"),
        (PULL_REQUEST | {"lastUpdate": "soon"}, "detail[0].pullRequests[1].lastUpdate"),
        (PULL_REQUEST | {"author": {"name": 5}}, "detail[0].pullRequests[1].author.name"),
    ],
)
def test_an_entry_that_cannot_be_read_is_set_aside_with_its_place_and_ends_nothing(bad: Any, path: str) -> None:
    batch = detail({"pullRequests": [PULL_REQUEST, bad]})

    (lost,) = batch.quarantined
    assert (lost.table, lost.path) == ("work_items_prs_links", path)
    assert path in lost.reason
    assert lost.external_id.startswith("1:github:pull_request:")
    assert [link.pr_number for link in batch.item_links[0].links] == [12]
    assert batch.item_links[0].whole is False


def test_an_answer_without_the_issue_it_is_about_is_refused() -> None:
    with pytest.raises(Permanent, match=r"is stored without metadata\.issue_id"):
        normalise(RawAnswer(DEV_SUMMARY, "x", summary()))
    with pytest.raises(Permanent, match=r"metadata\.kinds is \['tag'\], not a list of pull_request, branch, commit"):
        normalise(RawAnswer(DEV_DETAIL, "x", {}, {"issue_id": "1", "application_type": "GitHub", "kinds": ["tag"]}))


WHOLE = {
    "errors": [],
    "detail": [
        {
            "branches": [BRANCHED | {"lastCommit": COMMITTED}],
            "pullRequests": [PULL_REQUEST],
            "repositories": [{"name": "pay", "url": "https://github.com/acme/pay", "commits": [COMMITTED]}],
            "_instance": {"name": "GitHub", "type": "GitHub"},
        }
    ],
}
SUMMARY = summary(pullrequest=section(GitHub=2), branch=section(GitHub=1), repository=section(stash=3))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_to_any_value_costs_at_most_the_entry_it_is_in(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(places(WHOLE), key=str)))
    content = damaged(WHOLE, path, data.draw(values | st.just(...)))
    good = copy.deepcopy(WHOLE["detail"][0])
    if path[0] == "detail" and len(path) > 1:
        content["detail"].append(good)
    metadata = {"issue_id": "1", "application_type": "GitHub", "kinds": [PR, BRANCH, COMMIT]}
    try:
        batch = normalise(RawAnswer(DEV_DETAIL, "x", content, metadata))
    except Permanent:
        assert path == ("detail",), "only a wrong top level may fail the whole answer"
        return
    kinds = {link.kind for link in batch.item_links[0].links}
    assert kinds == {PR, BRANCH, COMMIT} or len(path) == 1
    assert batch.item_links[0].whole is not bool(batch.quarantined) or content["errors"]
    for link in batch.item_links[0].links:
        assert link.pr_number is None or 0 <= link.pr_number < 2**31
        assert link.external_id
    for lost in batch.quarantined:
        assert lost.path.startswith("detail[")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_to_a_summary_is_survived_and_invents_no_application(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(places(SUMMARY), key=str)))
    content = damaged(SUMMARY, path, data.draw(values | st.just(...)))

    found = overview(content)

    named = {name for part in places(content) for name in part if type(name) is str}
    assert all(application in named for application, _ in found.asked)
    assert said(content).whole is not bool(found.problem)


@settings(max_examples=200, deadline=None)
@given(values)
def test_any_value_of_the_field_shows_something_or_nothing(value: object) -> None:
    assert shows_development(value) in (True, False)
