"""The main job on a sandbox GitHub, driven without a queue: what the site holds is what was loaded."""

import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db.models import F

from custommapping.models import Authority
from etl import pipeline
from etl.jobs import lifecycle
from etl.models import Overall, Pr, PrComment, PrCommit, PrReview, RawExtractionData, Repository, WorkItemPrLink
from etl.models.code import MENTION
from etl.queue.topology import Stage
from integrations.sandbox import SandboxServer
from integrations.sandbox.github import GitHubServer
from integrations.sandbox.github.pulls import PullRequest
from tests.support.driving import run_to_end, waiting, work_off, worked_off
from tests.support.github import ConnectedGitHub, connect_app, connect_github, revoke_tokens, small_github
from tests.support.github_truth import held, loaded, pulls_of
from tests.support.sites import connect, small_site
from tests.support.tables import derived_rows, versions

pytestmark = pytest.mark.django_db

ISSUES = 30
MOST_POINTS_A_PAGE = 10


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    with small_github() as server:
        yield server


@pytest.fixture
def jira() -> Iterator[SandboxServer]:
    """The Jira whose work items that GitHub's pull requests are about."""
    with small_site(ISSUES) as server:
        yield server


def synced(connected: ConnectedGitHub) -> ConnectedGitHub:
    run = run_to_end(connected.job)
    assert (run.status, run.error_message, run.warning, run.quarantined) == (Overall.FINISHED, "", "", 0)
    return connected


# What is loaded


def test_everything_is_loaded_as_the_site_holds_it(github: GitHubServer) -> None:
    connected = synced(connect_github(github, organization="acme, acme-labs"))
    pulls = pulls_of(github.site, "acme", "acme-labs")

    assert loaded(Pr.objects.filter(integration=connected.integration)) == held(pulls)
    # The site has one of each that other clients stumble over.
    assert max(len(pull.commits) for pull in pulls) > 130
    assert max(len(pull.title) for pull in pulls) == 1200
    assert max(_force_pushes(pull) for pull in pulls) == 15
    assert any("👩‍👩‍👧‍👦" in pull.title for pull in pulls)
    assert Pr.objects.filter(author=None).exists()
    assert Pr.objects.filter(head_repository=None).exists()
    assert Pr.objects.filter(bot=True, author="dependabot").exists()
    assert PrReview.objects.filter(state="PENDING", created=None).exists()
    assert PrComment.objects.filter(path__gt="", line=None).exists()
    assert PrCommit.objects.filter(author_email__endswith="@laptop.local").exists()


def _force_pushes(pull: PullRequest) -> int:
    return sum(event.typename == "HeadRefForcePushedEvent" for event in pull.events)


def test_the_repositories_of_the_organisation_are_loaded_and_their_pages_cost_few_points(github: GitHubServer) -> None:
    connected = synced(connect_github(github, batch_size="50"))

    expected = {
        home.name_with_owner: (home.is_private, home.is_archived, home.is_fork, home.default_branch)
        for home in github.site.repositories
        if home.owner.login == "acme"
    }
    rows = Repository.objects.filter(integration=connected.integration, active=True, authority=Authority.LISTED)
    values = rows.values_list("full_name", "private", "archived", "fork", "default_branch")
    assert {name: tuple(said) for name, *said in values} == expected
    pages = RawExtractionData.objects.filter(entity_type="github_pull_requests")
    assert {page.extraction_metadata["page_size"] for page in pages} == {50}
    assert 1 < max(page.raw_data["data"]["rateLimit"]["cost"] for page in pages) <= MOST_POINTS_A_PAGE


def test_a_scope_of_names_and_patterns_is_kept(github: GitHubServer) -> None:
    names = "acme/con*, acme/widgets, acme-labs/spikes"
    connected = synced(
        connect_github(github, organization="", repositories=names, exclude_repositories="acme/wid*, x*")
    )

    wanted = {"acme/console", "acme-labs/spikes"}
    pulls = pulls_of(github.site, "acme", "acme-labs")
    expected = held(pull for pull in pulls if pull.repository.name_with_owner in wanted)
    assert loaded(Pr.objects.filter(integration=connected.integration)) == expected


def test_a_second_sync_of_an_unchanged_site_writes_no_derived_row(github: GitHubServer) -> None:
    connected = synced(connect_github(github))
    before = versions(connected.integration.pk)

    for config in ({}, {"full_sync": True}):
        run = run_to_end(connected.job, config)
        assert (run.status, run.vectorization_queued) == (Overall.FINISHED, 0)
        assert versions(connected.integration.pk) == before


def test_stored_answers_transformed_in_any_order_give_the_same_rows(github: GitHubServer) -> None:
    connected = synced(connect_github(github))
    names = [name for name in github.site.names("acme/console") if github.site.find(name).state == "OPEN"]
    github.site.edit_pull(names[0], title="A title that came later")
    github.site.force_push(names[0], count=1)
    synced(connected)
    expected = derived_rows(connected.integration.pk)
    for model in (Pr, Repository):
        model.objects.all().delete()

    run = lifecycle.reprocess(connected.job.pk, trigger="test")
    work_off(run, shuffle=random.Random(1))

    assert run.status == Overall.FINISHED
    assert derived_rows(connected.integration.pk) == expected
    assert Pr.objects.get(title="A title that came later").commits == 1


# Who reads


def test_an_app_whose_tokens_are_revoked_in_the_middle_of_a_run_loads_all_the_same(github: GitHubServer) -> None:
    by_app = connect_app(github)
    run = lifecycle.start(by_app.job.pk, trigger="test")
    minted = 0
    while units := waiting(run.pk, Stage.EXTRACTION):
        pipeline.handle(Stage.EXTRACTION, units[:1])
        minted += len(github.app.minted)
        revoke_tokens(by_app)
        for unit in waiting(run.pk, Stage.TRANSFORM):
            pipeline.handle(Stage.TRANSFORM, [unit])

    assert worked_off(run).status == Overall.FINISHED
    assert minted > 5
    assert loaded(Pr.objects.filter(integration=by_app.integration)) == held(pulls_of(github.site))


def test_an_enterprise_server_is_read_as_well() -> None:
    with small_github(is_enterprise=True) as server:
        connected = synced(connect_github(server))
        assert loaded(Pr.objects.filter(integration=connected.integration)) == held(pulls_of(server.site))


# Links


def linked(tenant: str) -> Counter[tuple[str, str, bool]]:
    """(key, address of the pull request, whether its row is known) of all links of a tenant to pull requests."""
    links = WorkItemPrLink.objects.filter(tenant__name=tenant, kind="pull_request")
    return Counter((key, url, pr is not None) for key, url, pr in links.values_list("work_item__key", "url", "pr"))


def named(github: GitHubServer, jira: SandboxServer) -> set[tuple[str, str, bool]]:
    """What a reader of the pull requests finds: (key, address, True) wherever one names a work item that there is."""
    found, known = set(), jira.site.keys()
    for pull in pulls_of(github.site):
        text = " ".join((pull.title, pull.head_ref_name, *(part.commit.message for part in pull.commits))).upper()
        keys = [key for key in known if re.search(rf"(?<![A-Z0-9]){key}(?![0-9])", text)]
        found |= {(key, pull.url, True) for key in keys}
    return found


def test_work_items_are_linked_from_both_sides_once_in_either_order_and_within_their_tenant(
    github: GitHubServer, jira: SandboxServer
) -> None:
    assert run_to_end(connect(jira, tenant="Jira first").job).status == Overall.FINISHED
    synced(connect_github(github, tenant="GitHub first"))
    assert not linked("GitHub first")
    assert not [link for link in linked("Jira first") if link[2]]

    synced(connect_github(github, tenant="Jira first"))
    assert run_to_end(connect(jira, tenant="GitHub first").job).status == Overall.FINISHED

    links = linked("Jira first")
    assert links == linked("GitHub first")
    assert named(github, jira) <= set(links)
    assert set(links.values()) == {1}
    known = WorkItemPrLink.objects.exclude(pr=None)
    assert not known.exclude(work_item__tenant=F("pr__tenant")).exists()
    pairs = known.values_list("work_item", "pr")
    assert len(pairs) == len(set(pairs))
    assert {MENTION, "github"} <= set(known.values_list("source", flat=True))
