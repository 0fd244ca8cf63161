"""What people say about a pull request: reviews, threads in the code, and comments below it."""

from integrations.sandbox.github import wording
from integrations.sandbox.github.lives import Life
from integrations.sandbox.github.pulls import (
    APPROVED,
    CHANGES_REQUESTED,
    COMMENTED,
    DISMISSED,
    PENDING,
    Event,
    IssueComment,
    PullRequest,
    Review,
    ReviewComment,
    ReviewThread,
)

MANY_REVIEWS, MANY_COMMENTS, MANY_THREADS, LONG_THREAD = 120, 130, 60, 45
PATHS = ("src/main.py", "src/app/models.py", "README.md", "web/ünïcode.ts")


def discuss(life: Life, pull: PullRequest) -> None:
    _review(life, pull)
    _talk_about_code(life, pull)
    _comment(life, pull)


def _review(life: Life, pull: PullRequest) -> None:
    oddity = life.entry.oddity
    states = list(wording.decision(life.random)) if oddity != "many-reviews" else [COMMENTED] * MANY_REVIEWS
    if oddity == "dismissed-review":
        states = [DISMISSED, APPROVED]
    elif oddity == "pending-review":
        states.append(PENDING)
    elif oddity in ("many-threads", "long-thread") and COMMENTED not in states:
        states.insert(0, COMMENTED)
    if oddity == "bot" or pull.author is None:
        states = [state for state in states if state in (APPROVED, COMMENTED)]
    for place, (state, at) in enumerate(zip(states, life.moments(len(states)), strict=True)):
        pull.reviews.append(_one_review(life, pull, place, state, at))


def _one_review(life: Life, pull: PullRequest, place: int, state: str, at: int) -> Review:
    # Most have no text of their own.
    body = life.writer.sentence() if life.random.random() < 0.2 else ""
    submitted = None if state == PENDING else at
    reviewer = life.other(pull.author)
    commit = pull.last_commit if life.random.random() < 0.9 else None
    review = Review(pull, place, reviewer, body, at, at, state, submitted, commit)
    if state == DISMISSED:
        event = Event(pull, 0, "ReviewDismissedEvent", pull.author, min(at + 60, life.until), review=review)
        event.previous_review_state, event.dismissal_message = APPROVED, "The code changed"
        pull.events.append(event)
    return review


def _talk_about_code(life: Life, pull: PullRequest) -> None:
    for review in pull.reviews:
        if review.state in (COMMENTED, CHANGES_REQUESTED, PENDING):
            for _ in range(_threads(life, pull, review)):
                _thread(life, pull, review)


def _threads(life: Life, pull: PullRequest, review: Review) -> int:
    first = review is pull.reviews[0]
    if life.entry.oddity == "many-reviews":
        return 0
    if life.entry.oddity == "many-threads":
        return MANY_THREADS if first else 0
    return life.random.randint(int(first and life.entry.oddity == "long-thread"), 2)


def _thread(life: Life, pull: PullRequest, review: Review) -> None:
    random = life.random
    place = len(pull.threads)
    resolved = life.other(None) if random.random() < 0.5 else None
    thread = ReviewThread(pull, place, random.choice(PATHS), random.randint(1, 400), random.random() < 0.4, resolved)
    pull.threads.append(thread)
    count = LONG_THREAD if life.entry.oddity == "long-thread" and place == 0 else random.randint(1, 3)
    # Answers belong to the review too, where the first comment is not published yet.
    for at in [review.created_at, *life.moments(count - 1, review.created_at)]:
        author = review.author if at == review.created_at else life.other(None)
        number = sum(len(other.comments) for other in pull.threads)
        first = thread.comments[0] if thread.comments else None
        thread.comments.append(
            ReviewComment(pull, number, author, life.writer.sentence(), at, at, thread, review, first)
        )


def _comment(life: Life, pull: PullRequest) -> None:
    count = MANY_COMMENTS if life.entry.oddity == "many-comments" else life.random.choice((0, 0, 1, 2, 3))
    for place, at in enumerate(life.moments(count)):
        bot = life.random.random() < 0.2
        author = life.accounts["github-actions"] if bot else life.other(None)
        body = "Coverage: 81.3 % (+0.2 %)" if bot else life.writer.paragraph()
        pull.comments.append(IssueComment(pull, place, author, body, at, at))
