"""The grammar: summaries and paragraphs about one topic, from a random source."""

from dataclasses import dataclass
from random import Random

from integrations.sandbox.vocabulary import CIRCUMSTANCES, CRITERIA, OCCASIONS, ODD_TEXT, STEPS, Topic

ODD_TEXT_SHARE = 0.03
SNIPPETS = (
    'log.warning("retry %s", attempt)\nraise TimeoutError(service)',
    "SELECT status, count(*)\nFROM events GROUP BY 1;",
    "HTTP/1.1 504 Gateway Timeout\nx-request-id: 7f3a",
    "kubectl rollout undo deployment/{component}",
)


@dataclass(slots=True)
class Writer:
    """Writes about one topic. The same random state gives the same text."""

    random: Random
    topic: Topic

    def summary(self, kind: str) -> str:
        """A title as people write it for a `kind` (Bug, Story, Epic, anything else is a chore)."""
        forms = {"Bug": self._failure, "Story": self._wish, "Epic": self._theme}
        text = forms.get(kind, self._chore)()
        return f"{text} {self.random.choice(ODD_TEXT)}" if self.random.random() < ODD_TEXT_SHARE else text

    def _failure(self) -> str:
        text = f"{self.random.choice(self.topic.actors)} {self.random.choice(self.topic.failures)}"
        return f"{text} {self.random.choice(CIRCUMSTANCES)}" if self.random.random() < 0.7 else text

    def _wish(self) -> str:
        actor, wish = self.random.choice(self.topic.actors), self.random.choice(self.topic.wishes)
        return self._qualified(self.random.choice((f"Let {_within(actor)} {wish}", f"{actor} want to {wish}")))

    def _theme(self) -> str:
        wish = self.random.choice(self.topic.wishes)
        return f"{self.topic.name.capitalize()}: {_within(self.random.choice(self.topic.actors))} can {wish}"

    def _chore(self) -> str:
        chore = self.random.choice(self.topic.chores)
        return self._qualified(f"{chore} ({self.topic.component})" if self.random.random() < 0.4 else chore)

    def _qualified(self, text: str) -> str:
        return f"{text} {self.random.choice(OCCASIONS)}" if self.random.random() < 0.75 else text

    def paragraph(self) -> str:
        """Three or four sentences: what happens, why, and what it costs."""
        return " ".join((f"{self._failure()}.", self.random.choice(self.topic.causes), *self._more()))

    # The figures keep two paragraphs about one thing from being the same text.
    def _more(self) -> tuple[str, str]:
        seen = f"Seen {self.random.randint(2, 400)} times in the log of {self.topic.component}."
        return self.random.choice(self.topic.effects), seen

    def sentence(self) -> str:
        return self.random.choice(self.topic.causes + self.topic.effects)

    def steps(self) -> list[str]:
        return self.random.sample(STEPS, self.random.randint(2, 4))

    def criteria(self) -> list[str]:
        return self.random.sample(CRITERIA, self.random.randint(1, 3))

    def snippet(self) -> str:
        return self.random.choice(SNIPPETS).replace("{component}", self.topic.component)


def _within(name: str) -> str:
    """A name inside a sentence; "iPhone users" and "API clients" stay as they are."""
    return name.lower() if name[1:].islower() else name
