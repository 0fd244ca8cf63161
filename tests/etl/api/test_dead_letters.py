"""`dead-letters`: finding them, and settling one, many, or all of a cause."""

from typing import Any

import pytest

from etl.jobs import lifecycle
from etl.models import DeadLetter, EtlJobRun, ExtractionCheckpoint, Overall
from etl.queue.topology import JOBS_QUEUE, Stage, Tier, queue_for
from integrations.models import Integration
from tests.etl.api.callers import Caller
from tests.support.brokers import RecordingBroker
from tests.support.making import all_failed, an_integration, job_of

QUEUE = queue_for(Stage.EXTRACTION, Tier.FREE)


def a_letter(integration: Integration | None, **more: Any) -> DeadLetter:
    """One that is about no unit."""
    given = {"queue": JOBS_QUEUE, "body": '{"job_id": 1}', "error": "no such job 1", "cause": "no such job", **more}
    return DeadLetter.objects.create(tenant=integration.tenant if integration else None, **given)


def a_failed_unit(integration: Integration) -> tuple[ExtractionCheckpoint, DeadLetter]:
    """A unit that failed, as did its run, and its letter."""
    run = all_failed(lifecycle.start(job_of(integration).pk, trigger="test"))
    unit = ExtractionCheckpoint.objects.filter(run=run).order_by("pk")[0]
    ExtractionCheckpoint.objects.filter(pk=unit.pk).update(error_details={"error": "answered 500"}, tries=3)
    known = {"queue": QUEUE, "stage": "extraction", "unit_id": unit.pk, "run_id": run.pk}
    return unit, a_letter(integration, **known, error="answered 500", cause="answered #")


def states(*letters: DeadLetter) -> list[str]:
    known = dict(DeadLetter.objects.values_list("pk", "state"))
    return [known[letter.pk] for letter in letters]


def test_letters_are_found_by_what_they_are_the_newest_first(caller: Caller, integration: Integration) -> None:
    first = a_letter(integration)
    second = a_letter(integration, queue=QUEUE, stage="extraction", run_id=7, cause="answered #", error="answered 500")
    third = a_letter(integration, state="discarded")

    def found(**query: Any) -> list[int]:
        answer = caller.get("dead-letters", **query)
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["results"]]

    assert found() == [second.pk, first.pk]
    assert found(state="discarded") == [third.pk]
    assert found(queue=QUEUE) == found(stage="extraction") == found(run_id=7) == found(search="SWERED 5") == [second.pk]
    assert found(cause="no such job") == [first.pk]
    assert found(cause="no such job", queue=QUEUE) == []
    assert "body" not in caller.get("dead-letters").json()["results"][0]


def test_a_letter_is_told_with_its_message_and_its_unit(caller: Caller, integration: Integration) -> None:
    unit, letter = a_failed_unit(integration)
    DeadLetter.objects.filter(pk=letter.pk).update(body='{"unit_id": 4}')
    broken = a_letter(integration, body="{")

    told = caller.get(f"dead-letters/{letter.pk}").json()

    assert (told["error"], told["cause"], told["attempt"], told["state"]) == ("answered 500", "answered #", 1, "open")
    assert (told["body"], told["message"]) == ('{"unit_id": 4}', {"unit_id": 4})
    assert (told["stage"], told["unit_id"], told["run_id"]) == ("extraction", unit.pk, unit.run_id)
    assert told["unit"] == {
        "run_id": unit.run_id,
        "step": unit.step,
        "status": "failed",
        "tries": 3,
        "takes": 0,
        "not_before": None,
        "error_details": {"error": "answered 500"},
    }
    other = caller.get(f"dead-letters/{broken.pk}").json()
    assert (other["body"], other["message"], other["unit"]) == ("{", None, None)


def test_a_letter_that_names_another_tenants_unit_shows_none(caller: Caller, integration: Integration) -> None:
    unit, _ = a_failed_unit(an_integration("Rival", tenant="Rival"))
    letter = a_letter(integration, stage="extraction", unit_id=unit.pk)

    assert caller.get(f"dead-letters/{letter.pk}").json()["unit"] is None


def test_letters_that_failed_alike_are_one_group(caller: Caller, integration: Integration) -> None:
    a_letter(integration, cause="answered #", queue=QUEUE)
    newest = [a_letter(integration) for _ in range(2)][1]
    a_letter(integration, state="replayed")
    a_letter(an_integration("Rival", tenant="Rival"))

    groups = caller.get("dead-letters/groups").json()["results"]

    assert [(group["cause"], group["count"]) for group in groups] == [("no such job", 2), ("answered #", 1)]
    assert groups[0]["newest_id"] == newest.pk
    assert groups[0]["oldest_at"] <= groups[0]["newest_at"]
    assert len(caller.get("dead-letters/groups", queue=QUEUE).json()["results"]) == 1
    assert caller.get("dead-letters/groups", limit=1).json()["results"] == groups[:1]


@pytest.mark.parametrize("levels", [1000, 5000])
def test_a_message_is_told_however_deeply_it_is_nested(caller: Caller, integration: Integration, levels: int) -> None:
    body = '{"said": ' + "[" * levels + "]" * levels + "}"
    told = caller.get(f"dead-letters/{a_letter(integration, body=body).pk}").json()
    assert told["body"] == body
    assert isinstance(told["message"]["said"], list)


def test_what_was_sent_back_waits_again(caller: Caller, integration: Integration, recording: RecordingBroker) -> None:
    _, letter = a_failed_unit(integration)
    other = a_letter(integration)
    recording.published.clear()

    answers = [caller.post(f"dead-letters/{one.pk}/replay") for one in (letter, other)]

    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "replayed")] * 2
    assert answers[0].json()["settled_by"] == "otto"
    assert answers[0].json()["settled_at"] is not None
    assert answers[0].json()["unit"]["status"] == "pending"
    assert EtlJobRun.objects.get().status == Overall.RUNNING
    assert [message.body for message in recording.published if message.queue == JOBS_QUEUE] == [b'{"job_id": 1}']


def test_a_letter_that_is_discarded_leaves_its_unit_failed(caller: Caller, integration: Integration) -> None:
    _, letter = a_failed_unit(integration)

    answer = caller.post(f"dead-letters/{letter.pk}/discard")

    assert (answer.status_code, answer.json()["state"]) == (200, "discarded")
    assert answer.json()["unit"]["status"] == "failed"


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_a_letter_is_settled_once(caller: Caller, integration: Integration, action: str) -> None:
    letter = a_letter(integration, state="discarded")

    answer = caller.post(f"dead-letters/{letter.pk}/{action}")

    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")
    assert answer.json()["detail"] == f"dead letter {letter.pk}: it is discarded already"


@pytest.mark.parametrize(("action", "state"), [("replay", "replayed"), ("discard", "discarded")])
def test_of_many_one_that_cannot_be_settled_does_not_hold_up_the_others(
    caller: Caller, integration: Integration, action: str, state: str
) -> None:
    first, second, third = a_letter(integration), a_letter(integration, state="replayed"), a_letter(integration)
    left = a_letter(integration)

    answer = caller.post(f"dead-letters/{action}", {"ids": [third.pk, second.pk, first.pk, third.pk]})

    assert answer.status_code == 200
    refused = [{"id": second.pk, "reason": "it is replayed already"}]
    assert answer.json() == {"settled": [first.pk, third.pk], "refused": refused}
    assert states(first, second, third, left) == [state, "replayed", state, "open"]


@pytest.mark.parametrize(("action", "state"), [("replay", "replayed"), ("discard", "discarded")])
def test_all_of_a_cause_are_settled(caller: Caller, integration: Integration, action: str, state: str) -> None:
    ours = [a_letter(integration) for _ in range(3)]
    others = [
        a_letter(integration, cause="another"),
        a_letter(an_integration("Rival", tenant="Rival")),
        a_letter(None),
    ]
    elsewhere = a_letter(integration, queue=queue_for(Stage.TRANSFORM, Tier.FREE))

    answer = caller.post(f"dead-letters/{action}", {"cause": "no such job", "queue": JOBS_QUEUE})

    assert answer.json() == {"settled": [letter.pk for letter in ours], "refused": []}
    assert states(*ours) == [state] * 3
    assert states(*others, elsewhere) == ["open"] * 4
    assert caller.post(f"dead-letters/{action}", {"cause": "no such job"}).json()["settled"] == [elsewhere.pk]


def test_of_letters_that_are_not_all_there_none_is_settled(caller: Caller, integration: Integration) -> None:
    own, foreign = a_letter(integration), a_letter(an_integration("Rival", tenant="Rival"))

    answer = caller.post("dead-letters/discard", {"ids": [own.pk, foreign.pk]})

    assert (answer.status_code, answer.json()["errors"]) == (404, {"ids": [f"there is no {foreign.pk}"]})
    assert states(own, foreign) == ["open", "open"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "give either ids or a cause"),
        ({"ids": [1], "cause": "x"}, "give either ids or a cause"),
        ({"ids": []}, "ids: []: This list may not be empty"),
        ({"ids": [0]}, "ids.0: 0: Ensure"),
        ({"ids": "1"}, "ids: "),
        ({"ids": list(range(1, 1002))}, "no more than 1000"),
        ({"ids": [1], "queue": JOBS_QUEUE}, "queue: "),
        ({"queue": JOBS_QUEUE}, "give either ids or a cause"),
    ],
)
def test_which_letters_has_to_be_said(caller: Caller, integration: Integration, body: Any, said: str) -> None:
    letter = a_letter(integration)

    answer = caller.post("dead-letters/discard", body)

    assert answer.status_code == 400
    assert said in answer.json()["detail"]
    assert states(letter) == ["open"]


def test_letters_whose_tenant_nobody_knows_are_for_superusers(
    caller: Caller, superuser: Caller, integration: Integration
) -> None:
    own, lost = a_letter(integration), a_letter(None, body="\ufffd")
    whose = {"tenant_id": integration.tenant_id}

    assert [row["id"] for row in caller.get("dead-letters").json()["results"]] == [own.pk]
    assert caller.get(f"dead-letters/{lost.pk}").status_code == 404
    assert caller.post("dead-letters/discard", {"ids": [lost.pk]}).status_code == 404
    found = superuser.get("dead-letters", **whose).json()["results"]
    assert [(row["id"], row["tenant_id"]) for row in found] == [(lost.pk, None), (own.pk, integration.tenant_id)]
    assert superuser.post(f"dead-letters/{lost.pk}/discard", **whose).status_code == 200
    assert states(own, lost) == ["open", "discarded"]
