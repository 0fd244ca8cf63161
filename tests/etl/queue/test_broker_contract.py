"""What both brokers promise. Every test runs on RabbitMQ and in process."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from etl.queue.broker import EXPIRED, Broker, Dead, Delivery, Done, Handler, Outcome, Outgoing, PublishFailed, RetryIn
from etl.queue.topology import FAILED_QUEUE, JOBS_QUEUE, Stage, Tier, UnknownQueue, queue_for
from integrations.errors import Permanent
from tests.etl.queue.recorder import BOUND_SECONDS, SHORT_LIVED, Recorder, consuming, waits_for_counts
from tests.services.waiting import wait_until

WORK = queue_for(Stage.TRANSFORM, Tier.PREMIUM)
OTHER = queue_for(Stage.EMBEDDING, Tier.PREMIUM)


def outgoing(count: int, queue: str = WORK) -> list[Outgoing]:
    return [Outgoing(queue, b"%d" % number) for number in range(count)]


def test_every_message_is_delivered_once(broker: Broker) -> None:
    recorder = Recorder()
    broker.publish(outgoing(300))
    with consuming(broker, WORK, recorder, threads=4, prefetch=20):
        recorder.wait_for(300)
        assert waits_for_counts(broker, WORK, 0, 1)
    assert Counter(recorder.bodies) == Counter(message.body for message in outgoing(300))
    assert waits_for_counts(broker, WORK, 0, 0)


def test_a_delivery_says_where_it_was_and_that_it_is_the_first_attempt(broker: Broker) -> None:
    recorder = Recorder()
    broker.publish([Outgoing(WORK, b"{}", priority=3)])
    with consuming(broker, WORK, recorder):
        delivery = recorder.wait_for(1)[0]
    assert delivery == Delivery(WORK, b"{}", 3, 1, redelivered=False, message_id=delivery.message_id)
    assert delivery.message_id


def test_urgent_messages_overtake(broker: Broker) -> None:
    recorder = Recorder()
    broker.publish([Outgoing(WORK, b"%d" % priority, priority) for priority in (5, 10, 1, 7, 2)])
    with consuming(broker, WORK, recorder):
        recorder.wait_for(5)
    assert recorder.bodies == [b"1", b"2", b"5", b"7", b"10"]


def test_messages_of_one_priority_keep_their_order(broker: Broker) -> None:
    recorder = Recorder()
    broker.publish(outgoing(50))
    with consuming(broker, WORK, recorder):
        recorder.wait_for(50)
    assert recorder.bodies == [message.body for message in outgoing(50)]


def test_publishing_to_a_queue_that_is_not_there_fails_and_names_it(broker: Broker) -> None:
    lost = Outgoing("no.such.queue", b"lost")
    with pytest.raises(PublishFailed, match=r"1 of 3 .*no\.such\.queue") as failure:
        broker.publish([Outgoing(WORK, b"a"), lost, Outgoing(WORK, b"b")])
    assert failure.value.messages == (lost,)
    assert waits_for_counts(broker, WORK, 2, 0)


def test_publishing_nothing_is_no_error(broker: Broker) -> None:
    broker.publish([])


def test_a_queue_that_is_not_there_is_an_error_by_name(broker: Broker) -> None:
    with pytest.raises(UnknownQueue, match=r"no\.such"):
        broker.counts("no.such")
    with pytest.raises(UnknownQueue, match=r"no\.such"):
        broker.purge("no.such")
    with pytest.raises(UnknownQueue, match=r"no\.such"):
        broker.consume(["no.such"], Recorder(), threads=1, prefetch=1)


def test_a_retry_returns_to_its_queue_as_the_next_attempt(broker: Broker) -> None:
    recorder = Recorder(lambda delivery: RetryIn(1, "busy") if delivery.attempt < 4 else Done())
    broker.publish([Outgoing(WORK, b"again", priority=2)])
    with consuming(broker, WORK, recorder):
        deliveries = recorder.wait_for(4)
    assert [(one.attempt, one.queue, one.body, one.priority) for one in deliveries] == [
        (attempt, WORK, b"again", 2) for attempt in (1, 2, 3, 4)
    ]
    assert len({one.message_id for one in deliveries}) == 1


def test_a_waiting_retry_does_not_hold_up_others(broker: Broker) -> None:
    recorder = Recorder(lambda one: RetryIn(1, "") if (one.body, one.attempt) == (b"0", 1) else Done())
    broker.publish(outgoing(3))
    with consuming(broker, WORK, recorder):
        recorder.wait_for(4)
    assert recorder.bodies == [b"0", b"1", b"2", b"0"]


def fail(_delivery: Delivery) -> Outcome:
    raise ValueError("no good")


def test_a_raising_handler_is_tried_again_and_then_leaves_a_dead_letter(broker: Broker) -> None:
    recorder, dead = Recorder(fail), Recorder()
    broker.publish([Outgoing(WORK, b"bad", priority=4)])
    with consuming(broker, WORK, recorder), consuming(broker, FAILED_QUEUE, dead):
        letter = dead.wait_for(1)[0]
    assert [one.attempt for one in recorder.deliveries] == [1, 2, 3]
    assert (letter.origin, letter.error, letter.body) == (WORK, "ValueError: no good", b"bad")
    assert (letter.attempt, letter.priority, letter.queue) == (3, 4, FAILED_QUEUE)


def test_a_permanent_error_is_a_dead_letter_at_once(broker: Broker) -> None:
    def refuse(_delivery: Delivery) -> Outcome:
        raise Permanent("not JSON")

    dead = Recorder()
    broker.publish([Outgoing(WORK, b"x")])
    with consuming(broker, WORK, refuse), consuming(broker, FAILED_QUEUE, dead):
        letter = dead.wait_for(1)[0]
    assert (letter.attempt, letter.error) == (1, "Permanent: not JSON")


def test_dead_goes_to_the_failed_queue_with_origin_and_reason(broker: Broker) -> None:
    dead = Recorder()
    broker.publish([Outgoing(JOBS_QUEUE, b"x")])
    with consuming(broker, JOBS_QUEUE, lambda _: Dead("why")), consuming(broker, FAILED_QUEUE, dead):
        letter = dead.wait_for(1)[0]
    assert (letter.origin, letter.error, letter.body) == (JOBS_QUEUE, "why", b"x")


def test_a_reason_is_cut_and_made_encodable(broker: Broker) -> None:
    reason, dead = "\udc80" + "r" * 200_000, Recorder()
    broker.publish([Outgoing(WORK, b"x")])
    with consuming(broker, WORK, lambda _: Dead(reason)), consuming(broker, FAILED_QUEUE, dead):
        letter = dead.wait_for(1)[0]
    assert letter.error == "?" + "r" * 1999


def test_a_dead_letter_never_dies_again_and_keeps_what_it_says(broker: Broker) -> None:
    outcomes: list[Outcome] = [Dead("drain"), RetryIn(0, "drain"), Done()]
    dead = Recorder(lambda one: outcomes[one.attempt - 1])
    broker.publish([Outgoing(WORK, b"x")])
    with consuming(broker, WORK, lambda _: Dead("why")), consuming(broker, FAILED_QUEUE, dead):
        letters = dead.wait_for(3)
    assert [(one.attempt, one.origin, one.error) for one in letters] == [(n, WORK, "why") for n in (1, 2, 3)]


def test_a_message_that_nobody_takes_in_time_is_an_expired_dead_letter(broker: Broker) -> None:
    dead = Recorder()
    with consuming(broker, FAILED_QUEUE, dead):
        broker.publish([Outgoing(SHORT_LIVED, b"late")])
        letter = dead.wait_for(1)[0]
    assert (letter.origin, letter.error, letter.body) == (SHORT_LIVED, EXPIRED, b"late")


def test_a_retried_message_that_expires_says_which_queue_it_was_in(broker: Broker) -> None:
    dead, tried = Recorder(), Recorder(lambda _: RetryIn(1, "busy"))
    broker.publish([Outgoing(SHORT_LIVED, b"x")])
    with consuming(broker, SHORT_LIVED, tried):
        tried.wait_for(1)
    with consuming(broker, FAILED_QUEUE, dead):
        letter = dead.wait_for(1)[0]
    assert (letter.origin, letter.error, letter.attempt) == (SHORT_LIVED, EXPIRED, len(tried.deliveries) + 1)


def test_only_the_newest_thousand_dead_letters_are_kept(broker: Broker) -> None:
    dead = Recorder()
    broker.publish(outgoing(1003, FAILED_QUEUE))
    with consuming(broker, FAILED_QUEUE, dead, prefetch=100):
        dead.wait_for(1000)
        assert waits_for_counts(broker, FAILED_QUEUE, 0, 1)
    assert (len(dead.bodies), dead.bodies[0], dead.bodies[-1]) == (1000, b"3", b"1002")


def test_stopping_finishes_the_work_in_hand_and_loses_nothing(broker: Broker) -> None:
    begun, finish, after = threading.Event(), threading.Event(), Recorder()

    def work(_delivery: Delivery) -> Outcome:
        begun.set()
        finish.wait(BOUND_SECONDS)
        return Done()

    first = Recorder(work)
    broker.publish(outgoing(10))
    subscription = broker.consume([WORK], first, threads=1, prefetch=5)
    assert begun.wait(BOUND_SECONDS)
    assert not subscription.stop(0.05)
    assert subscription.alive
    with consuming(broker, WORK, after):
        # what was only waiting here is free for others while the first is still worked on
        after.wait_for(9)
        finish.set()
        assert subscription.stop(BOUND_SECONDS)
        assert not subscription.alive
        assert waits_for_counts(broker, WORK, 0, 1)
    assert sorted(first.bodies + after.bodies) == sorted(message.body for message in outgoing(10))


def held_until(go: threading.Event) -> Handler:
    return lambda _: Done() if go.wait(BOUND_SECONDS) else Dead("held up")


def test_what_ends_while_it_is_being_stopped_does_not_come_again(broker: Broker) -> None:
    for _ in range(15):
        go = threading.Event()
        recorder = Recorder(held_until(go))
        broker.publish(outgoing(4))
        with consuming(broker, WORK, recorder, threads=4, prefetch=4):
            recorder.wait_for(4)
            go.set()
    assert waits_for_counts(broker, WORK, 0, 0)


def test_a_handler_may_publish(broker: Broker) -> None:
    def pass_on(delivery: Delivery) -> Outcome:
        broker.publish([Outgoing(OTHER, delivery.body)])
        return Done()

    end = Recorder()
    with consuming(broker, WORK, pass_on, threads=4, prefetch=10), consuming(broker, OTHER, end):
        broker.publish(outgoing(100))
        end.wait_for(100)
    assert sorted(end.bodies) == sorted(message.body for message in outgoing(100))


def test_many_threads_publish_at_once(broker: Broker) -> None:
    with ThreadPoolExecutor(8) as threads:
        publishing = [threads.submit(broker.publish, outgoing(150)) for _ in range(8)]
        for one in publishing:
            one.result(BOUND_SECONDS)
    assert waits_for_counts(broker, WORK, 8 * 150, 0)


def test_all_threads_of_a_subscription_work_at_the_same_time(broker: Broker) -> None:
    together = threading.Barrier(3)

    def meet(_delivery: Delivery) -> Outcome:
        together.wait(BOUND_SECONDS)
        return Done()

    recorder = Recorder(meet)
    with consuming(broker, WORK, recorder, threads=3, prefetch=3):
        broker.publish(outgoing(3))
        assert waits_for_counts(broker, WORK, 0, 1)
        recorder.wait_for(3)
    assert not together.broken


def test_one_subscription_serves_several_queues(broker: Broker) -> None:
    recorder = Recorder()
    broker.publish([*outgoing(5, WORK), *outgoing(5, OTHER)])
    subscription = broker.consume([WORK, OTHER], recorder, threads=2, prefetch=4)
    recorder.wait_for(10)
    assert subscription.stop(BOUND_SECONDS)
    assert Counter(one.queue for one in recorder.deliveries) == {WORK: 5, OTHER: 5}


def test_counts_and_purge(broker: Broker) -> None:
    broker.publish(outgoing(7))
    assert waits_for_counts(broker, WORK, 7, 0)
    assert broker.purge(WORK) == 7
    with consuming(broker, WORK, Recorder()):
        assert waits_for_counts(broker, WORK, 0, 1)


def test_a_closed_broker_consumes_no_more(broker: Broker) -> None:
    subscription = broker.consume([WORK], Recorder(), threads=2, prefetch=2)
    broker.close()
    assert wait_until(lambda: not subscription.alive)
