from random import Random

from integrations.sandbox.text import Writer
from integrations.sandbox.vocabulary import TOPICS


def summaries(topic: str, kind: str) -> set[str]:
    writer = Writer(Random(1), TOPICS[topic])
    return {writer.summary(kind) for _ in range(300)}


def test_summaries_say_what_people_search_for() -> None:
    assert any("Customers cannot pay with credit card" in summary for summary in summaries("payments", "Bug"))
    assert any("passkey" in summary for summary in summaries("login", "Story"))
    assert any(summary.startswith("Rebuild the search index") for summary in summaries("search", "Task"))


def test_each_topic_has_many_different_summaries() -> None:
    for name in TOPICS:
        assert len(summaries(name, "Bug")) > 80


def test_proper_names_keep_their_capitals_inside_a_sentence() -> None:
    texts = summaries("mobile app", "Story")
    assert any("Let iPhone users" in text for text in texts)
    assert any("Let couriers" in text for text in texts)
