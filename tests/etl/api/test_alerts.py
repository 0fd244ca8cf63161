"""`alerts` and `alert-channels`."""

from datetime import UTC, datetime
from typing import Any

import pytest

from etl.alerts import delivering
from etl.alerts.errors import NotDelivered
from etl.models import Alert, AlertChannel, AlertDelivery
from pulse.tenancy.models import Tenant
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller, member
from tests.support.threads import at_once

MOMENT = datetime(2024, 5, 1, 12, tzinfo=UTC)
CHAT = "https://hooks.chat.test/services/T1/SECRET"
WEBHOOK = {"name": "Chat", "kind": "webhook", "target": CHAT, "causes": ["run_failed"], "key": "k-12345"}


def an_alert(acme: Rows, subject: str, **more: Any) -> Alert:
    given = {"cause": "run_failed", "message": f"{subject} failed", **more}
    return Alert.objects.create(tenant=acme.tenant, subject=subject, **given)


def test_alerts_are_found_by_cause_and_by_whether_they_last(owner: Caller, acme: Rows) -> None:
    first = an_alert(acme, "job 1", resolved_at=MOMENT, occurrences=3, context={"job_id": 1})
    second = an_alert(acme, "job 2")
    third = an_alert(acme, "tier free", cause="no_consumer")

    def found(**query: Any) -> list[int]:
        return [row["id"] for row in owner.get("alerts", **query).json()["results"]]

    assert found() == [third.pk, second.pk, first.pk]
    assert found(cause="run_failed") == [second.pk, first.pk]
    assert found(resolved="false") == [third.pk, second.pk]
    assert found(resolved="true") == [first.pk]
    told = owner.get(f"alerts/{first.pk}").json()
    assert (told["subject"], told["message"], told["occurrences"]) == ("job 1", "job 1 failed", 3)
    assert (told["context"], told["resolved_at"]) == ({"job_id": 1}, "2024-05-01T12:00:00Z")
    assert owner.get("alerts", cause="noise").json()["errors"]["cause"][0].startswith('"noise": is none of: run_failed')


def test_a_channel_is_made_shown_changed_and_deleted(owner: Caller, acme: Rows) -> None:
    made = owner.post("alert-channels", WEBHOOK)

    assert made.status_code == 201
    row = AlertChannel.objects.get()
    assert (row.tenant, row.target, row.causes, row.key) == (acme.tenant, CHAT, ["run_failed"], "k-12345")
    told = made.json()
    assert (told["name"], told["kind"], told["causes"], told["active"]) == ("Chat", "webhook", ["run_failed"], True)
    assert owner.get(f"alert-channels/{row.pk}").json() == told
    assert owner.get("alert-channels").json()["results"] == [told]
    emptied: dict[str, Any] = {"key": None, "causes": []}
    change = {"kind": "email", "target": "a@b.test, c@d.test", "active": False, **emptied}
    changed = owner.send("PATCH", f"alert-channels/{row.pk}", body=change).json()
    assert (changed["name"], changed["target"], changed["has_key"]) == ("Chat", "a@b.test, c@d.test", False)
    assert (changed["causes"], changed["active"]) == ([], False)
    assert owner.delete(f"alert-channels/{row.pk}").json() == {"deleted": row.pk}
    assert not AlertChannel.objects.exists()


def test_neither_a_key_nor_an_addresss_path_is_ever_shown(owner: Caller, acme: Rows) -> None:
    made = owner.post("alert-channels", WEBHOOK)
    path = f"alert-channels/{made.json()['id']}"
    bad = {**WEBHOOK, "target": "ftp://hooks.chat.test/services/T1/SECRET", "key": "k-12345" * 100}

    answers = [
        made,
        owner.get(path),
        owner.get("alert-channels"),
        owner.send("PATCH", path, body={"active": False}),
        owner.post("alert-channels", bad),
        owner.post("alert-channels", {**bad, "key": "k-12345"}),
        owner.post("alert-channels", {**WEBHOOK, "target": ["SECRET"], "key": ["k-12345"]}),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 400, 400, 400]
    for answer in answers:
        assert "k-12345" not in answer.content.decode()
        assert "SECRET" not in answer.content.decode()
    assert (made.json()["target"], made.json()["has_key"]) == ("https://hooks.chat.test/…", True)


def test_what_is_left_out_of_a_change_stays(owner: Caller, acme: Rows) -> None:
    path = f"alert-channels/{owner.post('alert-channels', WEBHOOK).json()['id']}"

    owner.send("PATCH", path, body={"name": "Talk"})

    row = AlertChannel.objects.get()
    assert (row.name, row.target, row.key, row.causes) == ("Talk", CHAT, "k-12345", ["run_failed"])


def test_a_channel_that_somebody_else_changed_meanwhile_is_not_overwritten(owner: Caller, acme: Rows) -> None:
    made = owner.post("alert-channels", WEBHOOK).json()
    path, seen = f"alert-channels/{made['id']}", {"last_updated_at": made["last_updated_at"]}
    theirs = owner.send("PATCH", path, body={"causes": [], **seen}).json()

    answer = owner.send("PATCH", path, body={"active": False, **seen})

    assert (answer.status_code, answer.json()["type"]) == (409, "outdated")
    assert answer.json()["errors"] == {"last_updated_at": ["somebody else changed Chat meanwhile"]}
    assert owner.get(path).json() == theirs
    again = {"active": False, "last_updated_at": theirs["last_updated_at"]}
    assert owner.send("PATCH", path, body=again).json()["active"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"kind": "pager"}, "kind"),
        ({"target": "hooks.chat.test"}, "target"),
        ({"target": ""}, "target"),
        ({"kind": "email", "target": "nobody", "key": None}, "target"),
        ({"causes": ["noise"]}, "causes"),
        ({"causes": "run_failed"}, "causes"),
        ({"secrets": {}}, "secrets"),
    ],
)
def test_what_is_no_channel_is_refused(owner: Caller, acme: Rows, change: dict[str, Any], field: str) -> None:
    path = f"alert-channels/{owner.post('alert-channels', {**WEBHOOK, 'name': 'First'}).json()['id']}"
    before = AlertChannel.objects.values().get()

    answers = [
        owner.post("alert-channels", {**WEBHOOK, **change}),
        owner.send("PATCH", path, body={"active": False, **change}),
    ]

    for answer in answers:
        assert answer.status_code == 400
        assert [name.partition(".")[0] for name in answer.json()["errors"]] == [field]
    assert AlertChannel.objects.values().get() == before


def test_two_channels_of_a_tenant_have_different_names(owner: Caller, stranger: Caller, acme: Rows) -> None:
    owner.post("alert-channels", WEBHOOK)
    other = owner.post("alert-channels", {**WEBHOOK, "name": "Other"}).json()

    answers = [
        owner.post("alert-channels", WEBHOOK),
        owner.send("PATCH", f"alert-channels/{other['id']}", body={"name": "Chat"}),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json()["errors"] == {"name": ["there is a channel 'Chat' already"]}
    assert stranger.post("alert-channels", WEBHOOK).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_two_who_make_a_channel_of_one_name_at_once_one_is_refused() -> None:
    user = member("otto", Tenant.objects.create(name="Acme"))

    answers = at_once(*[lambda: Caller(user).post("alert-channels", WEBHOOK).status_code] * 3)

    assert sorted(answers) == [201, 400, 400]


def test_a_channel_tells_of_what_did_not_arrive(owner: Caller, acme: Rows) -> None:
    channel = AlertChannel.objects.get(pk=owner.post("alert-channels", WEBHOOK).json()["id"])
    known = {"tries": 2, "error": "https://hooks.chat.test/… answered 404", "not_before": MOMENT}
    AlertDelivery.objects.create(tenant=acme.tenant, channel=channel, cause="run_failed", **known)

    (told,) = owner.get(f"alert-channels/{channel.pk}").json()["deliveries"]

    assert (told["cause"], told["tries"], told["error"]) == ("run_failed", 2, known["error"])
    assert (told["sent_at"], told["not_before"]) == (None, "2024-05-01T12:00:00Z")


def test_a_test_message_says_whether_it_arrived(owner: Caller, acme: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"alert-channels/{owner.post('alert-channels', WEBHOOK).json()['id']}/test"
    tried: list[str] = []

    def arrives(channel: AlertChannel) -> None:
        tried.append(channel.target)

    def fails(channel: AlertChannel) -> None:
        raise NotDelivered("https://hooks.chat.test/… answered 404")

    answers = []
    for send in (arrives, fails):
        monkeypatch.setattr(delivering, "send_test", send)
        answers.append(owner.post(path))

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == {"delivered": True, "error": ""}
    assert answers[1].json() == {"delivered": False, "error": "https://hooks.chat.test/… answered 404"}
    assert tried == [CHAT]
