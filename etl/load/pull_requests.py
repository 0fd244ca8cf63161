"""Loading pull requests with their commits, reviews and comments.

As old as a pull request is what belongs to it: it is written, and what vanished removed, only together with a pull
request that is not newer already. An id that is seen under two pull requests belongs to both: sites number some kinds
of comments each on their own. The counts are numbers of rows.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from etl.load.copying import Row
from etl.load.merging import Source, insert_new, lock_older, merge_known, merge_parts
from etl.load.quarantine import load_halving, resolve_beginning
from etl.load.tables import PR_COMMENTS, PR_COMMITS, PR_REVIEWS, PRS, Part
from etl.transform.pr_metrics import PR_METRIC_NAMES, pr_metrics, who
from integrations.records import CommentRecord, CommitRecord, PullRequestRecord, Quarantined, ReviewRecord


def load_pull_requests(
    source: Source, records: Sequence[PullRequestRecord], hashes: Mapping[str, str], refused: list[Quarantined]
) -> dict[str, int]:
    """Merges the pull requests; the ids of those that are not newer already, by source id.

    Adds to ``refused`` what PostgreSQL refused; takes out parts of pull requests that are newer already. ``hashes``
    are content hashes, by source id.
    """
    current: dict[str, int] = {}

    def refuse(record: PullRequestRecord, reason: str) -> None:
        name = f"pull request {record.repository.full_name}#{record.number}"
        refused.append(Quarantined(PRS.name, record.external_id, name, reason))

    load_halving(records, lambda part: current.update(_load(source, part, hashes)), refuse)
    _settle_refused_parts(source, current, refused)
    return current


def _settle_refused_parts(source: Source, current: Collection[str], refused: list[Quarantined]) -> None:
    """Refused parts are as old as their pull request too: they count only with one that is not newer already, and
    what was refused of it before is over. Their names begin with its id.
    """
    if current:
        resolve_beginning(source, _PART_TABLES, [f"{external_id}:" for external_id in current])
    refused[:] = [
        one for one in refused if one.table not in _PART_TABLES or one.external_id.partition(":")[0] in current
    ]


def _load(source: Source, records: Sequence[PullRequestRecord], hashes: Mapping[str, str]) -> dict[str, int]:
    said = _newest(records)
    rows_said = [_row(record, hashes.get(record.external_id, "")) for record in said.values()]
    new = insert_new(PRS, source, rows_said)
    known = lock_older(PRS, source, {item: record.updated for item, record in said.items() if item not in new})
    merge_known(PRS, source, known)
    current = known | new
    for part, rows in _PARTS.items():
        belonging = [
            (row_id, *row) for external_id, row_id in current.items() for row in rows(said[external_id]).values()
        ]
        merge_parts(part, source, belonging, [*known.values()])
    return current


def _newest(records: Iterable[PullRequestRecord]) -> dict[str, PullRequestRecord]:
    """By source id; of two of the same time, the last."""
    newest: dict[str, PullRequestRecord] = {}
    for record in records:
        known = newest.get(record.external_id)
        if known is None or known.updated <= record.updated:
            newest[record.external_id] = record
    return newest


def _row(record: PullRequestRecord, content_hash: str) -> Row:
    metrics = pr_metrics(record)
    return (
        record.external_id,
        record.updated,
        record.number,
        record.title,
        record.url,
        record.body,
        record.state,
        record.draft,
        who(record.author),
        record.bot,
        record.created,
        record.updated,
        record.closed,
        record.merged,
        who(record.merged_by),
        record.additions,
        record.deletions,
        record.changed_files,
        len(_commits(record)),
        len(_reviews(record)),
        len(_comments(record)),
        record.review_decision,
        record.base,
        record.head,
        record.head_repository,
        record.merge_commit,
        record.labels,
        record.mentioned_keys,
        content_hash,
        *[getattr(metrics, name) for name in PR_METRIC_NAMES],
        record.repository.external_id,
    )


def _commits(record: PullRequestRecord) -> dict[str, Row]:
    return {commit.sha: _commit_row(commit) for commit in record.commits}


def _commit_row(commit: CommitRecord) -> Row:
    return (
        commit.sha,
        commit.sha,
        commit.message,
        who(commit.author),
        commit.author_email,
        commit.bot,
        commit.authored,
        commit.committed,
        commit.additions,
        commit.deletions,
    )


def _reviews(record: PullRequestRecord) -> dict[str, Row]:
    return {review.external_id: _review_row(review) for review in record.reviews}


def _review_row(review: ReviewRecord) -> Row:
    return (review.external_id, review.state, who(review.author), review.bot, review.submitted, review.body)


def _comments(record: PullRequestRecord) -> dict[str, Row]:
    return {comment.external_id: _comment_row(comment) for comment in record.comments}


def _comment_row(comment: CommentRecord) -> Row:
    return (
        comment.external_id,
        who(comment.author),
        comment.bot,
        comment.created,
        comment.updated,
        comment.body,
        comment.path,
        comment.line,
        comment.review_id,
        comment.resolved,
    )


_PARTS: Mapping[Part, Callable[[PullRequestRecord], Mapping[str, Row]]] = {
    PR_COMMITS: _commits,
    PR_REVIEWS: _reviews,
    PR_COMMENTS: _comments,
}
_PART_TABLES = tuple(part.name for part in _PARTS)
