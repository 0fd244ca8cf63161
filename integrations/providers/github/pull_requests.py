"""Pull requests with all that belongs to them: pages of a list, or asked for by id, completed by follow-ups."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from integrations.json_text import hashes
from integrations.json_values import Json, UnfinishedError, UnreadableError, flag, instant, section
from integrations.provider import RawAnswer
from integrations.providers.github.connections import Followed, followed, missing_lists
from integrations.providers.github.mentions import mentioned_keys
from integrations.providers.github.parts import Whole, checked_oid, comments_of, commits_of, reviews_of
from integrations.providers.github.refusals import NOT_FOUND
from integrations.providers.github.repositories import repository_in, repository_record
from integrations.providers.github.shapes import data_of, has_id, wrong
from integrations.providers.github.values import (
    actor,
    count,
    id_of,
    name_of,
    optional_instant,
    optional_section,
    required_text,
    text,
)
from integrations.records import Batch, PullRequestRecord, Quarantined, RepositoryRecord

_TABLE = "prs"
_STATES = ("OPEN", "CLOSED", "MERGED")
_PLACE = "data.repository.pullRequests.nodes"
_LARGEST_INTEGER = 2**31 - 1

Node = tuple[str, Any]


def read_pull_requests(page: RawAnswer, followups: Sequence[RawAnswer], skip: Set[str]) -> Batch:
    """The pull requests of one page, without those whose ids are in ``skip``.

    A repository that went away since it was listed has none here; its listing or its name tells that it is gone.
    """
    repository = repository_in(page)
    if not repository:
        return Batch()
    try:
        record = repository_record(repository, "repository")
    except UnreadableError as error:
        raise wrong(page, repository, f"a repository that can be read: {error.reason}") from error
    batch = _read(_listed(page, repository), record, page, followups, skip)
    batch.quarantined = [*batch.quarantined, *_refused(page, repository)]
    return batch


def _refused(page: RawAnswer, repository: Json) -> Iterator[Quarantined]:
    """The pull requests of which is only said that they may not be seen. They have no name."""
    nodes, errors = repository["pullRequests"]["nodes"], page.content.get("errors")
    places = {f"{_PLACE}[{place}]" for place, node in enumerate(nodes) if node is None}
    for error in errors if type(errors) is list else ():
        path = error.get("path") if type(error) is dict else None
        place = f"{'.'.join(map(str, ['data', *path[:-1]]))}[{path[-1]}]" if type(path) is list and path else ""
        if place in places and error.get("type") != NOT_FOUND:
            yield Quarantined(_TABLE, "", place, f"{place} may not be seen: {error.get('message')}")


def read_pull_requests_by_id(answer: RawAnswer, followups: Sequence[RawAnswer], skip: Set[str]) -> Batch:
    """Those that came; of those that did not, nothing is said."""
    return _read(_asked_for(answer), None, answer, followups, skip)


def read_rest(answer: RawAnswer) -> Batch:
    """A follow-up alone makes no record: it is read together with the answer that it completes."""
    followed([answer])
    return Batch()


def pull_request_digests(page: RawAnswer) -> Mapping[str, str]:
    """A hash of all that a page says of each pull request, by its id; without the repository, which all share."""
    repository = repository_in(page)
    return hashes(_said(_listed(page, repository))) if repository else {}


def pull_request_digests_by_id(answer: RawAnswer) -> Mapping[str, str]:
    return hashes(_said(_asked_for(answer)))


def _listed(page: RawAnswer, repository: Json) -> list[Node]:
    connection = repository.get("pullRequests")
    nodes = connection.get("nodes") if type(connection) is dict else None
    if type(nodes) is not list:
        raise wrong(page, repository, "a repository with a list of pull requests")
    bounds = page.metadata.get("oldest") or "", page.metadata.get("newest") or ""
    found = _present(_PLACE, nodes)
    return [(path, node) for path, node in found if is_wanted(node, *bounds)]


def is_wanted(node: Any, oldest: str, newest: str) -> bool:
    """Whether a pull request of a page belongs to what is read: last updated at ``oldest`` or later, and before
    ``newest``; '' bounds nothing.
    """
    return not is_older(node, oldest) and not (newest and _is_from(node, newest))


def _is_from(node: Any, instant: str) -> bool:
    """Whether a pull request was last updated then or later; of one that does not say so it is not known."""
    updated = node.get("updatedAt") if type(node) is dict else None
    return type(updated) is str and updated >= instant


def is_older(node: Any, oldest: str) -> bool:
    """Whether a pull request was last updated before an instant ('2024-12-31T00:00:00Z', '' for none).

    The last page of what changed since then holds such ones too. They are left alone, with all that the page cut of
    them: what is read must not depend on the size of pages.
    """
    updated = node.get("updatedAt") if type(node) is dict else None
    return type(updated) is str and updated < oldest


def _asked_for(answer: RawAnswer) -> list[Node]:
    """What came; what is no pull request has none of the fields that were asked for."""
    nodes = data_of(answer).get("nodes")
    if type(nodes) is not list:
        raise wrong(answer, data_of(answer), "a list of nodes")
    return [(path, node) for path, node in _present("data.nodes", nodes) if node != {}]


def _present(path: str, nodes: Sequence[Any]) -> list[Node]:
    return [(f"{path}[{place}]", node) for place, node in enumerate(nodes) if node is not None]


def _said(nodes: Sequence[Node]) -> Iterator[tuple[str, object]]:
    for _, node in nodes:
        said = {name: value for name, value in node.items() if name != "repository"} if type(node) is dict else node
        yield name_of(node), said


def _read(
    nodes: Sequence[Node],
    repository: RepositoryRecord | None,
    page: RawAnswer,
    followups: Sequence[RawAnswer],
    skip: Set[str],
) -> Batch:
    """Of one that comes twice, the newer; what cannot be read of one is quarantined, it as a whole or a part of it.

    Nothing is said of those that were put aside, since they did not come whole: they come by themselves.
    """
    aside = {item for answer in (page, *followups) for item in answer.metadata.get("put_aside") or ()}
    newest = dict[str, tuple[PullRequestRecord, list[Quarantined]]]()
    quarantined, told, missing = list[Quarantined](), followed(followups), missing_lists(page)
    for path, node in nodes:
        # Before anything is read: a page that has not changed costs next to nothing.
        if name_of(node) in skip or (has_id(node) and node["id"] in aside):
            continue
        try:
            if has_id(node) and node["id"] in missing:
                raise UnfinishedError(*missing[node["id"]])
            record, refused = _pull_request(node, path, repository, told)
        except UnreadableError as error:
            located = error.under(path)
            quarantined.append(Quarantined(_TABLE, name_of(node), located.path, located.reason))
            continue
        known = newest.get(record.external_id)
        if known is None or known[0].updated <= record.updated:
            newest[record.external_id] = record, refused
    parts = [refused for _, of_one in newest.values() for refused in of_one]
    return Batch(pull_requests=[record for record, _ in newest.values()], quarantined=[*quarantined, *parts])


def _pull_request(
    node: Any, path: str, home: RepositoryRecord | None, told: Followed
) -> tuple[PullRequestRecord, list[Quarantined]]:
    """(the record, what could not be read of its parts). Raises UnreadableError, seen from the pull request."""
    if type(node) is not dict:
        raise UnreadableError("", node, "an object")
    whole = Whole(id_of(node), path, node, told)
    commits, reviews, comments = commits_of(whole), reviews_of(whole), comments_of(whole)
    written = commits.ordered(lambda commit: commit.committed or commit.authored)
    title, head = text(node, "title") or "", text(node, "headRefName") or ""
    author, bot = actor(node, "author")
    record = PullRequestRecord(
        external_id=whole.external_id,
        number=_number(node),
        repository=_repository(node, home),
        title=title,
        state=_state(node),
        created=instant(node, "createdAt"),
        updated=instant(node, "updatedAt"),
        url=text(node, "url") or "",
        body=text(node, "body"),
        draft=flag(node, "isDraft"),
        author=author,
        bot=bot,
        closed=optional_instant(node, "closedAt"),
        merged=optional_instant(node, "mergedAt"),
        merged_by=actor(node, "mergedBy")[0],
        additions=count(node, "additions") or 0,
        deletions=count(node, "deletions") or 0,
        changed_files=count(node, "changedFiles", most=_LARGEST_INTEGER) or 0,
        review_decision=text(node, "reviewDecision"),
        base=text(node, "baseRefName") or "",
        head=head,
        head_repository=text(optional_section(node, "headRepository"), "nameWithOwner", "headRepository"),
        merge_commit=_merge_commit(node),
        labels=_labels(whole),
        commits=written,
        reviews=reviews.ordered(lambda review: review.submitted),
        comments=comments.ordered(lambda comment: comment.created),
        mentioned_keys=mentioned_keys(title, head, (commit.message for commit in written)),
    )
    return record, [*commits.refused, *reviews.refused, *comments.refused]


def _number(node: Json) -> int:
    number = count(node, "number", most=_LARGEST_INTEGER)
    if number:
        return number
    raise UnreadableError("number", node.get("number"), "the number of a pull request")


def _repository(node: Json, home: RepositoryRecord | None) -> RepositoryRecord:
    """What a pull request that was asked for by id says itself, else what its page says."""
    if home is not None and node.get("repository") is None:
        return home
    return repository_record(section(node, "repository"), "repository")


def _state(node: Json) -> str:
    state = required_text(node, "state")
    if state in _STATES:
        return state
    raise UnreadableError("state", state, f"one of {', '.join(_STATES)}")


def _merge_commit(node: Json) -> str | None:
    commit = optional_section(node, "mergeCommit")
    return checked_oid(commit, "oid", "mergeCommit") if commit else None


def _labels(whole: Whole) -> tuple[str, ...]:
    """Their names, in an order that does not depend on which answer told which."""
    names = set[str]()
    for path, label in whole.nodes("labels"):
        if type(label) is not dict:
            raise UnreadableError(path, label, "an object")
        names.add(required_text(label, "name", path))
    return tuple(sorted(names))
