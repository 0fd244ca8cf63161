"""Webhooks as a site delivers them: what is answered, what is kept, and what is fetched because of it."""

import json
import logging
from typing import Any

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from etl.jobs import lifecycle
from etl.jobs.sweep import sweep
from etl.models import EtlJobRun, ExtractionCheckpoint, RawExtractionData, RunKind, WebhookDelivery
from integrations.models import Integration
from integrations.providers.jira.refetch import ISSUES_A_CALL
from pulse.tenancy.models import Tenant
from tests.support.brokers import RecordingBroker
from tests.support.deliveries import SECRET, delivery, encoded, issue, signed
from tests.support.driving import work_off
from tests.support.making import ISSUES, an_integration
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

CREATED = "jira:issue_created"


@pytest.fixture
def integration(db: None, recording: RecordingBroker) -> Integration:
    return with_secret(an_integration())


def with_secret(made: Integration, secret: str = SECRET, **settings: str) -> Integration:
    made.secrets = {**made.secrets, "webhook_secret": secret}
    made.settings = {**made.settings, **settings}
    made.save()
    return made


def post(path: str, body: bytes, headers: dict[str, str] | None = None) -> Any:
    """The answer to a delivery, as Jira makes one: no cookie, no token of ours, any type of answer."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    given = {"Accept": "text/html", **(headers or {})}
    return client.post(f"/app/etl/webhooks/{path}", body, content_type="application/json", headers=given)


def deliver(integration: Integration, content: Any = None, *, identifier: str = "", secret: str = SECRET) -> Any:
    """The answer to a signed delivery."""
    body = content if isinstance(content, bytes) else encoded(content or delivery())
    headers = {"X-Atlassian-Webhook-Identifier": identifier} if identifier else {}
    return post(f"jira/{integration.pk}", body, {**signed(body, secret), **headers})


def stored() -> tuple[int, int, int, int]:
    models = (WebhookDelivery, RawExtractionData, EtlJobRun, ExtractionCheckpoint)
    return tuple(model.objects.count() for model in models)  # type: ignore[return-value]


NOTHING = (0, 0, 0, 0)


# What is taken


def test_a_signed_delivery_is_kept_and_its_issue_asked_for(integration: Integration) -> None:
    body = encoded(delivery())

    answer = deliver(integration, body, identifier="abc-1")

    assert answer.status_code == 202
    assert answer.json() == {"status": "accepted", "event": "jira:issue_updated", "delivery_id": "abc-1"}
    kept, raw = WebhookDelivery.objects.get(), RawExtractionData.objects.get()
    run, unit = EtlJobRun.objects.get(), ExtractionCheckpoint.objects.get()
    assert (kept.delivery_id, kept.event, kept.raw_data_id) == ("abc-1", "jira:issue_updated", raw.pk)
    assert (raw.entity_type, raw.external_id, raw.step) == ("jira_webhooks", "issue:10040:webhook", ISSUES)
    assert (raw.status, raw.raw_data, raw.run_id) == ("completed", json.loads(body), run.pk)
    assert raw.processed_at is not None
    assert (run.kind, run.status, unit.run_id, unit.step, unit.status) == (
        RunKind.WEBHOOK, "RUNNING", run.pk, ISSUES, "pending",
    )  # fmt: skip
    assert {row.tenant_id for row in (kept, raw, run, unit)} == {integration.tenant_id}
    assert {row.integration_id for row in (kept, raw, run, unit)} == {integration.pk}


def test_the_secret_may_be_the_end_of_the_address_instead(integration: Integration) -> None:
    assert post(f"jira/{integration.pk}/{SECRET}", encoded(delivery())).status_code == 202


def test_the_answer_waits_for_no_queue_and_the_sweep_wakes_workers(
    integration: Integration, recording: RecordingBroker
) -> None:
    recording.refuses = True

    assert deliver(integration).status_code == 202

    recording.refuses = False
    assert recording.published == []
    sweep()
    assert [body["unit_id"] for body in recording.bodies()] == [ExtractionCheckpoint.objects.get().pk]


def test_a_delivery_that_comes_again_is_a_duplicate_and_changes_nothing(integration: Integration) -> None:
    deliver(integration, identifier="abc-1")
    before = stored()

    again = deliver(integration, delivery(timestamp=2), identifier="abc-1")

    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert stored() == before == (1, 1, 1, 1)


def test_without_an_id_the_same_body_is_a_duplicate(integration: Integration) -> None:
    answers = [deliver(integration, delivery(timestamp=time)).json()["status"] for time in (1, 1, 2)]

    assert answers == ["accepted", "duplicate", "accepted"]


def test_the_same_id_at_another_integration_is_no_duplicate(integration: Integration) -> None:
    other = with_secret(an_integration("Other", tenant="Rival"))

    answers = [deliver(to, identifier="abc-1").json()["status"] for to in (integration, other)]

    assert answers == ["accepted", "accepted"]
    assert ExtractionCheckpoint.objects.filter(integration=other, tenant=other.tenant).count() == 1


def test_a_storm_about_few_issues_waits_to_be_fetched_in_one_call(integration: Integration) -> None:
    for number in range(20):
        assert deliver(integration, identifier=str(number)).status_code == 202
    deliver(integration, delivery(issue=issue("10041")))

    assert stored() == (21, 21, 1, 1)
    assert ExtractionCheckpoint.objects.get().cursor["items"] == ["10040", "10041"]


def test_a_storm_about_many_issues_waits_in_units_of_a_call_each(integration: Integration) -> None:
    for number in range(1, 2 * ISSUES_A_CALL + 2):
        deliver(integration, delivery(issue=issue(number)))

    waiting = [unit.cursor["items"] for unit in ExtractionCheckpoint.objects.order_by("pk")]
    assert [len(items) for items in waiting] == [ISSUES_A_CALL, ISSUES_A_CALL, 1]
    assert [item for items in waiting for item in items] == [str(number) for number in range(1, 2 * ISSUES_A_CALL + 2)]


def test_what_concerns_nothing_that_is_read_is_ignored_and_leaves_nothing(integration: Integration) -> None:
    with_secret(integration, exclude_projects="PAY")
    comment = {"timestamp": 1, "webhookEvent": "comment_created", "comment": {"id": "1"}}

    answers = [deliver(integration, content) for content in (delivery(CREATED), comment)]

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "ignored")] * 2
    assert stored() == NOTHING


def test_text_that_the_database_refuses_is_mended(integration: Integration) -> None:
    body = encoded(delivery(issue=issue(summary="NUL \x00 and half of a pair \ud83d")))

    assert deliver(integration, body).status_code == 202
    raw = RawExtractionData.objects.get()
    assert raw.raw_data["issue"]["fields"]["summary"] == "NUL � and half of a pair �"
    assert raw.extraction_metadata["replaced_characters"] == ["$.issue.fields.summary"]


def test_the_number_of_queries_does_not_grow(integration: Integration) -> None:
    def queries(number: int) -> int:
        with CaptureQueriesContext(database) as asked:
            assert deliver(integration, delivery(issue=issue(number))).status_code == 202
        return len(asked)

    queries(1)
    few = queries(2)
    for number in range(3, 30):
        deliver(integration, delivery(issue=issue(number)))

    assert queries(30) == few < 15


@pytest.mark.django_db(transaction=True)
def test_of_a_delivery_that_comes_twice_at_once_one_is_accepted(recording: RecordingBroker) -> None:
    made = with_secret(an_integration())

    answers = at_once(*[lambda: str(deliver(made, identifier="abc-1").json()["status"])] * 4)

    assert sorted(answers) == ["accepted", "duplicate", "duplicate", "duplicate"]
    assert stored() == (1, 1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_deliveries_about_one_issue_at_once_ask_for_it_once(recording: RecordingBroker) -> None:
    made = with_secret(an_integration())
    recording.delivers = False

    at_once(*[lambda name=str(number): deliver(made, identifier=name).status_code for number in range(4)])

    assert stored() == (4, 4, 1, 1)


# What is refused


@pytest.mark.parametrize("signature", [None, "sha256=", "sha256=" + "0" * 64])
def test_without_the_right_signature_nothing_is_taken(integration: Integration, signature: str | None) -> None:
    headers = {"X-Hub-Signature": signature} if signature else {}

    assert post(f"jira/{integration.pk}", encoded(delivery()), headers).status_code == 403
    assert stored() == NOTHING


def test_refusals_do_not_tell_which_integrations_there_are(integration: Integration) -> None:
    inactive = with_secret(an_integration("Inactive"))
    Integration.objects.filter(pk=inactive.pk).update(active=False)
    left = with_secret(an_integration("Left", tenant="Left"))
    Tenant.objects.filter(pk=left.tenant_id).update(active=False)
    unset = an_integration("Unset")
    body = encoded(delivery())

    answers = [
        deliver(integration, secret="wrong"),
        deliver(inactive),
        deliver(left),
        deliver(unset, secret="wrong"),
        post(f"jira/{unset.pk}/{SECRET}", body),
        post("jira/987654321", body, signed(body)),
        post(f"jira/{10**40}", body, signed(body)),
        post(f"github/{integration.pk}", body, signed(body)),
        post(f"jira/{integration.pk}/wrong", body),
        post(f"jira/{integration.pk}", body),
    ]

    assert {(answer.status_code, answer.content) for answer in answers} == {(403, answers[0].content)}
    assert stored() == NOTHING


def test_the_secret_of_one_integration_opens_no_other(integration: Integration) -> None:
    other = with_secret(an_integration("Other", tenant="Rival"), "another secret")

    assert deliver(other).status_code == 403
    assert post(f"jira/{other.pk}/{SECRET}", encoded(delivery())).status_code == 403


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"Hello, World!", "not JSON"),
        (b"", "not JSON"),
        (b"[]", "of type list, not an object"),
        (encoded({"webhookEvent": CREATED}), "issue is missing"),
        (encoded(delivery(issue={"id": "PAY-1"})), "issue.id is 'PAY-1', not an id"),
        (encoded(delivery(user=float("nan"))), "not JSON that can be stored"),
        ('{"webhookEvent": "jira:issue_deleted", "issue": {"id": 1}}'.encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf" + encoded(delivery()), "not JSON that can be stored"),
        (encoded(delivery())[:-1] + b', "huge": ' + b"9" * 200_000 + b"}", "value overflows numeric format"),
    ],
)
def test_what_is_no_delivery_is_refused_with_the_reason(
    integration: Integration, content: bytes, complaint: str
) -> None:
    answer = deliver(integration, content)

    assert answer.status_code == 400
    assert complaint in answer.json()["detail"]
    # A part of our statement.
    assert "LINE" not in answer.json()["detail"]
    assert stored() == NOTHING


def test_a_delivery_of_25_megabytes_is_taken_and_a_larger_one_refused(integration: Integration) -> None:
    body = encoded(delivery())
    most = body + b" " * (26_214_400 - len(body))

    assert deliver(integration, most).status_code == 202
    refused = deliver(integration, most + b" ")
    told = {"type": "too_large", "title": "Request Entity Too Large", "errors": {}}
    assert (refused.status_code, refused.json()) == (
        413,
        {**told, "detail": "the delivery is larger than 26214400 bytes"},
    )


def test_while_the_database_is_away_the_site_is_told_to_come_again(
    integration: Integration, console: list[str]
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with database.execute_wrapper(away):
        answer = deliver(integration)

    assert (answer.status_code, answer.json()["type"]) == (503, "unavailable")
    assert list(answer.json()) == ["type", "title", "detail", "errors"]
    assert "Traceback" not in "".join(console)
    assert deliver(integration).status_code == 202


def test_only_deliveries_are_answered(integration: Integration) -> None:
    assert Client().get(f"/app/etl/webhooks/jira/{integration.pk}").status_code == 405


# Secrets


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that the process's own log shows."""
    (handler,) = [found for found in logging.getLogger().handlers if type(found) is logging.StreamHandler]
    lines: list[str] = []
    monkeypatch.setattr(handler, "emit", lambda record: lines.append(handler.format(record)))
    return lines


def test_no_secret_is_logged_or_stored(
    integration: Integration, capsys: pytest.CaptureFixture[str], console: list[str]
) -> None:
    body = encoded(delivery())
    headers = signed(body)
    post(f"jira/{integration.pk}/{SECRET}", body, headers)
    post(f"jira/{integration.pk}/{SECRET}", b"Hello, World!")
    post(f"jira/{integration.pk}/a wrong guess", body, headers)
    deliver(integration, b"Hello, World!")

    assert len(console) >= 3
    told = "\n".join(console) + capsys.readouterr().out + rows_as_text()
    for secret in (SECRET, SECRET.split(" / ")[1], "a wrong guess", headers["x-hub-signature"]):
        assert secret not in told


def rows_as_text() -> str:
    """All that the delivery left, as text."""
    models = (WebhookDelivery, RawExtractionData, EtlJobRun, ExtractionCheckpoint)
    return repr([list(model.objects.values()) for model in models])


# What comes of it


def test_stored_deliveries_are_no_hindrance_when_all_answers_are_transformed_anew(integration: Integration) -> None:
    deliver(integration)
    EtlJobRun.objects.update(status="FINISHED")

    run = lifecycle.reprocess(integration.jobs.get().pk, trigger="test")
    work_off(run)

    assert (run.status, run.error_message) == ("FINISHED", "")
