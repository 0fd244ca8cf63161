"""GitHub's deliveries: what is answered, what is kept, and what becomes of what they are about."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from etl.jobs import lifecycle
from etl.jobs.advance import advance
from etl.models import (
    EtlJobEvent,
    EtlJobRun,
    ExtractionCheckpoint,
    Overall,
    Pr,
    PrCommit,
    PrReview,
    QdrantVector,
    RawExtractionData,
    Repository,
    RunKind,
    WebhookDelivery,
)
from etl.queue.topology import Stage
from integrations.models import Integration
from integrations.providers.github.refetch import NEWEST
from integrations.sandbox.github import GitHubSite
from integrations.sandbox.github.deliveries import Delivery
from pulse.tenancy.models import Tenant
from tests.support.brokers import RecordingBroker
from tests.support.deliveries import SECRET, encoded, signed
from tests.support.driving import work_off
from tests.support.github import ConnectedGitHub, connect_github, small_github
from tests.support.github_deliveries import (
    FORM,
    PULL_REQUEST_ID,
    as_form,
    delivery,
    headers,
    pull_request,
    push,
    repository_event,
)

pytestmark = pytest.mark.django_db

HOME = "acme/identity"
UNTIL_LOADED = (Stage.EXTRACTION, Stage.TRANSFORM)


@pytest.fixture
def integration(db: None, recording: RecordingBroker) -> Integration:
    """One with a site that nobody calls."""
    return Integration.objects.create(
        tenant=Tenant.objects.get_or_create(name="Acme")[0],
        provider="github",
        name="GitHub",
        settings={"base_url": "http://127.0.0.1:9", "organization": "acme"},
        secrets={"token": "t", "webhook_secret": SECRET},
    )


def post(path: str, body: bytes, given: Mapping[str, str], content_type: str = "application/json") -> Any:
    """The answer to a delivery, as GitHub makes one: no cookie, no token of ours, any type of answer."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    named = {name: value for name, value in given.items() if name.lower() != "content-type"}
    return client.post(f"/app/etl/webhooks/{path}", body, content_type=content_type, headers={"Accept": "*/*", **named})


def deliver(integration: Integration, content: Any, event: str = "pull_request", guid: str = "abc-1") -> Any:
    body = content if isinstance(content, bytes) else encoded(content)
    return post(f"github/{integration.pk}", body, headers(body, event, guid=guid))


def stored() -> tuple[int, ...]:
    models = (WebhookDelivery, RawExtractionData, EtlJobRun, ExtractionCheckpoint)
    return tuple(model.objects.count() for model in models)


NOTHING = (0, 0, 0, 0)


def asked_for() -> list[list[str]]:
    return [unit.cursor["items"] for unit in ExtractionCheckpoint.objects.order_by("pk")]


# What is taken


def test_a_signed_delivery_is_kept_and_its_pull_request_asked_for(integration: Integration) -> None:
    content = delivery()

    answer = deliver(integration, content)

    assert answer.status_code == 202
    assert answer.json() == {"status": "accepted", "event": "pull_request", "delivery_id": "abc-1"}
    kept, raw, run = WebhookDelivery.objects.get(), RawExtractionData.objects.get(), EtlJobRun.objects.get()
    assert (kept.delivery_id, kept.event, kept.raw_data_id) == ("abc-1", "pull_request", raw.pk)
    assert (raw.entity_type, raw.status, raw.raw_data) == ("github_webhooks", "completed", content)
    assert (run.kind, run.status, asked_for()) == (RunKind.WEBHOOK, Overall.RUNNING, [[PULL_REQUEST_ID]])


def test_a_form_is_kept_as_the_json_in_it(integration: Integration) -> None:
    content = delivery(pull_request=pull_request(title="Ä & = % + 🎉"))
    body = as_form(encoded(content))

    answer = post(f"github/{integration.pk}", body, headers(body), FORM)

    assert answer.status_code == 202
    assert RawExtractionData.objects.get().raw_data == content


def test_a_delivery_that_comes_again_is_a_duplicate_and_changes_nothing(integration: Integration) -> None:
    deliver(integration, delivery())
    before = stored()

    again = deliver(integration, delivery())

    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert stored() == before == (1, 1, 1, 1)


def test_a_ping_is_ignored_politely_and_so_is_what_is_not_read(integration: Integration) -> None:
    answers = [
        deliver(integration, {"zen": "Keep it simple.", "hook_id": 1}, "ping"),
        deliver(integration, delivery("other/web")),
        deliver(integration, push("other/web"), "push"),
        deliver(integration, repository_event("deleted", "other/web"), "repository"),
        deliver(integration, {"action": "created"}, "star"),
    ]

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "ignored")] * 5
    assert stored() == NOTHING


def test_a_storm_waits_to_be_fetched_in_few_calls(integration: Integration) -> None:
    for number in range(54):
        deliver(integration, delivery(pull_request=pull_request(node_id=f"PR_{number % 53}")), guid=str(number))
    for number in range(2):
        deliver(integration, push(), "push", guid=f"push-{number}")

    waiting = asked_for()
    assert [len(items) for items in waiting] == [50, 4]
    assert {item for items in waiting for item in items} == {*(f"PR_{n}" for n in range(53)), "head:acme/web:fix/it"}
    assert EtlJobRun.objects.count() == 1


def test_the_number_of_queries_does_not_grow(integration: Integration) -> None:
    def queries(number: int) -> int:
        with CaptureQueriesContext(database) as asked:
            content = delivery(pull_request=pull_request(node_id=f"PR_{number}"))
            assert deliver(integration, content, guid=str(number)).status_code == 202
        return len(asked)

    queries(1)
    few = queries(2)
    for number in range(3, 30):
        queries(number)

    assert queries(30) == few < 15


# What is refused


def test_refusals_do_not_tell_which_integrations_there_are(integration: Integration) -> None:
    unset = Integration.objects.create(
        tenant=integration.tenant, provider="github", name="Unset", settings=integration.settings
    )
    body = encoded(delivery())
    good = headers(body)

    answers = [
        post(f"github/{integration.pk}", body, headers(body, secret="wrong")),
        post(f"github/{integration.pk}", body + b" ", good),
        post(f"github/{integration.pk}", body, {"x-github-event": "pull_request", **signed(body)}),
        post(f"github/{integration.pk}", body, {"x-github-event": "pull_request"}),
        post(f"github/{integration.pk}/{SECRET}", body, good),
        post(f"github/{unset.pk}", body, headers(body, secret="")),
        post("github/987654321", body, good),
        post(f"jira/{integration.pk}", body, good),
    ]

    assert {(answer.status_code, answer.content) for answer in answers} == {(403, answers[0].content)}
    assert stored() == NOTHING


@pytest.mark.parametrize(
    ("content", "event", "complaint"),
    [
        (b"Hello, World!", "pull_request", "not JSON"),
        (delivery(pull_request={}), "pull_request", "pull_request.node_id is missing"),
        (delivery(huge=float("nan")), "pull_request", "not JSON that can be stored"),
        (delivery(), "", "X-GitHub-Event is missing"),
    ],
)
def test_what_is_no_delivery_is_refused_with_the_reason(
    integration: Integration, content: Any, event: str, complaint: str
) -> None:
    answer = deliver(integration, content, event)

    assert answer.status_code == 400
    assert complaint in answer.json()["detail"]
    assert stored() == NOTHING


# What comes of it


@pytest.fixture
def synced(db: None) -> Iterator[ConnectedGitHub]:
    """A sandbox, read once."""
    with small_github(1) as server:
        connected = connect_github(server, batch_size="50")
        run = lifecycle.start(connected.job.pk, trigger="test")
        work_off(run, stages=UNTIL_LOADED)
        # What embedding would do is another matter.
        QdrantVector.objects.update(status="completed")
        advance(run.pk)
        assert connected.job.overall == Overall.FINISHED
        server.site.deliveries.clear()
        yield connected


def pass_on(connected: ConnectedGitHub, deliveries: list[Delivery]) -> list[str]:
    """What is answered to the sandbox's deliveries; then what they are about is fetched and loaded."""
    path = f"github/{connected.integration.pk}"
    answers = [post(path, one.body, one.headers(SECRET)).json()["status"] for one in deliveries]
    for run in EtlJobRun.objects.filter(kind=RunKind.WEBHOOK, status=Overall.RUNNING):
        work_off(run, stages=UNTIL_LOADED)
        units = (ExtractionCheckpoint, RawExtractionData)
        assert {unit.status for model in units for unit in model.objects.filter(run=run)} == {"completed"}
        assert not EtlJobEvent.objects.filter(run=run, level="warning").exists()
    return answers


def told(site: GitHubSite, *events: str) -> list[Delivery]:
    """Those of some events, or all."""
    return [one for one in site.deliveries if not events or one.event in events]


def row(connected: ConnectedGitHub, name: str) -> Pr:
    return Pr.objects.get(integration=connected.integration, external_id=connected.site.find(name).full_database_id)


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "late"])
def test_doubled_and_late_deliveries_leave_what_the_site_has(synced: ConnectedGitHub, order: int) -> None:
    site = synced.site
    name = site.open_pull(HOME, title="PAY-1 Ask again")
    site.push_commits(name, 2)
    site.review_pull(name, comments=1)
    site.merge_pull(name)
    calls = sum(synced.server.counts.values())

    statuses = pass_on(synced, [*told(site)[::order], *told(site)])

    half = len(told(site))
    assert statuses == ["accepted"] * half + ["duplicate"] * half
    found = row(synced, name)
    assert (found.state, found.title, found.review_rounds) == ("MERGED", "PAY-1 Ask again", 1)
    assert PrCommit.objects.filter(pr=found).count() == 3
    assert PrReview.objects.filter(pr=found).count() == 1
    # One for the pull request, one for its branch, one for what ended in the default one.
    assert sum(synced.server.counts.values()) - calls == 3


def test_pushes_bring_what_no_other_delivery_told(synced: ConnectedGitHub) -> None:
    names = [synced.site.open_pull(HOME, branch=f"fix/{number}") for number in range(NEWEST + 2)]
    for name in names:
        synced.site.push_commits(name)

    assert pass_on(synced, told(synced.site, "push")) == ["accepted"] * len(names)

    assert {row(synced, name).commits for name in names} == {2}
    synced.site.merge_pull(names[0])
    assert pass_on(synced, told(synced.site, "push")[-1:]) == ["accepted"]
    assert row(synced, names[0]).state == "MERGED"


def test_a_repository_is_followed_through_its_life(synced: ConnectedGitHub) -> None:
    site = synced.site
    number = Repository.objects.get(integration=synced.integration, full_name=HOME).external_id

    def after(*deliveries: Delivery) -> tuple[str, bool, bool]:
        assert pass_on(synced, list(deliveries)) == ["accepted"]
        found = Repository.objects.get(integration=synced.integration, external_id=number)
        return found.full_name, found.archived, found.active

    site.archive_repository(HOME)
    assert after(site.deliveries[-1]) == (HOME, True, True)
    site.rename_repository(HOME, "accounts")
    assert after(site.deliveries[-1]) == ("acme/accounts", True, True)
    site.delete_repository("acme/accounts")
    assert after(site.deliveries[-1]) == ("acme/accounts", True, False)


def test_a_repository_that_is_transferred_out_of_the_scope_becomes_inactive(synced: ConnectedGitHub) -> None:
    synced.site.transfer_repository(HOME, "acme-labs")

    assert pass_on(synced, told(synced.site)) == ["accepted"]

    assert not Repository.objects.get(integration=synced.integration, full_name=HOME).active
    assert not Repository.objects.filter(full_name__startswith="acme-labs/").exists()


def test_stored_deliveries_are_no_hindrance_when_all_answers_are_transformed_anew(synced: ConnectedGitHub) -> None:
    name = synced.site.open_pull(HOME)
    pass_on(synced, told(synced.site))
    synced.site.archive_repository(HOME)
    pass_on(synced, told(synced.site, "repository"))
    before = sorted(Pr.objects.values_list("external_id", "state", "title"))

    run = lifecycle.reprocess(synced.job.pk, trigger="test")
    work_off(run, stages=UNTIL_LOADED)

    assert EtlJobRun.objects.get(pk=run.pk).error_message == ""
    assert sorted(Pr.objects.values_list("external_id", "state", "title")) == before
    assert Repository.objects.get(integration=synced.integration, full_name=HOME).archived
    assert row(synced, name).active
