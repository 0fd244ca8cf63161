"""The pages of workers: superusers'. Of the page of queues see test_queues."""

import re
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from etl.models import WorkerRow
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named, on_list, on_page


def worker(**more: Any) -> WorkerRow:
    return WorkerRow.objects.create(**{"host": "machine", "pid": 1, "tier": "all", **more})


def asked() -> dict[int, str]:
    return dict(WorkerRow.objects.values_list("pk", "asked"))


def test_the_list_says_how_each_worker_is_and_what_it_has_in_hand(superuser: Client, db: None) -> None:
    holding = [{"stage": "extraction", "ids": [4, 5, 6, 7], "run_id": 12, "step": "jira", "since": "…"}]
    worker(holding=holding, memory_mib=212.4, peak_mib=1300.6, units_done=99, stages=["extraction"])
    silent = worker()
    WorkerRow.objects.filter(pk=silent.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    worker(ended="memory", active=False)

    response = superuser.get(addresses.list_of(WorkerRow))

    content = response.content.decode()
    assert "extraction 4, 5, 6… of run 12" in content
    assert "212 / 1,301" in content
    assert [row.state for row in response.context["cl"].result_list] == ["ended", "silent", "alive"]
    cells = re.findall(r'class="field-how.*?</td>', content, re.DOTALL)
    assert [strip_tags(f"<{cell}").strip() for cell in cells] == ["memory", "silent", "alive"]


def test_workers_that_have_ended_can_be_left_out(superuser: Client, db: None) -> None:
    alive, ended = worker(), worker(ended="died", active=False)
    for value, expected in (("no", [alive]), ("yes", [ended])):
        found = superuser.get(addresses.list_of(WorkerRow), {"is_over": value}).context["cl"].result_list
        assert list(found) == expected


def test_one_or_all_workers_are_told_to_begin_anew(superuser: Client, db: None) -> None:
    first, second, ended = worker(), worker(pid=2), worker(pid=3, ended="died", active=False)

    assert on_page(superuser, "restart", first) == ["machine:1 was told to begin anew."]
    assert asked() == {first.pk: "restart", second.pk: "", ended.pk: ""}

    (said,) = on_list(superuser, "restart", ended)
    assert said.startswith("machine:3 was not told to begin anew: ")

    response = superuser.post(named(WorkerRow, "restart_all"), {"confirmed": "1"}, follow=True)
    assert [str(message) for message in response.context["messages"]] == ["2 workers were told to begin anew."]
    assert asked() == {first.pk: "restart", second.pk: "restart", ended.pk: ""}


def test_nobody_else_sees_or_restarts_workers(administrator: Client, db: None) -> None:
    row = worker()
    assert administrator.get(named(WorkerRow, "queues")).status_code == 403
    assert administrator.post(named(WorkerRow, "queues"), {"restart": row.pk, "confirmed": "1"}).status_code == 403
    assert administrator.post(named(WorkerRow, "restart_all")).status_code == 403
    assert administrator.post(named(WorkerRow, "act", row.pk), {"act": "restart"}).status_code == 403
    assert asked() == {row.pk: ""}


def test_a_restart_is_asked_about_first(superuser: Client, db: None) -> None:
    row = worker()

    for address, form in (
        (named(WorkerRow, "restart_all"), {}),
        (named(WorkerRow, "act", row.pk), {"act": "restart"}),
        (named(WorkerRow, "queues"), {"restart": row.pk}),
    ):
        assert "what it has in hand" in superuser.post(address, form).content.decode()

    assert asked() == {row.pk: ""}


def test_only_a_form_restarts_them(superuser: Client, db: None) -> None:
    row = worker()
    assert superuser.get(named(WorkerRow, "restart_all")).status_code == 405
    assert asked() == {row.pk: ""}
