"""The pages of alerts and of the channels that tell of them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from etl.models import Alert, AlertChannel, AlertDelivery
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named, offered, on_page
from tests.etl.admin.rows import HOSTILE, Rows, staff
from tests.support.receiver import Receiver

SIGNING_KEY = "key-of-the-chat"
CHAT = "https://hooks.example.com/T1/s3cret"


def channel(rows: Rows, **more: Any) -> AlertChannel:
    given = {"name": "Chat", "kind": "webhook", "target": CHAT, "secrets": {"key": SIGNING_KEY}, **more}
    return AlertChannel.objects.create(tenant=rows.tenant, **given)


def form_of(rows: Rows, **more: Any) -> dict[str, Any]:
    """What a browser sends; an empty field is sent too."""
    empty = {"target": "", "key": "", "seen": "", "tenant": rows.tenant.pk}
    return {**empty, "name": "Chat", "kind": "webhook", "active": "on", **more}


def errors(response: Any) -> dict[str, Any]:
    assert response.status_code == 200
    found: dict[str, Any] = response.context["adminform"].form.errors
    return found


def test_a_channel_is_made_with_a_key_and_neither_key_nor_address_is_shown_again(operator: Client, acme: Rows) -> None:
    form = form_of(acme, target=CHAT, key=SIGNING_KEY, causes=["run_failed", "dead_letters"])
    assert operator.post(addresses.add(AlertChannel), form).status_code == 302

    made = AlertChannel.objects.get()
    assert (made.target, made.key, made.causes) == (CHAT, SIGNING_KEY, ["run_failed", "dead_letters"])
    for address in (addresses.page_of(made), addresses.list_of(AlertChannel)):
        content = operator.get(address).content.decode()
        assert "s3cret" not in content
        assert SIGNING_KEY not in content
        assert "https://hooks.example.com/…" in content


def test_what_is_left_empty_stays_and_a_key_can_be_taken_away(operator: Client, acme: Rows) -> None:
    row = channel(acme)
    assert operator.post(addresses.page_of(row), form_of(acme, name="Chat 2")).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.target, row.key, row.causes) == ("Chat 2", CHAT, SIGNING_KEY, [])

    assert operator.post(addresses.page_of(row), form_of(acme, forget_key="on")).status_code == 302
    row.refresh_from_db()
    assert (row.target, row.key) == (CHAT, "")


def test_a_channel_that_somebody_else_changed_meanwhile_is_not_overwritten(operator: Client, acme: Rows) -> None:
    row = channel(acme)
    form = form_of(acme, seen=row.last_updated_at.isoformat())
    assert operator.post(addresses.page_of(row), {**form, "causes": ["run_failed"]}).status_code == 302

    response = operator.post(addresses.page_of(row), {**form, "name": "Mine", "causes": ["dead_letters"]})

    assert errors(response)["__all__"] == ["somebody else changed Chat meanwhile"]
    row.refresh_from_db()
    assert (row.name, row.causes) == ("Chat", ["run_failed"])


@pytest.mark.parametrize(
    ("said", "field", "named_value"),
    [
        ({"kind": "email", "target": "nobody"}, "target", "nobody"),
        ({"target": "ftp://hooks.example.com"}, "target", "ftp"),
        ({"target": CHAT, "causes": ["weather"]}, "causes", "weather"),
        ({"target": CHAT, "name": "Known"}, "name", "Known"),
        ({"target": ""}, "target", "target"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_at_its_field(
    operator: Client, acme: Rows, said: dict[str, Any], field: str, named_value: str
) -> None:
    channel(acme, name="Known")
    found = errors(operator.post(addresses.add(AlertChannel), form_of(acme, **said)))
    assert named_value in str(found[field].as_data())
    assert AlertChannel.objects.count() == 1


def test_a_test_message_is_sent_and_said_to_have_arrived(operator: Client, acme: Rows) -> None:
    with Receiver() as chat:
        row = channel(acme, target=chat.url)
        assert on_page(operator, "test", row) == ["Chat was sent a test message."]
        assert len(chat.received) == 1
        chat.status = 500
        (said,) = on_page(operator, "test", row)
    assert said.startswith("Chat was not sent a test message: ")
    assert "s3cret" not in said


def test_a_channel_shows_what_it_was_told_last_and_what_went_wrong(operator: Client, acme: Rows) -> None:
    row = channel(acme)
    assert "nothing yet" in operator.get(addresses.page_of(row)).content.decode()
    AlertDelivery.objects.create(
        tenant=acme.tenant, channel=row, cause="run_failed", sent_at=timezone.now(), tries=3, error=f"away {HOSTILE}"
    )
    content = operator.get(addresses.page_of(row)).content.decode()
    assert "3 tries failed since: away &lt;script&gt;" in content
    assert HOSTILE not in content


def test_when_a_channel_was_told_last_is_said_in_the_persons_time_zone(client: Client, acme: Rows) -> None:
    row = channel(acme)
    sent = {"sent_at": datetime(2026, 3, 1, 23, 30, tzinfo=UTC), "tries": 1, "error": "away"}
    AlertDelivery.objects.create(tenant=acme.tenant, channel=row, cause="run_failed", **sent)
    client.force_login(staff("tomo", acme.tenant, time_zone="Asia/Tokyo"))
    content = client.get(addresses.page_of(row)).content.decode()
    assert "2026-03-02 08:30:00; 1 try failed since: away" in content


def test_a_channel_is_deleted_with_what_it_was_told(operator: Client, acme: Rows) -> None:
    row = channel(acme)
    AlertDelivery.objects.create(tenant=acme.tenant, channel=row, cause="run_failed")
    assert operator.post(addresses.delete(row), {"post": "yes"}).status_code == 302
    assert not AlertChannel.objects.exists()
    assert not AlertDelivery.objects.exists()


def test_viewers_and_strangers_change_and_test_no_channel(
    viewer: Client, operator: Client, acme: Rows, rival: Rows
) -> None:
    ours, theirs = channel(acme), channel(rival)
    assert offered(viewer, ours) == []
    content = viewer.get(addresses.page_of(ours)).content.decode()
    assert "https://hooks.example.com/…" in content
    assert "s3cret" not in content
    assert viewer.post(named(AlertChannel, "act", ours.pk), {"act": "test"}).status_code == 403
    assert operator.post(named(AlertChannel, "act", theirs.pk), {"act": "test"}).status_code == 404
    assert viewer.post(addresses.delete(ours), {"post": "yes"}).status_code == 403


def test_an_address_cannot_be_found_letter_by_letter(operator: Client, acme: Rows) -> None:
    channel(acme)
    assert operator.get(addresses.list_of(AlertChannel), {"target__gte": "https"}).status_code == 400


def test_alerts_are_listed_with_whether_they_last(viewer: Client, acme: Rows) -> None:
    lasting = Alert.objects.create(tenant=acme.tenant, cause="run_failed", subject="job 12", message=HOSTILE)
    over = Alert.objects.create(
        tenant=acme.tenant, cause="job_overdue", subject="job 13", message="late", resolved_at=timezone.now()
    )
    content = viewer.get(addresses.list_of(Alert)).content.decode()
    assert HOSTILE not in content
    assert addresses.page_of(lasting) in content
    found = viewer.get(addresses.list_of(Alert), {"q": "job 13"}).content.decode()
    assert addresses.page_of(over) in found
    assert addresses.page_of(lasting) not in found
    listed = viewer.get(addresses.list_of(Alert), {"resolved_at__isempty": "1"}).content.decode()
    assert addresses.page_of(lasting) in listed
    assert addresses.page_of(over) not in listed
