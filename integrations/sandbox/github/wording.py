"""What people write in pull requests, with keys of work items in it or what looks like them."""

import re
from dataclasses import dataclass
from random import Random

from integrations.sandbox.text import Writer

LONG_TITLE_CHARACTERS = 1_200
# None of these is a link: no such project, no such work item, or no key at all.
DECOYS = (
    "Read exports as UTF-8",
    "Hash uploads with SHA-256 instead of MD-5",
    "Show the COVID-19 notice",
    "Port the fix of XYZ-12 from the old tracker",
    "Write dates in ISO-8601",
    "Answer with RFC-7807 problems",
    "Mention PAY-999999 in the notes",
)
EMOJI = "🎉 Ship it 👩‍👩‍👧‍👦 to 日本 \u200band \u200fשלום\u200e"
BUMP = "Bump lodash from 4.17.20 to 4.17.21"
CODE = "```python\nretry(times=3)\n```"


@dataclass(frozen=True, slots=True)
class Wording:
    title: str
    branch: str
    body: str
    # Keys that commit messages carry.
    in_commits: tuple[str, ...] = ()


def word(writer: Writer, issues: tuple[str, ...], oddity: str | None) -> Wording:
    """The texts of one pull request about `issues`, which are named in at least one of them."""
    random = writer.random
    summary = writer.summary(random.choice(("Bug", "Story", "Chore")))
    if oddity == "bot":
        return Wording(BUMP, "dependabot/npm_and_yarn/lodash-4.17.21", f"Bumps lodash.\n\n{CODE}")
    if oddity == "decoys":
        return Wording(f"{DECOYS[0]} and {DECOYS[1].lower()}", "covid-19/utf-8", "\n".join(DECOYS))
    if oddity == "lower-case-branch" and issues:
        return Wording(summary, f"feature/{issues[0].lower()}-{slug(summary)}", writer.paragraph())
    if not issues:
        title = random.choice(DECOYS) if random.random() < 0.15 else summary
        return _odd(writer, Wording(title, f"{random.choice(('fix', 'chore'))}/{slug(summary)}", _body(writer)), oddity)
    places = random.sample(("title", "branch", "commit"), random.randint(1, 3))
    return _odd(writer, _about(writer, summary, issues, places), oddity)


def _about(writer: Writer, summary: str, issues: tuple[str, ...], places: list[str]) -> Wording:
    random, key = writer.random, issues[0]
    title, branch = summary, f"fix/{slug(summary)}"
    if "title" in places:
        forms = (f"{key} {summary}", f"[{key}] {summary}", f"fix: {summary} ({key})", f"{key}: {summary}")
        title = random.choice(forms)
    if "branch" in places:
        branch = f"{random.choice(('feature', 'bugfix'))}/{key}-{slug(summary)}"
    # The second one is told in messages only.
    told = issues if "commit" in places else issues[1:]
    return Wording(title, branch, _body(writer), told)


def _odd(writer: Writer, wording: Wording, oddity: str | None) -> Wording:
    title, body = wording.title, wording.body
    if oddity == "long-title":
        while len(title) < LONG_TITLE_CHARACTERS:
            title += f" {writer.sentence()}"
        title = title[:LONG_TITLE_CHARACTERS]
    elif oddity == "emoji":
        title = f"{title} {EMOJI}"
    elif oddity == "crlf":
        body = f"{writer.sentence()}\r\n\r\n- one\r\n- two\r\n"
    return Wording(title, wording.branch, body, wording.in_commits)


def _body(writer: Writer) -> str:
    return writer.paragraph() if writer.random.random() < 0.8 else ""


def slug(text: str) -> str:
    """A text as people shorten it for a branch: without anything that looks like a key."""
    return "-".join(re.findall(r"[a-z]+", text.lower())[:5])


def message(writer: Writer, place: int, keys: tuple[str, ...]) -> str:
    """A commit's: every third has a body with CRLF or a trailer."""
    headline = f"{keys[place % len(keys)]}: {writer.sentence()}" if keys else writer.sentence()
    if place % 3 == 1:
        return f"{headline}\n\n{writer.paragraph()}\r\n"
    return headline


def decision(random: Random) -> tuple[str, ...]:
    """The states of the reviews of a pull request, in order."""
    return random.choice(REVIEWS)


REVIEWS: tuple[tuple[str, ...], ...] = (
    (),
    ("APPROVED",),
    ("APPROVED",),
    ("COMMENTED", "APPROVED"),
    ("CHANGES_REQUESTED", "APPROVED"),
    ("CHANGES_REQUESTED", "COMMENTED", "CHANGES_REQUESTED", "APPROVED"),
    ("APPROVED", "APPROVED"),
    ("COMMENTED",),
    ("CHANGES_REQUESTED",),
)
