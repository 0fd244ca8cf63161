"""From a raw answer to records: which reader reads which entity type. Everything here is pure."""

from collections.abc import Callable, Mapping, Sequence, Set

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.github.connections import followup_digests
from integrations.providers.github.listing import read_listing
from integrations.providers.github.pull_requests import (
    pull_request_digests,
    pull_request_digests_by_id,
    read_pull_requests,
    read_pull_requests_by_id,
    read_rest,
)
from integrations.providers.github.repositories import read_owner, read_page_of_owner, read_repository
from integrations.records import Batch

REPOSITORIES = "github_repositories"
REPOSITORIES_REST = "github_repositories_rest"
REPOSITORY = "github_repository"
PULL_REQUESTS = "github_pull_requests"
PULL_REQUEST_REST = "github_pull_request_rest"
PULL_REQUESTS_BY_ID = "github_pull_requests_by_id"
WEBHOOKS = "github_webhooks"
LISTING = "github_pull_request_listing"
PLACES = "github_pull_request_places"


def _read_webhook(answer: RawAnswer) -> Batch:
    """A delivery makes no record: its pull request is fetched again, and it may arrive late or twice."""
    return Batch()


def _read_places(answer: RawAnswer) -> Batch:
    """Where a backfill begins makes no record."""
    return Batch()


_PULL_REQUEST_READERS: Mapping[str, Callable[[RawAnswer, Sequence[RawAnswer], Set[str]], Batch]] = {
    PULL_REQUESTS: read_pull_requests,
    PULL_REQUESTS_BY_ID: read_pull_requests_by_id,
}
_READERS: Mapping[str, Callable[[RawAnswer], Batch]] = {
    REPOSITORIES_REST: read_page_of_owner,
    REPOSITORY: read_repository,
    PULL_REQUEST_REST: read_rest,
    WEBHOOKS: _read_webhook,
    LISTING: read_listing,
    PLACES: _read_places,
}
_DIGESTS: Mapping[str, Callable[[RawAnswer], Mapping[str, str]]] = {
    PULL_REQUESTS: pull_request_digests,
    PULL_REQUESTS_BY_ID: pull_request_digests_by_id,
    PULL_REQUEST_REST: followup_digests,
}


def digests(answer: RawAnswer) -> Mapping[str, str]:
    """`Provider.digests` for GitHub."""
    reader = _DIGESTS.get(answer.entity_type)
    return reader(answer) if reader else {}


def normalise(answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
    """`Provider.normalise` for GitHub."""
    if answer.entity_type == REPOSITORIES:
        return read_owner(answer, followups)
    if answer.entity_type in _PULL_REQUEST_READERS:
        return _PULL_REQUEST_READERS[answer.entity_type](answer, followups, skip)
    reader = _READERS.get(answer.entity_type)
    if reader is None:
        known = ", ".join([REPOSITORIES, *_PULL_REQUEST_READERS, *_READERS])
        raise Permanent(f"entity type {answer.entity_type!r} is unknown; known are: {known}")
    return reader(answer)
