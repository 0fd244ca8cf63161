import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from etl.load.merging import Source
from etl.models import Pr, PrComment, PrCommit, PrReview, QdrantVector, QuarantinedRecord
from etl.transform.stage import unchanged
from integrations.records import NOBODY, Batch, Person, PullRequestRecord, Quarantined, RepositoryRecord
from tests.support.loading import Loading, offline_integration
from tests.support.records import WEB, at, comment, commit, pull_request, pulls, review
from tests.support.tables import derived_rows, versions

pytestmark = pytest.mark.django_db


def full(external_id: str = "1", *, version: float = 9, **fields: Any) -> PullRequestRecord:
    """A pull request with two of each that belongs to it. The ids of these are its own."""
    own = 10 * int(external_id)
    known: dict[str, Any] = {
        "commits": (commit(own, -2), commit(own + 1, 3)),
        "reviews": (review(own, 2), review(own + 1, 4)),
        "comments": (comment(own, 1), comment(own + 1, 5)),
        **fields,
    }
    return pull_request(external_id, version=version, **known)


def parts(loading: Loading, external_id: str = "1") -> tuple[set[str], set[str], set[str]]:
    """The ids of the commits (their last two digits), reviews and comments of a pull request."""
    of = {"integration": loading.integration, "pr__external_id": external_id}
    commits = PrCommit.objects.filter(**of).values_list("external_id", flat=True)
    others = (set(kind.objects.filter(**of).values_list("external_id", flat=True)) for kind in (PrReview, PrComment))
    reviews, comments = others
    return {str(int(sha, 16)) for sha in commits}, reviews, comments


def test_a_pull_request_has_all_that_is_said_of_it(loading: Loading) -> None:
    record = full(
        title="Pay by card", url="https://code.test/acme/web/pull/1", body="PAY-7 and more", state="MERGED", draft=True,
        bot=True, closed=at(8), merged=at(8), merged_by=Person("bob"), additions=90, deletions=10, changed_files=3,
        review_decision="APPROVED", base="main", head="PAY-7-cards", head_repository="ann/web", merge_commit="c" * 40,
        labels=("money", "ui"), mentioned_keys=("PAY-7",),
    )  # fmt: skip

    loaded = loading.load(pulls(record), hashes={"1": "a hash"})

    row = Pr.objects.get()
    same = ("external_id", "number", "title", "url", "body", "state", "draft", "bot", "created", "updated", "closed",
            "merged", "additions", "deletions", "changed_files", "review_decision", "base", "head", "head_repository",
            "merge_commit")  # fmt: skip
    assert {name: getattr(row, name) for name in same} == {name: getattr(record, name) for name in same}
    assert (row.author, row.merged_by, row.labels, row.mentioned_keys) == ("ann", "bob", ["money", "ui"], ["PAY-7"])
    assert (row.commits, row.reviews, row.comments, row.content_hash) == (2, 2, 2, "a hash")
    assert (row.first_commit_at, row.first_review_at, row.time_to_first_review_seconds) == (at(-2), at(2), 7200)
    assert (row.review_rounds, row.cycle_time_seconds, row.size_class) == (2, 36000, "L")
    assert (row.repository.full_name, row.source_updated_at) == ("acme/web", at(9))
    assert (loaded.records, loaded.quarantined, loaded.vectors) == (1, 0, 2)


def test_what_belongs_to_a_pull_request_has_all_that_is_said_of_it(loading: Loading) -> None:
    loading.load(
        pulls(
            pull_request(
                commits=(commit(1, 1, committed=2, author=Person(None, "Ann Other"), author_email="ann@example.test",
                                bot=True, additions=3, deletions=4),),
                reviews=(review(5, 2, None, state="CHANGES_REQUESTED", body="No", bot=True), review(6, None)),
                comments=(comment(7, 1, updated=at(2), path="a.py", line=12, review_id="5", resolved=True, bot=True),),
            )
        )
    )  # fmt: skip

    made, seen, said = PrCommit.objects.get(), PrReview.objects.get(external_id="5"), PrComment.objects.get()
    assert (made.sha, made.message, made.author, made.author_email) == (
        f"{1:040x}", "Commit 1", "Ann Other", "ann@example.test",
    )  # fmt: skip
    assert (made.created, made.committed, made.additions, made.deletions, made.bot) == (at(1), at(2), 3, 4, True)
    assert (seen.state, seen.author, seen.bot, seen.created, seen.body) == (
        "CHANGES_REQUESTED", None, True, at(2), "No",
    )  # fmt: skip
    assert PrReview.objects.get(external_id="6").created is None
    assert (said.author, said.created, said.updated, said.body, said.bot) == ("bob", at(1), at(2), "Comment 7", True)
    assert (said.path, said.line, said.review_external_id, said.resolved) == ("a.py", 12, "5", True)


def test_long_and_awkward_texts_and_missing_people_come_back_as_they_were(loading: Loading) -> None:
    title = "Pay \N{ROCKET} \\N \t'\" " * 100
    record = pull_request(title=title, author=NOBODY, head_repository=None, commits=(commit(1, 1, message=title),))

    loading.load(pulls(record))

    row = Pr.objects.get()
    assert (row.title, row.author, row.head_repository) == (title, None, None)
    assert PrCommit.objects.get().message == title


def test_130_commits_are_130_rows(loading: Loading) -> None:
    loading.load(pulls(pull_request(commits=tuple(commit(number, number) for number in range(130)))))

    assert (Pr.objects.get().commits, PrCommit.objects.count()) == (130, 130)


def test_ids_beyond_32_bits_are_kept(loading: Loading) -> None:
    big = str(2**40)

    loading.load(pulls(replace(full(), external_id=big, additions=2**40, comments=(comment(2**40),))))

    assert (Pr.objects.get().external_id, Pr.objects.get().additions, PrComment.objects.get().external_id) == (
        big, 2**40, big,
    )  # fmt: skip


def test_a_newer_answer_changes_adds_and_removes_what_belongs_to_it(loading: Loading) -> None:
    loading.load(pulls(full("1"), full("2")))
    kept = PrReview.objects.get(external_id="11").pk

    loading.load(pulls(full("1", version=10, commits=(commit(11, 3), commit(12, 9)), comments=(),
                            reviews=(review(11, 4, state="DISMISSED"),))))  # fmt: skip

    row = Pr.objects.get(external_id="1")
    assert parts(loading) == ({"11", "12"}, {"11"}, set())
    assert (row.commits, row.reviews, row.comments) == (2, 1, 0)
    assert (PrReview.objects.get(external_id="11").state, PrReview.objects.get(external_id="11").pk) == (
        "DISMISSED", kept,
    )  # fmt: skip
    assert parts(loading, "2") == ({"20", "21"}, {"20", "21"}, {"20", "21"})


def test_an_older_answer_overwrites_neither_a_pull_request_nor_what_belongs_to_it(loading: Loading) -> None:
    loading.load(pulls(full(title="Newer")))
    before = versions(loading.integration.pk)

    loading.load(pulls(full(version=8, title="Older", commits=(), reviews=(review(19, 1),), comments=())))

    assert versions(loading.integration.pk) == before
    assert Pr.objects.get().title == "Newer"


def test_of_two_answers_about_the_same_moment_the_one_stored_later_wins_in_either_order(loading: Loading) -> None:
    first, second = loading.source(), loading.source()

    loading.load(pulls(full(title="Later", comments=(comment(1),))), second)
    loading.load(pulls(full(title="Earlier")), first)

    assert Pr.objects.get().title == "Later"
    assert parts(loading)[2] == {"1"}


@pytest.mark.parametrize("turn", [1, -1])
def test_an_answer_with_two_versions_of_a_pull_request_loads_the_newer_with_what_belongs_to_it(
    loading: Loading, turn: int
) -> None:
    both = [full(version=1, title="Older"), full(version=2, title="Newer", comments=(comment(1),))]

    loading.load(pulls(*both[::turn]))

    assert Pr.objects.get().title == "Newer"
    assert parts(loading)[2] == {"1"}


def test_loading_the_same_again_writes_no_row_and_queues_no_vector(loading: Loading) -> None:
    batch = pulls(full("1"), full("2", labels=("a", "b"), mentioned_keys=("PAY-1", "PAY-2")), pull_request("3"))
    loading.load(batch)
    before = versions(loading.integration.pk)

    again = loading.load(batch)

    assert versions(loading.integration.pk) == before
    assert (again.records, again.vectors, again.quarantined) == (3, 0, 0)


def test_only_a_changed_text_is_embedded_again(loading: Loading) -> None:
    loading.load(pulls(full("1"), full("2")))
    QdrantVector.objects.update(status="completed")

    loading.load(pulls(full("1", version=10, state="CLOSED"), full("2", version=10, body="Other")))

    assert list(QdrantVector.objects.filter(status="pending").values_list("table_name", "external_id")) == [
        ("prs", "2")
    ]


def test_an_id_that_is_seen_under_several_pull_requests_belongs_to_each(loading: Loading) -> None:
    shared: dict[str, Any] = {"comments": (comment(7),), "reviews": (review(7, 1),), "commits": (commit(7, 1),)}

    loading.load(pulls(full("1", **shared)))
    loading.load(pulls(full("2", **shared), full("3", **shared)))
    loading.load(pulls(full("1", version=10, comments=(), reviews=(), commits=())))

    assert parts(loading, "1") == (set(), set(), set())
    assert [parts(loading, number) for number in "23"] == [({"7"}, {"7"}, {"7"})] * 2


def test_what_is_said_twice_of_one_pull_request_is_one_row_and_counted_once(loading: Loading) -> None:
    loading.load(
        pulls(full(comments=(comment(7, body="Before"), comment(7, body="After")), commits=(commit(1, 1),) * 3))
    )

    row = Pr.objects.get()
    assert (row.comments, row.commits) == (1, 1)
    assert PrComment.objects.get().body == "After"


def test_the_same_ids_in_another_integration_are_other_rows(loading: Loading) -> None:
    other = Loading.of(offline_integration(name="Other"))
    loading.load(pulls(full(title="Ours")))

    other.load(pulls(full(title="Theirs", version=99, comments=())))

    assert sorted(Pr.objects.values_list("title", flat=True)) == ["Ours", "Theirs"]
    assert len(parts(loading)[2]) == 2


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a value that is too long": ({"state": "x" * 99}, "state"),
    "a character that no text can have": ({"title": "a\x00b"}, "0x00"),
    "a number that is too great": ({"changed_files": 2**40}, "changed_files"),
    "a bad commit": ({"commits": (commit(1, 1), commit(2, 2, author_email="e" * 999))}, "author_email"),
    "a bad review": ({"reviews": (review(1, 1, state="s" * 99),)}, "state"),
    "a bad comment": ({"comments": (comment(1, line=2**40),)}, "line"),
}


@pytest.mark.parametrize(("fields", "column"), REFUSED.values(), ids=REFUSED)
def test_what_postgresql_refuses_costs_that_pull_request_alone_until_it_is_right(
    loading: Loading, fields: dict[str, Any], column: str
) -> None:
    records = [full(str(number)) for number in range(1, 6)]

    loaded = loading.load(pulls(*(replace(one, **fields) if one.number == 3 else one for one in records)))
    entry = QuarantinedRecord.objects.get()
    others = set(Pr.objects.values_list("external_id", flat=True))
    loading.load(pulls(*records))

    assert (loaded.records, loaded.quarantined) == (4, 1)
    assert (entry.table_name, entry.external_id, entry.path) == ("prs", "3", "pull request acme/web#3")
    assert column in entry.reason
    assert others == {"1", "2", "4", "5"}
    assert PrComment.objects.count() == 10
    assert not QuarantinedRecord.objects.filter(resolved_at=None).exists()


def test_an_older_answer_that_is_refused_opens_no_entry_beside_a_newer_one_that_was_loaded(loading: Loading) -> None:
    older = loading.source()
    loading.load(pulls(full(version=2)))

    loading.load(pulls(full(version=1, state="x" * 99)), older)

    assert not QuarantinedRecord.objects.exists()


def open_entries() -> set[str]:
    return set(QuarantinedRecord.objects.filter(resolved_at=None).values_list("external_id", flat=True))


def test_a_part_that_is_set_aside_is_so_until_its_pull_request_comes_without_it(loading: Loading) -> None:
    bad = [
        Quarantined(f"prs_{kind}s", f"1:{name}", "at", "why") for kind, name in [("commit", "abc"), ("comment", "r5")]
    ]
    other = Quarantined("prs_reviews", "11:6", "at", "why")

    loaded = loading.load(Batch(pull_requests=[full("1"), full("11")], quarantined=[*bad, other]))
    assert (loaded.records, loaded.quarantined) == (2, 3)
    assert open_entries() == {"1:abc", "1:r5", "11:6"}

    loading.load(Batch(pull_requests=[full("1", version=10)], quarantined=bad[:1]))
    assert open_entries() == {"1:abc", "11:6"}

    loading.load(pulls(full("1", version=11)))
    assert open_entries() == {"11:6"}


def test_a_part_that_is_set_aside_of_an_older_answer_opens_no_entry_beside_the_newer_one(loading: Loading) -> None:
    older, bad = loading.source(), [Quarantined("prs_reviews", "1:6", "at", "why")]
    loading.load(pulls(full(version=2)))

    loading.load(Batch(pull_requests=[full(version=2)], quarantined=bad), older)
    # Stored later, and yet older: of a replica that lags behind.
    late = loading.load(Batch(pull_requests=[full(version=1)], quarantined=bad))

    assert (late.records, late.quarantined) == (1, 0)
    assert not QuarantinedRecord.objects.exists()


def test_a_page_takes_as_many_queries_for_fifty_pull_requests_as_for_one(loading: Loading) -> None:
    def queries(*numbers: int, version: float) -> int:
        with CaptureQueriesContext(connection) as captured:
            loading.load(pulls(*(full(str(number), version=version) for number in numbers)), source)
        return len(captured)

    loading.load(Batch(repositories=[WEB]))
    source = loading.source()
    queries(1, version=1)

    assert queries(2, version=1) == queries(*range(3, 53), version=1)
    assert queries(2, version=2) == queries(*range(3, 53), version=2)


def test_pull_requests_whose_hashes_are_known_are_unchanged(loading: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(loading.integration.provider_code), "items_table", "prs")
    loading.load(pulls(full("1"), full("2")), hashes={"1": "one", "2": "two"})

    assert unchanged(loading.integration, {"1": "one", "2": "other", "3": "three"}) == {"1"}


def hashes(batch: Batch) -> dict[str, str]:
    """The hashes of a page, as a provider makes them: of all that is said of each."""
    return {record.external_id: str(record.updated) for record in batch.pull_requests}


def pages(seed: int) -> list[Batch]:
    """Many versions of ten pull requests on pages in no order; what belongs to each comes and goes."""
    chance = random.Random(seed)
    records = [
        full(
            str(number),
            version=version,
            title=f"{number} at {version}",
            repository=RepositoryRecord(str(number % 3), f"acme/r{number % 3}", description=f"At {version}"),
            commits=tuple(commit(which, which) for which in chance.sample(range(6), 3)),
            reviews=tuple(review(which, which) for which in chance.sample(range(6), 2)),
            comments=tuple(comment(which, body=f"{version}") for which in chance.sample(range(6), 3)),
        )
        for number in range(1, 11)
        for version in range(4)
    ]
    chance.shuffle(records)
    return [pulls(*records[start : start + 8]) for start in range(0, len(records), 8)]


Work = Sequence[tuple[Source, Batch]]


def load_all(loading: Loading, work: Work) -> Callable[[], None]:
    def run() -> None:
        for source, batch in work:
            loading.load(batch, source, hashes=hashes(batch))

    return run


@pytest.mark.parametrize("seed", range(3))
def test_pages_in_any_order_leave_the_same_rows(seed: int) -> None:
    rows = []
    for number in range(3):
        loading = Loading.of(offline_integration(name=f"Code {number}"))
        work = [(loading.source(), batch) for batch in pages(seed)]
        random.Random(number).shuffle(work)
        load_all(loading, work)()
        rows.append(derived_rows(loading.integration.pk))

    assert rows[1:] == [rows[0]] * 2
    assert len(rows[0]["prs"]) == 10
    assert len(rows[0]["prs_comments"]) == 30
