"""manage.py replay_dead: which letters, what becomes of them, and what is refused."""

from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from etl.letters import dead_letters
from etl.models import DeadLetter, EtlJobRun
from etl.queue.broker import Delivery
from etl.queue.topology import FAILED_QUEUE, JOBS_QUEUE
from tests.support.brokers import RecordingBroker
from tests.support.making import a_run, an_integration, checkpoint

pytestmark = pytest.mark.django_db


def bury(body: dict[str, object], error: str = "job 1 is gone", queue: str = JOBS_QUEUE) -> int:
    dead_letters.keep(Delivery(FAILED_QUEUE, orjson.dumps(body), error=error, origin=queue))
    return DeadLetter.objects.latest("pk").pk


def answer(*arguments: str, code: int = 0) -> dict[str, Any]:
    out = StringIO()
    try:
        call_command("replay_dead", *arguments, "--json", stdout=out)
        ended = 0
    except SystemExit as exit:
        ended = int(exit.code or 0)
    assert ended == code
    found: dict[str, Any] = orjson.loads(out.getvalue().splitlines()[-1])
    return found


def states() -> list[str]:
    return list(DeadLetter.objects.order_by("pk").values_list("state", flat=True))


def test_a_unit_that_failed_waits_again() -> None:
    run = a_run()
    unit = checkpoint(run, status="failed")
    letter = bury({"tenant_id": run.tenant_id, "unit_id": unit.pk}, queue="extraction_queue_free")

    assert answer("--ids", str(letter)) == {"replayed": 1, "refused": {}}

    unit.refresh_from_db()
    assert (unit.status, states()) == ("pending", ["replayed"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--cause", "job # is gone"], ["replayed", "replayed", "open"]),
        (["--queue", "etl.jobs"], ["replayed", "open", "open"]),
        (["--queue", "etl.custom_fields", "--cause", "job # is gone"], ["open", "replayed", "open"]),
        (["--all"], ["replayed"] * 3),
        (["--all", "--discard"], ["discarded"] * 3),
    ],
)
def test_letters_are_chosen_by_queue_and_cause(
    recording: RecordingBroker, options: list[str], expected: list[str]
) -> None:
    bury({"number": 1})
    bury({"number": 2}, "job 2 is gone", "etl.custom_fields")
    bury({"number": 3}, "nonsense", "etl.custom_fields")

    answer(*options)

    assert states() == expected
    assert len(recording.published) == expected.count("replayed")


def test_letters_are_chosen_by_tenant(recording: RecordingBroker) -> None:
    tenants = [an_integration(tenant=name).tenant_id for name in ("Acme", "Globex")]
    for tenant_id in tenants:
        bury({"tenant_id": tenant_id})

    assert answer("--tenant", str(tenants[1]))["replayed"] == 1

    assert states() == ["open", "replayed"]


def test_people_read_a_cause_as_the_option_takes_it() -> None:
    for number in (7, 8):
        bury({"tenant_id": 0, "job_id": number}, error=f"job {number} isn't here: \\ is no name")
    out = StringIO()

    call_command("replay_dead", "--all", "--dry-run", stdout=out)

    assert [line.split(maxsplit=1) for line in out.getvalue().splitlines()[-1:]] == [
        ["2", "job # isn't here: \\ is no name"]
    ]


def test_a_dry_run_shows_the_causes_and_changes_nothing() -> None:
    for number in range(3):
        bury({"number": number})
    bury({}, "nonsense")

    shown = answer("--all", "--dry-run")

    assert shown["letters"] == 4
    assert [(group["cause"], group["count"]) for group in shown["causes"]] == [("job # is gone", 3), ("nonsense", 1)]
    assert set(states()) == {"open"}


def test_one_that_cannot_be_sent_back_is_named_with_the_reason_and_ends_the_command_with_1(
    recording: RecordingBroker,
) -> None:
    run = a_run()
    letter = bury(
        {"tenant_id": run.tenant_id, "unit_id": checkpoint(run, status="failed").pk}, queue="extraction_queue_free"
    )
    EtlJobRun.objects.update(status="STOPPED")
    other = bury({})

    told = answer("--ids", f"{letter}, {other}", code=1)

    assert told == {
        "replayed": 1,
        "refused": {str(letter): f"run {run.pk} was stopped: the next start takes up what is left of it"},
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "say which letters"),
        (["--all", "--queue", "etl.jobs"], "say which letters"),
        (["--ids", "1,two"], "--ids: 'two' is not a whole number"),
        (["--ids", "987654321"], "--ids: 987654321: no such open letter"),
        (["--queue", "nowhere"], "--queue 'nowhere': there is no such queue; known are: etl.jobs, "),
        (["--tenant", "987654321"], "--tenant 987654321: there is no such tenant"),
    ],
)
def test_what_names_no_letter_is_refused_with_the_option_and_the_value(options: list[str], said: str) -> None:
    bury({})

    with pytest.raises(CommandError, match=said):
        call_command("replay_dead", *options)
    assert states() == ["open"]
