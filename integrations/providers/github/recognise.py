"""Which entity type a recorded answer is, by its shape, and the name that it is kept under."""

import hashlib
from collections.abc import Sequence
from typing import Any

from integrations.providers.github.normalise import (
    LISTING,
    PULL_REQUEST_REST,
    PULL_REQUESTS,
    PULL_REQUESTS_BY_ID,
    REPOSITORIES,
    REPOSITORIES_REST,
    REPOSITORY,
)


def recognise_repositories(content: Any) -> tuple[str, str] | None:
    """Only an answer that has all of an owner's repositories says that there are no others."""
    data = _section(content, "data")
    listed = _section(_section(data, "repositoryOwner"), "repositories")
    if type(listed.get("nodes")) is list:
        if len(listed["nodes"]) != listed.get("totalCount"):
            return REPOSITORIES_REST, _name("repositories", listed["nodes"])
        return REPOSITORIES, f"owner:{str(data['repositoryOwner'].get('login')).casefold()}"
    full_name = _section(data, "repository").get("nameWithOwner")
    if type(full_name) is not str or "pullRequests" in data["repository"]:
        return None
    return REPOSITORY, f"repository:{full_name.casefold()}"


def recognise_pull_requests(content: Any) -> tuple[str, str] | None:
    data = _section(content, "data")
    pulls = _section(_section(data, "repository"), "pullRequests").get("nodes")
    if type(pulls) is list:
        return PULL_REQUESTS, _name("pull_requests", pulls)
    if type(data.get("nodes")) is list:
        return PULL_REQUESTS_BY_ID, _name("items", data["nodes"])
    node = _section(data, "node")
    return (PULL_REQUEST_REST, _name("rest", [node])) if node else None


def recognise_listing(content: Any) -> tuple[str, str] | None:
    pulls = _section(_section(_section(content, "data"), "repository"), "pullRequests").get("nodes")
    if type(pulls) is not list or any(type(pull) is dict and "title" in pull for pull in pulls):
        return None
    return LISTING, _name("listing", pulls)


def _section(holder: Any, name: str) -> dict[str, Any]:
    found = holder.get(name) if type(holder) is dict else None
    return found if type(found) is dict else {}


def _name(kind: str, records: Sequence[Any]) -> str:
    """Names a page by the records on it: the same page comes under the same name again."""
    ids = [str(record.get("id")) if type(record) is dict else "" for record in records]
    return f"{kind}:{hashlib.sha256(','.join(ids).encode(errors='replace')).hexdigest()[:16]}"
