"""What can be done in which state of a job: each cell of the table, and who wins where several try at once."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from etl.jobs import lifecycle, units
from etl.jobs.advance import advance
from etl.jobs.lifecycle import IllegalTransition
from etl.models import EtlJob, EtlJobEvent, EtlJobRun, ExtractionCheckpoint, Overall
from integrations.models import Integration
from tests.support.making import all_planned, an_integration, job_of, raw_row
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

ACTIONS: Mapping[str, Callable[[int], EtlJobRun | EtlJob]] = {
    "started": lambda job_id: lifecycle.start(job_id, trigger="test"),
    "reprocessed": lambda job_id: lifecycle.reprocess(job_id, trigger="test"),
    "paused": lifecycle.pause,
    "resumed": lifecycle.resume,
    "stopped": lifecycle.stop,
    "retried": lambda job_id: lifecycle.retry(job_id, trigger="test"),
    "reset": lifecycle.reset,
}
REST = {"started": "RUNNING", "reprocessed": "RUNNING", "reset": "READY"}
# In which state a job is after it; what is not named is refused.
AFTER: Mapping[str, Mapping[str, str]] = {
    # Of what was never read there is nothing to reprocess.
    "NOT_STARTED": {**REST, "reprocessed": "FINISHED"},
    "READY": REST,
    "RUNNING": {"paused": "PAUSED", "stopped": "STOPPED", "reset": "READY"},
    "PAUSED": {"resumed": "RUNNING", "stopped": "STOPPED", "reset": "READY"},
    "STOPPED": REST,
    "FINISHED": REST,
    "FAILED": {**REST, "retried": "RUNNING"},
}
CAN = {
    "NOT_STARTED": "started, reprocessed or reset",
    "READY": "started, reprocessed or reset",
    "RUNNING": "paused, stopped or reset",
    "PAUSED": "resumed, stopped or reset",
    "STOPPED": "started, reprocessed or reset",
    "FINISHED": "started, reprocessed or reset",
    "FAILED": "started, reprocessed, retried or reset",
}


def started() -> EtlJob:
    """A job with an answer that can be reprocessed."""
    job = job_of(an_integration())
    raw_row(lifecycle.start(job.pk, trigger="test"), status="completed")
    return job


def ended(state: str) -> EtlJob:
    """A job whose one unit completed or failed."""
    job = started()
    run = all_planned(EtlJobRun.objects.get(job=job))
    lease = units.take(ExtractionCheckpoint, list(ExtractionCheckpoint.objects.values_list("pk", flat=True)))
    assert lease is not None
    if state == "failed":
        units.fail(lease, "refused")
    else:
        with units.ending(lease):
            pass
    advance(run.pk)
    return job


def moved(job: EtlJob, *actions: str) -> EtlJob:
    for action in actions:
        ACTIONS[action](job.pk)
    return job


IN_STATE: Mapping[str, Callable[[], EtlJob]] = {
    "NOT_STARTED": lambda: job_of(an_integration()),
    "READY": lambda: moved(started(), "reset"),
    "RUNNING": started,
    "PAUSED": lambda: moved(started(), "paused"),
    "STOPPED": lambda: moved(started(), "stopped"),
    "FINISHED": lambda: ended("completed"),
    "FAILED": lambda: ended("failed"),
}


def facts(job: EtlJob) -> dict[str, Any]:
    """All that an action may change, but for when it was looked at."""
    return {
        "job": EtlJob.objects.filter(pk=job.pk).values("status", "version", "next_run").get(),
        "runs": list(EtlJobRun.objects.order_by("pk").values("pk", "status", "finished_at")),
        "units": list(ExtractionCheckpoint.objects.order_by("pk").values("pk", "run_id", "status")),
        "events": EtlJobEvent.objects.count(),
    }


@pytest.mark.parametrize(("state", "action"), [(state, action) for state in AFTER for action in AFTER[state]])
def test_an_action_that_a_state_allows_moves_the_job_and_its_run(state: str, action: str) -> None:
    job = IN_STATE[state]()
    assert EtlJob.objects.get(pk=job.pk).overall == state

    ACTIONS[action](job.pk)

    after = AFTER[state][action]
    assert EtlJob.objects.get(pk=job.pk).overall == after
    assert [run.status for run in EtlJobRun.objects.filter(job=job, status__in=("RUNNING", "PAUSED"))] == (
        [after] if after in ("RUNNING", "PAUSED") else []
    )


@pytest.mark.parametrize("state", AFTER)
def test_any_other_action_is_refused_with_the_state_and_what_can_be_done(state: str) -> None:
    job = IN_STATE[state]()
    before = facts(job)

    for action in ACTIONS.keys() - AFTER[state].keys():
        with pytest.raises(IllegalTransition) as refused:
            ACTIONS[action](job.pk)
        assert str(refused.value) == f"job {job.pk} (Jira) is {state}: it cannot be {action}, but {CAN[state]}"
    assert facts(job) == before


def test_what_is_possible_in_a_state_is_told_by_name() -> None:
    assert lifecycle.possible(Overall.FAILED) == ["start", "reprocess", "retry", "reset"]
    assert lifecycle.possible(Overall.PAUSED) == ["resume", "stop", "reset"]


def test_an_inactive_integration_is_neither_started_nor_retried() -> None:
    job = ended("failed")
    Integration.objects.update(active=False)

    for action in ("started", "retried"):
        with pytest.raises(IllegalTransition, match=rf"integration Jira of job {job.pk} is inactive: activate it"):
            ACTIONS[action](job.pk)
    assert EtlJob.objects.get(pk=job.pk).overall == "FAILED"


@pytest.mark.parametrize("state", ["RUNNING", "PAUSED"])
def test_a_job_that_says_that_it_runs_and_has_no_run_is_stuck_until_it_is_reset(state: str) -> None:
    job = job_of(an_integration())
    lifecycle.write_overall(job, Overall(state))

    with pytest.raises(IllegalTransition, match=f"is {state}, but has no open run: reset it"):
        lifecycle.stop(job.pk)
    lifecycle.reset(job.pk)

    assert moved(job, "started").pk == job.pk


@pytest.mark.parametrize("state", [state for state in AFTER if state not in ("RUNNING", "PAUSED")])
def test_a_job_that_says_that_it_does_not_run_although_it_does_is_reset(state: str) -> None:
    job = started()
    lifecycle.write_overall(EtlJob.objects.get(pk=job.pk), Overall(state))

    lifecycle.reset(job.pk)

    assert [run.status for run in EtlJobRun.objects.filter(job=job)] == ["STOPPED"]
    assert set(ExtractionCheckpoint.objects.values_list("status", flat=True)) == {"cancelled"}
    assert EtlJob.objects.get(pk=job.pk).next_run is not None
    moved(job, "started")


def test_a_stopped_run_has_its_figures() -> None:
    job = started()

    run = lifecycle.stop(job.pk)

    run.refresh_from_db()
    assert run.execution_time is not None
    assert run.memory_usage is not None


# Several at once


def attempt(job: EtlJob, action: str) -> Callable[[], str]:
    """The action, in a thread: what came of it."""

    def act() -> str:
        try:
            ACTIONS[action](job.pk)
        except IllegalTransition:
            return "refused"
        return action

    return act


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("NOT_STARTED", "started"),
        ("FINISHED", "reprocessed"),
        ("RUNNING", "paused"),
        ("PAUSED", "resumed"),
        ("RUNNING", "stopped"),
        ("FAILED", "retried"),
    ],
)
def test_of_several_that_do_the_same_at_once_one_wins(state: str, action: str) -> None:
    job = IN_STATE[state]()
    version = EtlJob.objects.get(pk=job.pk).version

    came_to = at_once(*[attempt(job, action)] * 4)

    assert sorted(came_to) == sorted([action, "refused", "refused", "refused"])
    assert EtlJob.objects.get(pk=job.pk).overall == AFTER[state][action]
    assert EtlJob.objects.get(pk=job.pk).version > version
    assert EtlJobRun.objects.filter(status__in=("RUNNING", "PAUSED")).count() == (action != "stopped")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("state", "actions"), [("FAILED", ("retried", "started")), ("RUNNING", ("paused", "stopped"))])
def test_of_two_that_do_not_go_together_one_wins_or_one_comes_after_the_other(
    state: str, actions: tuple[str, str]
) -> None:
    job = IN_STATE[state]()

    came_to = at_once(*[attempt(job, action) for action in actions])

    runs = list(EtlJobRun.objects.order_by("pk").values_list("status", flat=True))
    overall = EtlJob.objects.get(pk=job.pk).overall
    if state == "FAILED":
        assert sorted(came_to) in (["refused", "retried"], ["refused", "started"])
        assert (overall, runs.count("RUNNING")) == ("RUNNING", 1)
    else:
        # What is paused can be stopped, but not the other way round.
        assert came_to[1] == "stopped"
        assert (overall, runs) == ("STOPPED", ["STOPPED"])


@pytest.mark.django_db(transaction=True)
def test_resets_and_starts_at_once_leave_a_job_that_is_what_it_says() -> None:
    job = job_of(an_integration())
    for _ in range(5):
        came_to = at_once(*[attempt(job, action) for action in ("reset", "started", "reset", "started")])

        assert came_to.count("reset") == 2
        open_run = lifecycle.open_run(job.pk)
        assert EtlJob.objects.get(pk=job.pk).overall == ("RUNNING" if open_run else "READY")
