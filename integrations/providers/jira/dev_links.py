"""Single pull requests, branches and commits, as the development information of an issue lists them."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from integrations.json_values import Json, UnreadableError
from integrations.providers.jira.values import (
    identity,
    optional_identity,
    optional_moment,
    optional_section,
    text,
)
from integrations.records import DevLink, LinkKind

# What stands behind a repository's path in the address of something in it: GitHub, Bitbucket, GitLab.
_PARTS = frozenset(
    ("pull", "pulls", "pull-requests", "merge_requests", "tree", "branch", "commit", "commits", "src", "compare")
)
_NUMBER = re.compile(r"[#!]?([0-9]{1,10})")
_NUMBER_IN_URL = re.compile(r"/(?:pulls?|pull-requests|merge_requests)/([0-9]{1,10})(?:[/?#]|$)")
_LARGEST_NUMBER = 2**31 - 1


def pull_request(entry: Json, repository: str = "") -> DevLink:
    """An entry of ``pullRequests``. Raises UnreadableError where it has neither an address nor an id."""
    url = text(entry, "url") or ""
    name = _repository(entry, "repositoryName", "repositoryUrl", url) or repository
    pr_id = optional_identity(entry, "id") or ""
    number = _number(pr_id, url)
    if not url and not pr_id:
        raise UnreadableError("id", entry.get("id"), "an id, and there is no url")
    return DevLink(
        LinkKind.PULL_REQUEST,
        external_id=_id_of_pull_request(url, name, pr_id),
        repository=name,
        url=url,
        title=text(entry, "name") or "",
        state=text(entry, "status") or "",
        author=_author(entry),
        pr_number=number,
        at=optional_moment(entry, "lastUpdate"),
    )


def branch(entry: Json, repository: str = "") -> DevLink:
    """An entry of ``branches``; ``repository`` is the one that it was found in."""
    name, url = identity(entry, "name"), text(entry, "url") or ""
    within = optional_section(entry, "repository")
    found = _repository(within, "name", "url", url) or repository
    last = optional_section(entry, "lastCommit")
    return DevLink(
        LinkKind.BRANCH,
        external_id=f"{found}@{name}",
        repository=found,
        url=url,
        title=name,
        author=_author(last, "lastCommit"),
        at=optional_moment(last, "authorTimestamp", "lastCommit"),
    )


def commit(entry: Json, repository: str = "") -> DevLink:
    """An entry of ``commits`` of the repository."""
    sha, url = identity(entry, "id"), text(entry, "url") or ""
    found = repository or repository_of(url)
    message = text(entry, "message") or ""
    return DevLink(
        LinkKind.COMMIT,
        # Forks and mirrors hold the same commit.
        external_id=f"{found}@{sha}",
        repository=found,
        url=url,
        title=message.partition("\n")[0].strip(),
        author=_author(entry),
        at=optional_moment(entry, "authorTimestamp"),
    )


def repository_name(entry: Json) -> str:
    """The name of an entry of ``repositories``."""
    return _repository(entry, "name", "url", "")


def repository_of(url: str) -> str:
    """'org/repo' of the address of a repository, or of something in it; '' where it cannot be told.

    Knows GitHub's, GitLab's (with groups in groups), and both of Bitbucket's forms.
    """
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    names = [name for name in path.partition("/-/")[0].split("/") if name]
    if len(names) >= 4 and names[0] in ("projects", "users") and names[2] == "repos":
        return f"{names[1]}/{names[3]}"
    end = next((place for place, name in enumerate(names) if place >= 2 and name in _PARTS), len(names))
    return "/".join(names[:end]).removesuffix(".git") if end >= 2 else ""


def _repository(entry: Json, name: str, url: str, within: str) -> str:
    """A full name where there is one. A name without an owner ('repo') comes last: addresses say more."""
    called = text(entry, name) or ""
    if "/" in called and " " not in called:
        return called
    return repository_of(text(entry, url) or "") or repository_of(within) or called


def _id_of_pull_request(url: str, repository: str, pr_id: str) -> str:
    """The same one may be named in several spellings: with a slash at its end, and with the owner in capitals."""
    # An id such as "#12" is another pull request in another repository.
    named = url.rstrip("/") or f"{repository}{pr_id if pr_id.startswith(('#', '!')) else '#' + pr_id}"
    return named.lower()


def _number(pr_id: str, url: str) -> int | None:
    found = _NUMBER.fullmatch(pr_id) or _NUMBER_IN_URL.search(url)
    number = int(found[1]) if found else None
    return number if number is not None and number <= _LARGEST_NUMBER else None


def _author(entry: Mapping[str, object], path: str = "") -> str:
    """A name is all there is: neither an account nor an address."""
    return text(optional_section(entry, "author", path), "name", f"{path}.author" if path else "author") or ""
