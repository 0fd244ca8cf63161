"""What changes on a GitHub between two syncs, and what its webhooks tell: the rows are those of a first sync now."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from etl import pipeline
from etl.jobs import lifecycle
from etl.models import EtlJobRun, Overall, Pr, Repository, RunKind
from etl.queue.topology import Stage
from integrations.sandbox.github import GitHubSite
from integrations.sandbox.github.deliveries import Delivery
from tests.support.deliveries import SECRET
from tests.support.driving import run_to_end, waiting, worked_off
from tests.support.github import ConnectedGitHub, connect_github, small_github
from tests.support.github_truth import held, loaded, pulls_of
from tests.support.tables import versions

pytestmark = pytest.mark.django_db

HOME = "acme/console"


@pytest.fixture
def connected() -> Iterator[ConnectedGitHub]:
    """An integration with a site where nothing has been read yet, and pull requests of each state in one place."""
    with small_github() as server:
        for _ in range(4):
            server.site.open_pull(HOME, title="A change")
        server.site.close_pull(server.site.names(HOME)[-1])
        yield connect_github(server)


@pytest.fixture
def synced(connected: ConnectedGitHub) -> ConnectedGitHub:
    return sync(connected)


def sync(connected: ConnectedGitHub) -> ConnectedGitHub:
    run = run_to_end(connected.job)
    assert (run.status, run.error_message) == (Overall.FINISHED, "")
    return connected


def latest(site: GitHubSite, state: str, home: str = HOME) -> str:
    """The pull request of that state that was opened last, and is no draft."""
    return [name for name in site.names(home) if site.find(name).state == state and not site.find(name).is_draft][-1]


def present(connected: ConnectedGitHub) -> dict[str, Any]:
    """The pull requests of repositories that are there."""
    return loaded(Pr.objects.filter(integration=connected.integration, repository__active=True))


def is_active(connected: ConnectedGitHub, full_name: str) -> bool:
    return Repository.objects.get(integration=connected.integration, full_name=full_name).active


# Changes of pull requests


def merge(site: GitHubSite, home: str = HOME) -> None:
    site.merge_pull(latest(site, "OPEN", home))


def close(site: GitHubSite) -> None:
    site.close_pull(latest(site, "OPEN"))


def reopen(site: GitHubSite) -> None:
    site.reopen_pull(latest(site, "CLOSED"))


def review(site: GitHubSite) -> None:
    site.review_pull(latest(site, "OPEN"), "CHANGES_REQUESTED", body="Not yet", comments=12)


def dismiss(site: GitHubSite) -> None:
    name = latest(site, "OPEN")
    site.review_pull(name, "APPROVED")
    site.dismiss_review(name)


def push(site: GitHubSite) -> None:
    site.push_commits(latest(site, "OPEN"), 25)


def force_push(site: GitHubSite) -> None:
    site.force_push(latest(site, "OPEN"), count=2)


def comment(site: GitHubSite) -> None:
    site.comment_pull(latest(site, "OPEN"))


def edit(site: GitHubSite) -> None:
    site.edit_pull(latest(site, "OPEN"), title="Another 🎉 title", draft=True, labels=["bug"])


def open_one(site: GitHubSite) -> None:
    site.open_pull(HOME, title="A new change")


CHANGES = [open_one, merge, close, reopen, review, dismiss, push, force_push, edit]


def test_all_that_changed_since_is_seen_by_the_next_sync_and_nothing_is_written_by_the_one_after(
    synced: ConnectedGitHub,
) -> None:
    site, requests = synced.site, synced.server.requests
    # Of a comment below a pull request the site's webhooks do not tell.
    for change in (*CHANGES, comment):
        change(site)
    requests.clear()

    sync(synced)

    assert present(synced) == held(pulls_of(site))
    # The listing, a page of each repository, and what the pages cut.
    assert len(requests) < 2 * len([home for home in site.repositories if home.owner.login == "acme"])
    before = versions(synced.integration.pk)
    sync(synced)
    assert versions(synced.integration.pk) == before


def test_what_changes_after_its_page_was_read_is_seen_by_the_next_sync(connected: ConnectedGitHub) -> None:
    run = lifecycle.start(connected.job.pk, trigger="test")
    while not Pr.objects.filter(repository__full_name=HOME).exists():
        todo = [(stage, unit) for stage in Stage for unit in waiting(run.pk, stage)]
        pipeline.handle(todo[-1][0], [todo[-1][1]])
    for change in (merge, reopen, review):
        change(connected.site)
    assert worked_off(run).status == Overall.FINISHED

    sync(connected)

    assert present(connected) == held(pulls_of(connected.site))


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_what_is_hidden_while_it_is_read_is_read_once_it_is_seen_again(connected: ConnectedGitHub, calls: int) -> None:
    site, faults, requests = connected.site, connected.server.faults, connected.server.requests
    push(site)
    size = len(site.names(HOME)) // 2 + 1
    connected.integration.settings |= {"batch_size": str(size), "repositories": HOME}
    connected.integration.save()
    # Its name, its two pages, and the commits that the first one cut.
    run = lifecycle.start(connected.job.pk, trigger="test")
    while len(requests) < calls or not waiting(run.pk, Stage.EXTRACTION):
        stage = Stage.EXTRACTION if waiting(run.pk, Stage.EXTRACTION) else Stage.TRANSFORM
        pipeline.handle(stage, waiting(run.pk, stage)[:1])
    faults.hidden = [HOME]
    assert worked_off(run).status == Overall.FINISHED
    faults.hidden = []

    sync(connected)

    assert present(connected) == held(pull for pull in pulls_of(site) if pull.repository.name_with_owner == HOME)


def test_what_does_not_move_the_time_of_update_is_seen_by_a_full_sync(synced: ConnectedGitHub) -> None:
    site = synced.site
    names = site.names(HOME)
    site.delete_fork(names[0])
    site.forget_author(names[1])

    assert run_to_end(synced.job, {"full_sync": True}).status == Overall.FINISHED

    assert present(synced) == held(pulls_of(site))
    assert Pr.objects.get(repository__full_name=HOME, number=names[1].partition("#")[2]).author is None


# Changes of repositories


def test_deleted_renamed_and_archived_repositories_are_told_and_keep_their_rows(synced: ConnectedGitHub) -> None:
    site, widgets = synced.site, "acme/widgets"
    row, kept = Repository.objects.get(full_name=HOME), Pr.objects.count()
    site.delete_repository(widgets)
    new_name = site.rename_repository(HOME, "cockpit")
    site.archive_repository("acme/identity")

    assert run_to_end(synced.job, {"full_sync": True}).status == Overall.FINISHED

    assert (is_active(synced, widgets), is_active(synced, new_name)) == (False, True)
    assert Repository.objects.get(full_name=new_name).pk == row.pk
    assert Repository.objects.get(full_name="acme/identity").archived
    assert Pr.objects.count() == kept
    assert present(synced) == held(pulls_of(site))


def test_a_repository_that_was_transferred_elsewhere_is_inactive_until_it_is_back(synced: ConnectedGitHub) -> None:
    there = synced.site.transfer_repository(HOME, "acme-labs")
    sync(synced)
    assert not is_active(synced, HOME)
    assert present(synced) == held(pulls_of(synced.site))

    merge(synced.site, there)
    synced.site.transfer_repository(there, "acme")
    sync(synced)

    assert is_active(synced, HOME)
    assert present(synced) == held(pulls_of(synced.site))


# Webhooks


def post(connected: ConnectedGitHub, delivery: Delivery, secret: str = SECRET) -> tuple[int, str]:
    path = f"/app/etl/webhooks/github/{connected.integration.pk}"
    headers = {name: value for name, value in delivery.headers(secret).items() if name != "Content-Type"}
    answer = Client().post(path, delivery.body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json().get("status", "")


def told(connected: ConnectedGitHub, change: Callable[[GitHubSite], object]) -> list[tuple[int, str]]:
    """Makes a change on the site and delivers what it tells of that; the runs that this makes are worked off."""
    site = connected.site
    before = len(site.deliveries)
    change(site)
    answers = [post(connected, delivery) for delivery in list(site.deliveries)[before:]]
    for run in EtlJobRun.objects.filter(kind=RunKind.WEBHOOK, status=Overall.RUNNING):
        assert worked_off(run).status == Overall.FINISHED
    return answers


def test_each_change_is_loaded_as_soon_as_its_webhooks_have_come(synced: ConnectedGitHub) -> None:
    for change in CHANGES:
        assert (202, "accepted") in told(synced, change), change.__name__
        assert present(synced) == held(pulls_of(synced.site)), change.__name__


def test_a_deleted_and_a_renamed_repository_are_told_by_webhooks(synced: ConnectedGitHub) -> None:
    assert told(synced, lambda site: site.delete_repository("acme/widgets")) == [(202, "accepted")]
    assert told(synced, lambda site: site.rename_repository(HOME, "cockpit")) == [(202, "accepted")]

    assert not is_active(synced, "acme/widgets")
    assert is_active(synced, "acme/cockpit")


def test_a_delivery_that_comes_again_and_one_that_is_late_write_nothing(synced: ConnectedGitHub) -> None:
    told(synced, review)
    told(synced, merge)
    early, *_, last = synced.site.deliveries
    before = versions(synced.integration.pk)

    assert post(synced, last) == (200, "duplicate")
    assert told(synced, lambda site: post(synced, early)) == []

    assert versions(synced.integration.pk) == before


def test_a_ping_is_ignored_and_a_wrong_signature_refused(synced: ConnectedGitHub) -> None:
    ping = synced.site.ping()

    assert post(synced, ping) == (200, "ignored")
    assert post(synced, ping, secret="another")[0] == 403
