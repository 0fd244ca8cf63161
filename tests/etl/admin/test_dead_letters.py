"""The pages of dead letters: looked at, sent back, discarded; one, many, or all that failed alike."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from etl.admin import dead_letters
from etl.jobs import lifecycle
from etl.models import DeadLetter, EtlJobRun, ExtractionCheckpoint
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named, offered, on_list, on_page
from tests.etl.admin.rows import HOSTILE, Rows
from tests.etl.admin.test_jobs import job_of


def letter(rows: Rows, **more: Any) -> DeadLetter:
    given = {"queue": "etl.jobs", "body": '{"tenant_id": 1}', "error": "no job 7", "cause": "no job #", **more}
    return DeadLetter.objects.create(tenant=rows.tenant, **given)


def failed_unit(rows: Rows) -> tuple[EtlJobRun, ExtractionCheckpoint]:
    run = lifecycle.start(job_of(rows).pk, trigger="test")
    unit = ExtractionCheckpoint.objects.get(run=run)
    ExtractionCheckpoint.objects.filter(pk=unit.pk).update(status="failed", error_details={"error": "away"})
    return run, unit


def groups_part(client: Client) -> str:
    """What a script is given of the groups."""
    return client.get(named(DeadLetter, "groups"), headers={"X-Part": "1"}).content.decode()


def states() -> dict[int, str]:
    return dict(DeadLetter.objects.values_list("pk", "state"))


def test_a_letters_page_shows_its_error_message_and_unit(operator: Client, acme: Rows) -> None:
    run, unit = failed_unit(acme)
    row = letter(
        acme, stage="extraction", unit_id=unit.pk, run_id=run.pk, error=f"away {HOSTILE}", body='{"a": {"b": 1}}'
    )

    content = operator.get(addresses.page_of(row)).content.decode()

    assert HOSTILE not in content
    assert "away &lt;script&gt;" in content
    assert "{\n  &quot;a&quot;: {\n    &quot;b&quot;: 1" in content
    assert addresses.page_of(unit) in content
    assert f"{unit.step}: failed" in content
    assert addresses.page_of(run) in content


@pytest.mark.parametrize("body", ["no JSON " + HOSTILE, ""])
def test_a_message_that_is_no_json_is_shown_as_it_is(operator: Client, acme: Rows, body: str) -> None:
    content = operator.get(addresses.page_of(letter(acme, body=body, stage="extraction", unit_id=999))).content.decode()
    assert HOSTILE not in content
    assert body[:7] in content
    assert "extraction unit 999 is gone" in content


def test_a_message_is_shown_however_deeply_it_is_nested(operator: Client, acme: Rows) -> None:
    body = '{"said": ' + "[" * 1000 + "]" * 1000 + "}"
    assert "&quot;said&quot;: [" in operator.get(addresses.page_of(letter(acme, body=body))).content.decode()


def test_a_letter_is_sent_back_and_its_unit_waits_again(operator: Client, acme: Rows) -> None:
    run, unit = failed_unit(acme)
    row = letter(acme, stage="extraction", unit_id=unit.pk, run_id=run.pk)
    assert offered(operator, row) == ["replay", "discard"]

    assert on_page(operator, "replay", row) == [f"{row} was sent back."]

    unit.refresh_from_db()
    row.refresh_from_db()
    assert unit.status == "pending"
    assert (row.state, row.settled_by and row.settled_by.username) == ("replayed", "otto")
    assert offered(operator, row) == []


def test_a_letter_that_is_settled_is_not_settled_again(operator: Client, acme: Rows) -> None:
    row = letter(acme)
    on_page(operator, "discard", row)
    (said,) = on_page(operator, "replay", row)
    assert said == f"{row} was not sent back: it is discarded already"
    assert states() == {row.pk: "discarded"}


def test_many_are_settled_at_once_and_one_that_cannot_be_holds_up_no_other(operator: Client, acme: Rows) -> None:
    open_ones, settled = [letter(acme), letter(acme)], letter(acme, state="replayed")
    said = on_list(operator, "discard", *open_ones, settled)
    assert said == ["2 dead letters were discarded.", "1 were not discarded: it is replayed already"]
    assert states() == {open_ones[0].pk: "discarded", open_ones[1].pk: "discarded", settled.pk: "replayed"}


def test_letters_that_failed_alike_are_one_group_and_are_settled_together(operator: Client, acme: Rows) -> None:
    alike = [letter(acme, error=f"no job {number}") for number in range(3)]
    other = letter(acme, cause=f"another {HOSTILE}")
    settled = letter(acme, state="discarded")
    shown = operator.get(named(DeadLetter, "groups"))
    assert [(one.group.cause, one.group.count) for one in shown.context["groups"]] == [
        ("no job #", 3),
        (f"another {HOSTILE}", 1),
    ]
    assert HOSTILE not in shown.content.decode()

    form = {"act": "discard", "cause": "no job #", "confirmed": "1"}
    response = operator.post(named(DeadLetter, "groups"), form, follow=True)

    assert [str(message) for message in response.context["messages"]] == ["3 dead letters were discarded."]
    assert states() == {**{row.pk: "discarded" for row in alike}, other.pk: "open", settled.pk: "discarded"}


def test_a_group_shows_its_newest_letter_with_error_message_and_unit(operator: Client, acme: Rows) -> None:
    run, unit = failed_unit(acme)
    about = {"stage": "extraction", "unit_id": unit.pk, "run_id": run.pk}
    letter(acme, error="no job 1")
    newest = letter(acme, error=f"no job 2 {HOSTILE}", body='{"a": {"b": "c"}}', **about)

    content = groups_part(operator)

    assert HOSTILE not in content
    assert "no job 2 &lt;script&gt;" in content
    assert "no job 1" not in content
    assert "&quot;b&quot;: &quot;c&quot;" in content
    assert "Its last error: away" in content
    for row in (newest, unit, run):
        assert f'href="{addresses.page_of(row)}"' in content


def test_the_groups_take_few_queries_however_many_there_are(operator: Client, acme: Rows) -> None:
    _, unit = failed_unit(acme)
    queries = []
    for number in range(2):
        for other in range(4):
            letter(acme, cause=f"{number} {other}", stage="extraction", unit_id=unit.pk)
        with CaptureQueriesContext(connection) as captured:
            groups_part(operator)
        queries.append(len(captured))
    assert queries[0] == queries[1] <= 12


def test_all_of_a_group_are_settled_only_after_their_count_was_asked_about(operator: Client, acme: Rows) -> None:
    rows = [letter(acme), letter(acme)]
    for name, question in (("replay", "Send back 2 dead letters?"), ("discard", "Discard 2 dead letters?")):
        response = operator.post(named(DeadLetter, "groups"), {"act": name, "cause": "no job #"})
        assert question in response.content.decode()
        assert f'data-confirm="{question}' in groups_part(operator)
    assert states() == {row.pk: "open" for row in rows}


def test_of_very_many_letters_so_many_are_settled_and_the_rest_is_told(
    operator: Client, acme: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_AT_ONCE", 2)
    for _ in range(3):
        letter(acme)
    assert "Discard 2 of 3 dead letters?" in groups_part(operator)
    form = {"act": "discard", "cause": "no job #", "confirmed": "1"}
    response = operator.post(named(DeadLetter, "groups"), form, follow=True)
    assert [str(message) for message in response.context["messages"]] == [
        "2 dead letters were discarded.",
        "1 more of that cause are open.",
    ]


def test_one_letter_is_discarded_only_after_that_was_asked_about(operator: Client, acme: Rows) -> None:
    row = letter(acme)
    asked = operator.post(named(DeadLetter, "act", row.pk), {"act": "discard"})
    assert "It is settled for good" in asked.content.decode()
    assert states() == {row.pk: "open"}


def test_of_many_groups_the_largest_are_shown(operator: Client, acme: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "SHOWN_GROUPS", 1)
    letter(acme)
    assert "there are more" not in operator.get(named(DeadLetter, "groups")).content.decode()
    for _ in range(2):
        letter(acme, cause="of many")
    response = operator.get(named(DeadLetter, "groups"))
    assert [one.group.cause for one in response.context["groups"]] == ["of many"]
    assert "there are more" in response.content.decode()


def test_a_cause_that_no_column_can_hold_is_refused(operator: Client, acme: Rows) -> None:
    assert operator.post(named(DeadLetter, "groups"), {"act": "discard", "cause": "\0"}).status_code == 400


def test_a_groups_link_leads_to_its_letters(operator: Client, acme: Rows) -> None:
    wanted, other = letter(acme, cause="50% & more"), letter(acme)
    content = operator.get(named(DeadLetter, "groups")).content.decode()
    link = addresses.list_of(DeadLetter) + "?state__exact=open&cause=50%25%20%26%20more"
    assert link.replace("&", "&amp;") in content
    listed = operator.get(link).content.decode()
    assert addresses.page_of(wanted) in listed
    assert addresses.page_of(other) not in listed


def test_viewers_settle_nothing(viewer: Client, acme: Rows) -> None:
    row = letter(acme)
    assert offered(viewer, row) == []
    assert "<button" not in groups_part(viewer)
    for address, form in (
        (named(DeadLetter, "act", row.pk), {"act": "discard"}),
        (named(DeadLetter, "groups"), {"act": "discard", "cause": row.cause, "confirmed": "1"}),
    ):
        assert viewer.post(address, form).status_code == 403
    on_list(viewer, "discard", row)
    assert states() == {row.pk: "open"}


def test_letters_of_another_tenant_or_of_none_are_out_of_reach(operator: Client, rival: Rows) -> None:
    theirs = letter(rival)
    nobodys = DeadLetter.objects.create(queue="etl.jobs", body="{", error="not JSON", cause="no job #")
    assert list(operator.get(named(DeadLetter, "groups")).context["groups"]) == []
    operator.post(named(DeadLetter, "groups"), {"act": "discard", "cause": "no job #", "confirmed": "1"})
    for row in (theirs, nobodys):
        assert operator.post(named(DeadLetter, "act", row.pk), {"act": "discard"}).status_code == 404
        on_list(operator, "discard", row)
    assert states() == {theirs.pk: "open", nobodys.pk: "open"}


def test_a_superuser_settles_what_nobody_can_tell_whose_it_is(superuser: Client, db: None) -> None:
    row = DeadLetter.objects.create(queue="etl.jobs", body="{", error="not JSON")
    assert "it is about no unit" in superuser.get(addresses.page_of(row)).content.decode()
    assert on_page(superuser, "discard", row) == [f"{row} was discarded."]


def test_a_group_cannot_be_settled_in_a_way_that_there_is_not(operator: Client, acme: Rows) -> None:
    row = letter(acme)
    assert operator.post(named(DeadLetter, "groups"), {"act": "burn", "cause": row.cause}).status_code == 403
    assert states() == {row.pk: "open"}
