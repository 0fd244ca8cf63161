"""Whose turn it is among a tenant's jobs, from nothing but the jobs and the last turn."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from etl.schedule.turns import Candidate, Rhythm, Turn, next_turn

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
RHYTHM = Rhythm(gap=timedelta(minutes=15), cycle=timedelta(minutes=60))


def a_job(order: int, job_id: int, ended: datetime = NOON - timedelta(hours=5)) -> Candidate:
    return Candidate((order, job_id), ended)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_the_next_in_order_begins_a_gap_after_the_end_of_the_one_before() -> None:
    first, second, third = a_job(1, 9), a_job(2, 3), a_job(2, 4)

    assert next_turn([third, first, second], Turn((1, 9), NOON), RHYTHM) == (second, at(15))
    assert next_turn([third, first, second], Turn((2, 3), NOON), RHYTHM) == (third, at(15))


def test_after_the_last_the_first_begins_a_cycle_later() -> None:
    first, second = a_job(1, 1), a_job(2, 2)

    assert next_turn([second, first], Turn((2, 2), NOON), RHYTHM) == (first, at(60))


def test_a_job_alone_begins_again_a_cycle_later() -> None:
    assert next_turn([a_job(1, 1)], Turn((1, 1), NOON), RHYTHM) == (a_job(1, 1), at(60))


def test_while_one_has_its_turn_nobody_else_does() -> None:
    assert next_turn([a_job(1, 1), a_job(2, 2)], Turn((1, 1), None), RHYTHM) is None


def test_where_nobody_can_nobody_has_a_turn() -> None:
    assert next_turn([], Turn((1, 1), NOON), RHYTHM) is None
    assert next_turn([], None, RHYTHM) is None


def test_the_turn_goes_on_behind_a_job_that_cannot_have_one_any_more() -> None:
    assert next_turn([a_job(1, 1), a_job(3, 3)], Turn((2, 2), NOON), RHYTHM) == (a_job(3, 3), at(15))


def test_before_the_first_turn_the_sync_that_ended_last_counts_as_one() -> None:
    first, second = a_job(1, 1, NOON), a_job(2, 2, at(-30))

    assert next_turn([first, second], None, RHYTHM) == (second, at(15))
    assert next_turn([first], None, RHYTHM) == (first, at(60))


def test_a_job_that_somebody_started_meanwhile_keeps_its_place_and_rests_a_gap() -> None:
    first, second, third = a_job(1, 1), a_job(2, 2, at(10)), a_job(3, 3)

    assert next_turn([first, second, third], Turn((1, 1), NOON), RHYTHM) == (second, at(25))


def test_a_rest_is_no_longer_than_a_cycle() -> None:
    short = Rhythm(gap=timedelta(minutes=15), cycle=timedelta(minutes=1))

    assert next_turn([a_job(1, 1, NOON)], Turn((1, 1), NOON), short) == (a_job(1, 1, NOON), at(1))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50)), min_size=1, max_size=8, unique_by=lambda one: one[1]),
    st.integers(0, 120),
    st.integers(0, 120),
)
def test_each_job_has_one_turn_a_cycle_in_order_whatever_the_rhythm(
    places: list[tuple[int, int]], gap: int, cycle: int
) -> None:
    rhythm = Rhythm(timedelta(minutes=gap), timedelta(minutes=cycle))
    ended, last, seen = dict.fromkeys(places, NOON), None, []
    for _ in range(2 * len(places)):
        found = next_turn([Candidate(place, end) for place, end in ended.items()], last, rhythm)
        assert found is not None
        chosen, due = found
        assert last is None or last.ended is None or due >= last.ended
        ended[chosen.place] = due + timedelta(minutes=1)
        last = Turn(chosen.place, ended[chosen.place])
        seen.append(chosen.place)

    begin, in_order = seen[: len(places)], sorted(places)
    assert sorted(begin) == in_order
    assert seen == 2 * begin
    turned = in_order.index(begin[0])
    assert begin == in_order[turned:] + in_order[:turned]
