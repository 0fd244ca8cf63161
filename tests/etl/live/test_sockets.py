"""The sockets of a real web process: what viewers get, and who is refused."""

import json
import secrets
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from websockets.exceptions import ConnectionClosed, InvalidStatus

from etl.jobs import lifecycle
from etl.live.channel import LIVE_CHANNEL
from etl.live.viewing import FORBIDDEN
from etl.models import EtlJob
from etl.sql import execute, fetch
from integrations.sandbox import SandboxServer
from pulse.tenancy.models import Tenant, User
from tests.etl.live.viewers import Web, receive, receive_until
from tests.services.waiting import wait_until
from tests.support.databases import end_session
from tests.support.driving import work_off
from tests.support.making import PROJECTS, checkpoint
from tests.support.sites import connect, small_site

STAGES = ("extraction", "transform", "embedding")
UNUSABLE = make_password(None)


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxServer]:
    with small_site(12) as server:
        yield server


def user_of(tenant: Tenant | None, **more: bool) -> User:
    return User.objects.create(username=f"user-{secrets.token_hex(4)}", tenant=tenant, password=UNUSABLE, **more)


@pytest.fixture
def job(web: Web, site: SandboxServer) -> EtlJob:
    """A job of a tenant of the test's own."""
    return connect(site, tenant=f"Tenant {secrets.token_hex(4)}").job


@pytest.fixture
def viewer(job: EtlJob) -> User:
    return user_of(job.tenant)


def change(job: EtlJob) -> None:
    """A change as the job's own run makes it: a higher version, and the notification with its commit."""
    with transaction.atomic():
        EtlJob.objects.filter(pk=job.pk).update(version=F("version") + 1)
        execute("SELECT pg_notify(%s, %s)", [LIVE_CHANNEL, json.dumps({"job_id": job.pk, "tenant_id": job.tenant_id})])


def listening_sessions() -> list[int]:
    """The process ids of the sessions that listen for this database's viewers."""
    rows = fetch(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'pulse-listen' AND datname = current_database()", []
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize("stage", STAGES)
def test_a_viewer_gets_the_state_on_connect(web: Web, job: EtlJob, viewer: User, stage: str) -> None:
    with web.view(web.path(job, stage), viewer) as socket:
        assert receive(socket) == {
            "type": "job_status_update",
            "tenant_id": job.tenant_id,
            "job_id": job.pk,
            "status": job.status,
            "version": job.version,
            "progress": {},
            "estimated_end": None,
        }


def test_a_viewer_follows_a_run_from_its_start_to_its_end(web: Web, job: EtlJob, viewer: User) -> None:
    with web.view(web.path(job), viewer) as socket:
        assert receive(socket)["status"]["overall"] == "NOT_STARTED"

        run = lifecycle.start(job.pk, trigger="test")
        started = receive(socket)
        work_off(run)
        messages = receive_until(socket, lambda message: message["status"]["overall"] == "FINISHED")

    first = "jira_projects_and_issue_types"
    assert started["status"]["overall"] == "RUNNING"
    assert started["status"]["steps"][first] == {
        "order": 1,
        "display_name": "Projects & Types",
        "extraction": "running",
        "transform": "idle",
        "embedding": "idle",
    }
    assert started["progress"][first]["extraction"]["total"] >= 1
    versions = [message["version"] for message in [started, *messages]]
    assert versions == sorted(versions)
    last = messages[-1]
    assert {step[stage] for step in last["status"]["steps"].values() for stage in STAGES} == {"finished"}
    issues = last["progress"]["jira_issues_with_changelogs"]
    assert all(issues[stage]["done"] == issues[stage]["total"] > 0 for stage in STAGES)
    job.refresh_from_db()
    assert last["status"] == job.status


def test_how_far_a_run_is_is_told_while_its_status_stays_the_same(web: Web, job: EtlJob, viewer: User) -> None:
    with web.view(web.path(job), viewer) as socket:
        receive(socket)
        run = lifecycle.start(job.pk, trigger="test")
        started = receive(socket)

        checkpoint(run, PROJECTS, status="completed")

        told = receive_until(socket, lambda message: message["progress"][PROJECTS]["extraction"]["done"] == 1)[-1]
    assert told["version"] == started["version"]
    assert told["status"] == started["status"]


def test_of_a_burst_of_changes_the_last_arrives_and_most_are_one(web: Web, job: EtlJob, viewer: User) -> None:
    with web.view(web.path(job), viewer) as socket:
        before = receive(socket)["version"]
        for _ in range(200):
            change(job)
        messages = receive_until(socket, lambda message: bool(message["version"] == before + 200))

    assert len(messages) < 100


def test_another_job_of_the_tenant_is_not_heard_of(web: Web, job: EtlJob, viewer: User, site: SandboxServer) -> None:
    other = connect(site, tenant=job.tenant.name, name="Another").job
    with web.view(web.path(job), viewer) as socket, web.view(web.path(other), viewer) as others:
        receive(socket), receive(others)
        change(other)
        assert receive(others)["job_id"] == other.pk
        change(job)
        assert receive(socket)["job_id"] == job.pk


def test_after_the_listeners_session_was_killed_a_viewer_gets_the_next_change(
    web: Web, job: EtlJob, viewer: User
) -> None:
    with web.view(web.path(job), viewer) as socket:
        before = receive(socket)["version"]
        assert wait_until(lambda: bool(listening_sessions()))
        (killed,) = listening_sessions()

        end_session(killed)
        change(job)

        assert receive(socket)["version"] == before + 1
        assert wait_until(lambda: bool(set(listening_sessions()) - {killed}))


@pytest.mark.parametrize("payload", ["no JSON", "[]", "{}", '{"job_id": "x"}', ""])
def test_a_notification_that_names_no_job_does_no_harm(web: Web, job: EtlJob, viewer: User, payload: str) -> None:
    with web.view(web.path(job), viewer) as socket:
        before = receive(socket)["version"]
        execute("SELECT pg_notify(%s, %s)", [LIVE_CHANNEL, payload])
        change(job)
        assert receive(socket)["version"] == before + 1


def test_a_superuser_sees_every_tenants_jobs(web: Web, job: EtlJob) -> None:
    with web.view(web.path(job), user_of(None, is_superuser=True)) as socket:
        assert receive(socket)["job_id"] == job.pk


def refused(web: Web, path: str, user: User | None, *, origin: str | None = None) -> int:
    """The HTTP status that a viewer gets instead of a socket."""
    with pytest.raises(InvalidStatus) as refusal, web.view(path, user, origin=origin):
        pass
    return refusal.value.response.status_code


def test_an_anonymous_viewer_is_refused(web: Web, job: EtlJob) -> None:
    assert refused(web, web.path(job), None) == 403


def test_a_user_of_another_tenant_is_refused(web: Web, job: EtlJob) -> None:
    stranger = user_of(Tenant.objects.create(name=f"Stranger {secrets.token_hex(4)}"))
    assert refused(web, web.path(job), stranger) == 403


def test_a_user_without_a_tenant_is_refused(web: Web, job: EtlJob) -> None:
    assert refused(web, web.path(job), user_of(None, is_staff=True)) == 403


def test_an_inactive_user_is_refused(web: Web, job: EtlJob) -> None:
    assert refused(web, web.path(job), user_of(job.tenant, is_active=False)) == 403


def test_a_user_of_an_inactive_tenant_is_refused_and_a_superuser_is_not(web: Web, job: EtlJob, viewer: User) -> None:
    shut(viewer)
    assert refused(web, web.path(job), viewer) == 403
    with web.view(web.path(job), user_of(job.tenant, is_superuser=True)) as socket:
        assert receive(socket)["job_id"] == job.pk


def shut(user: User) -> None:
    Tenant.objects.filter(users=user).update(active=False)


def switch_off(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def move(user: User) -> None:
    User.objects.filter(pk=user.pk).update(tenant=Tenant.objects.create(name=f"Elsewhere {user.username}"))


def change_password(user: User) -> None:
    User.objects.filter(pk=user.pk).update(password=make_password("another horse"))


def log_out(user: User) -> None:
    """As another tab of the same browser does."""
    for session in Session.objects.all():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


@pytest.mark.parametrize("end", [shut, switch_off, move, change_password, log_out, User.delete])
def test_who_may_see_no_more_is_sent_away_instead_of_told(
    web: Web, job: EtlJob, viewer: User, end: Callable[[User], object]
) -> None:
    with web.view(web.path(job), viewer) as socket, web.view(web.path(job), user_of(None, is_superuser=True)) as stays:
        receive(socket), receive(stays)
        end(viewer)
        change(job)
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket)
        assert receive(stays)["version"] == job.version + 1

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == FORBIDDEN


def test_another_tenants_job_under_ones_own_tenant_is_refused(web: Web, job: EtlJob) -> None:
    stranger = Tenant.objects.create(name=f"Stranger {secrets.token_hex(4)}")
    path = f"/ws/job/extraction/{stranger.pk}/{job.pk}"
    assert refused(web, path, user_of(stranger)) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_foreign_page_is_refused(web: Web, job: EtlJob, viewer: User, origin: str) -> None:
    assert refused(web, web.path(job), viewer, origin=origin) == 403


@pytest.mark.parametrize(
    "path", ["/ws/job/load/1/1", "/ws/job/extraction/1", "/ws/job/extraction/1/" + "9" * 30, "/ws/", "/"]
)
def test_an_unknown_address_is_refused(web: Web, viewer: User, path: str) -> None:
    assert refused(web, path, viewer) == 403


def test_a_viewer_who_leaves_takes_nothing_from_the_others(web: Web, job: EtlJob, viewer: User) -> None:
    with web.view(web.path(job), viewer) as stays:
        receive(stays)
        with web.view(web.path(job), viewer) as leaves:
            receive(leaves)
            leaves.socket.close()
        change(job)
        assert receive(stays)["version"] == job.version + 1


def test_viewers_hold_no_database_session(web: Web, job: EtlJob, viewer: User) -> None:
    with web.view(web.path(job), viewer) as socket, web.view(web.path(job), viewer) as other:
        receive(socket), receive(other)
        # Ours, and the listener's.
        assert wait_until(lambda: sessions() <= 2)


def sessions() -> int:
    """How many sessions this database has."""
    return int(fetch("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()", [])[0][0])
