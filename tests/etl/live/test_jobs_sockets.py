"""The socket of a page of jobs, of a real web process: one for all of them, and for nobody else's."""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from etl.jobs import lifecycle
from etl.live.channel import LIVE_CHANNEL
from etl.live.viewing import FORBIDDEN, SEND_SECONDS
from etl.models import EtlJob
from etl.sql import execute
from pulse.tenancy.models import Tenant, User
from tests.etl.live.viewers import Web, receive, receive_until
from tests.support.making import PROJECTS, an_integration, checkpoint, job_of

UNUSABLE = make_password(None)


@pytest.fixture
def tenant(web: Web) -> Tenant:
    """A tenant of the test's own."""
    return Tenant.objects.create(name=f"Tenant {secrets.token_hex(4)}")


@pytest.fixture
def jobs(tenant: Tenant) -> list[EtlJob]:
    """Three of its jobs."""
    return [job_of(an_integration(f"Jira {number}", tenant=tenant.name)) for number in range(3)]


def user_of(tenant: Tenant | None, **more: bool) -> User:
    return User.objects.create(username=f"user-{secrets.token_hex(4)}", tenant=tenant, password=UNUSABLE, **more)


def path_of(tenant: Tenant, ids: str | None = None) -> str:
    return f"/ws/jobs/{tenant.pk}{'' if ids is None else f'?ids={ids}'}"


def change(*jobs: EtlJob) -> None:
    """Changes as the jobs' own runs make them: a higher version, and the notification with its commit."""
    with transaction.atomic():
        for job in jobs:
            EtlJob.objects.filter(pk=job.pk).update(version=F("version") + 1)
            told = {"job_id": job.pk, "tenant_id": job.tenant_id}
            execute("SELECT pg_notify(%s, %s)", [LIVE_CHANNEL, json.dumps(told)])


def shown(message: dict[str, Any]) -> list[int]:
    return [card["id"] for card in message["jobs"]]


def ask(socket: ClientConnection, said: object) -> dict[str, Any]:
    """What is answered to it."""
    socket.send(json.dumps(said))
    return receive(socket)


def test_the_first_message_has_every_job_of_the_tenant_and_their_counts(
    web: Web, tenant: Tenant, jobs: list[EtlJob]
) -> None:
    an_integration(tenant=f"Stranger {secrets.token_hex(4)}")
    with web.view(path_of(tenant), user_of(tenant)) as socket:
        first = receive(socket)
    assert (first["type"], first["snapshot"], first["gone"]) == ("jobs", True, [])
    assert shown(first) == [job.pk for job in jobs]
    assert first["jobs"][0]["status"] == jobs[0].status
    assert (first["totals"]["all"], first["totals"]["NOT_STARTED"]) == (3, 3)


def test_then_only_what_changed_is_told(web: Web, tenant: Tenant, jobs: list[EtlJob]) -> None:
    with web.view(path_of(tenant), user_of(tenant)) as socket:
        receive(socket)
        change(jobs[1])
        told = receive(socket)
    assert told["snapshot"] is False
    assert shown(told) == [jobs[1].pk]
    assert "totals" not in told


def test_a_run_is_followed_with_its_figures_and_the_counts_by_state(
    web: Web, tenant: Tenant, jobs: list[EtlJob]
) -> None:
    with web.view(path_of(tenant), user_of(tenant)) as socket:
        receive(socket)
        run = lifecycle.start(jobs[0].pk, trigger="test")
        started = receive(socket)
        checkpoint(run, PROJECTS, status="completed")
        told = receive_until(
            socket, lambda message: message["jobs"][0]["progress"][PROJECTS]["extraction"]["done"] == 1
        )[-1]
        lifecycle.pause(jobs[0].pk)
        paused = receive_until(socket, lambda message: message["jobs"][0]["overall"] == "PAUSED")[-1]
    assert (started["totals"]["RUNNING"], started["totals"]["NOT_STARTED"]) == (1, 2)
    assert shown(told) == [jobs[0].pk]
    assert paused["jobs"][0]["actions"] == ["resume", "stop", "reset"]


def test_a_burst_over_many_jobs_comes_in_few_messages(web: Web, tenant: Tenant, jobs: list[EtlJob]) -> None:
    with web.view(path_of(tenant), user_of(tenant)) as socket:
        newest = {card["id"]: card["version"] + 40 for card in receive(socket)["jobs"]}
        began = time.monotonic()
        for _ in range(40):
            change(*jobs)
        messages = []
        while newest:
            messages.append(receive(socket))
            for card in messages[-1]["jobs"]:
                if card["version"] == newest.get(card["id"]):
                    del newest[card["id"]]
        lasted = time.monotonic() - began
    assert len(messages) <= lasted / SEND_SECONDS + 1


def test_a_viewer_says_which_jobs_are_shown(web: Web, tenant: Tenant, jobs: list[EtlJob]) -> None:
    first, second, third = jobs
    with web.view(path_of(tenant, f"{first.pk}"), user_of(tenant)) as socket:
        assert shown(receive(socket)) == [first.pk]
        change(second)
        change(first)
        assert shown(receive(socket)) == [first.pk]
        answer = ask(socket, {"ids": [second.pk, third.pk]})
        assert (answer["snapshot"], shown(answer)) == (True, [second.pk, third.pk])


def test_who_will_say_it_later_gets_none_first(web: Web, tenant: Tenant, jobs: list[EtlJob]) -> None:
    with web.view(path_of(tenant, ""), user_of(tenant)) as socket:
        first = receive(socket)
    assert (shown(first), first["totals"]["all"]) == ([], 3)


def test_a_snapshot_says_which_of_the_wanted_jobs_are_not_there(web: Web, tenant: Tenant, jobs: list[EtlJob]) -> None:
    """Who was away when one was erased learns of it when they come back."""
    erased = jobs[1].pk
    jobs[1].delete()
    with web.view(path_of(tenant, ""), user_of(tenant)) as socket:
        receive(socket)
        answer = ask(socket, {"ids": [jobs[0].pk, erased, jobs[2].pk]})
    assert (shown(answer), answer["gone"]) == ([jobs[0].pk, jobs[2].pk], [erased])


def test_ids_of_another_tenants_jobs_are_of_nothing(web: Web, tenant: Tenant, jobs: list[EtlJob]) -> None:
    other = job_of(an_integration(tenant=f"Stranger {secrets.token_hex(4)}"))
    with web.view(path_of(tenant, f"{other.pk}"), user_of(tenant)) as socket:
        assert shown(receive(socket)) == []
        assert shown(ask(socket, {"ids": [other.pk, jobs[0].pk]})) == [jobs[0].pk]
        change(other)
        change(jobs[0])
        assert shown(receive(socket)) == [jobs[0].pk]


@pytest.mark.parametrize(
    "said", [None, [], "x", {}, {"ids": "1"}, {"ids": [0]}, {"ids": [True]}, {"ids": [1.5]}, {"ids": [1] * 501}]
)
def test_what_names_no_jobs_is_told_and_changes_nothing(
    web: Web, tenant: Tenant, jobs: list[EtlJob], said: object
) -> None:
    with web.view(path_of(tenant), user_of(tenant)) as socket:
        receive(socket)
        answer = ask(socket, said)
        assert answer["type"] == "error"
        assert "ids is a list" in answer["detail"]
        change(jobs[2])
        assert shown(receive(socket)) == [jobs[2].pk]


@pytest.mark.parametrize("sent", ["{", "[" * 100_000, b"\x00"])
def test_what_is_no_json_is_told_and_closes_nothing(
    web: Web, tenant: Tenant, jobs: list[EtlJob], sent: str | bytes
) -> None:
    with web.view(path_of(tenant), user_of(tenant)) as socket:
        receive(socket)
        socket.send(sent)
        assert receive(socket)["type"] == "error"
        change(jobs[0])
        assert shown(receive(socket)) == [jobs[0].pk]


def test_a_superuser_sees_every_tenants_jobs_or_those_of_one(web: Web, tenant: Tenant, jobs: list[EtlJob]) -> None:
    other = job_of(an_integration(tenant=f"Stranger {secrets.token_hex(4)}"))
    root = user_of(None, is_superuser=True)
    with web.view(f"/ws/jobs?ids={jobs[0].pk},{other.pk}", root) as every, web.view(path_of(tenant), root) as one:
        assert sorted(shown(receive(every))) == sorted([jobs[0].pk, other.pk])
        assert shown(receive(one)) == [job.pk for job in jobs]
        change(other)
        assert shown(receive(every)) == [other.pk]
        change(jobs[0])
        assert shown(receive(one)) == [jobs[0].pk]


def refused(web: Web, path: str, user: User | None, *, origin: str | None = None) -> int:
    """The HTTP status that a viewer gets instead of a socket."""
    with pytest.raises(InvalidStatus) as refusal, web.view(path, user, origin=origin):
        pass
    return refusal.value.response.status_code


def test_strangers_are_refused(web: Web, tenant: Tenant, jobs: list[EtlJob]) -> None:
    stranger = user_of(Tenant.objects.create(name=f"Stranger {secrets.token_hex(4)}"))
    own = user_of(tenant)
    gone = user_of(tenant, is_active=False)
    assert [refused(web, path_of(tenant), one) for one in (None, stranger, gone, user_of(None))] == [403] * 4
    assert [refused(web, "/ws/jobs", one) for one in (None, stranger, own)] == [403] * 3
    assert refused(web, path_of(tenant), own, origin="http://evil.example") == 403


@pytest.mark.parametrize(
    "path", ["/ws/jobs/999999999", "/ws/jobs/x", "/ws/jobs/1/2", "/ws/jobs?ids=x", "/ws/jobs?ids=-1"]
)
def test_an_address_of_nothing_is_refused_even_to_a_superuser(web: Web, path: str) -> None:
    assert refused(web, path, user_of(None, is_superuser=True)) == 403


def shut(user: User) -> None:
    Tenant.objects.filter(users=user).update(active=False)


def switch_off(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def move(user: User) -> None:
    User.objects.filter(pk=user.pk).update(tenant=Tenant.objects.create(name=f"Elsewhere {user.username}"))


@pytest.mark.parametrize("end", [shut, switch_off, move, User.delete])
def test_who_may_see_no_more_is_sent_away_instead_of_told(
    web: Web, tenant: Tenant, jobs: list[EtlJob], end: Callable[[User], object]
) -> None:
    viewer = user_of(tenant)
    with web.view(path_of(tenant), viewer) as socket:
        receive(socket)
        end(viewer)
        change(jobs[0])
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == FORBIDDEN
