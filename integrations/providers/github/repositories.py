"""Repositories: all of an owner, one asked for by name, and the one that a page of pull requests is about."""

from collections.abc import Iterator, Sequence
from typing import Any

from integrations.json_values import Json, UnreadableError, flag
from integrations.provider import RawAnswer
from integrations.providers.github.shapes import data_of, says_not_found, wrong
from integrations.providers.github.values import id_of, name_of, optional_section, required_text, text
from integrations.records import Batch, OwnerRepositories, Quarantined, RepositoryRecord

_TABLE = "repositories"


def read_owner(page: RawAnswer, followups: Sequence[RawAnswer]) -> Batch:
    """All repositories of an owner; only where the list is told to its end does it say that there are no others.

    One that stands twice, since it was renamed meanwhile, is what the later answer says.
    """
    found, quarantined, ids = dict[str, RepositoryRecord](), list[Quarantined](), dict[str, None]()
    for path, node in _listed(page, followups):
        ids[name_of(node)] = None
        try:
            record = _record(node)
            found[record.external_id] = record
        except UnreadableError as error:
            quarantined.append(_quarantined(name_of(node), error.under(path)))
    owner = _owner(page)
    # One that does not say its id may be any: then none can be told to be gone.
    is_whole = bool(owner) and "" not in ids and any(_is_end(answer) for answer in (page, *followups))
    lists = [OwnerRepositories(owner, tuple(ids))] if is_whole else []
    return Batch(repositories=list(found.values()), owner_repositories=lists, quarantined=quarantined)


def read_page_of_owner(answer: RawAnswer) -> Batch:
    """A page alone makes no record: it is read together with the first one."""
    _connection(answer)
    return Batch()


def read_repository(answer: RawAnswer) -> Batch:
    """The one that was asked for by name; GitHub answers with another name where it was renamed or transferred."""
    node = repository_in(answer)
    if node is None:
        return _absent(answer)
    try:
        return Batch(repositories=[repository_record(node)])
    except UnreadableError as error:
        return Batch(quarantined=[_quarantined(name_of(node), error.under("data.repository"))])


def repository_in(answer: RawAnswer) -> Json | None:
    """The repository that an answer is about, None where it is not to be had. Raises Permanent."""
    data = data_of(answer)
    node = data.get("repository")
    if "repository" in data and (node is None or type(node) is dict):
        return node
    raise wrong(answer, data, "an object 'repository'")


def _absent(answer: RawAnswer) -> Batch:
    """What it means that the repository asked for, ``metadata["full_name"]``, did not come."""
    full_name = answer.metadata.get("full_name")
    if type(full_name) is str and full_name and says_not_found(answer):
        return Batch(gone_repositories=[full_name])
    error = UnreadableError("data.repository", answer.content.get("errors"), "a repository, nor word that it is gone")
    return Batch(quarantined=[_quarantined(full_name if type(full_name) is str else "", error)])


def repository_record(node: Json, path: str = "") -> RepositoryRecord:
    branch = optional_section(node, "defaultBranchRef", path)
    return RepositoryRecord(
        external_id=id_of(node, path),
        full_name=required_text(node, "nameWithOwner", path),
        url=text(node, "url", path) or "",
        description=text(node, "description", path) or "",
        default_branch=text(branch, "name", f"{path}.defaultBranchRef" if path else "defaultBranchRef"),
        private=flag(node, "isPrivate", path),
        archived=flag(node, "isArchived", path),
        fork=flag(node, "isFork", path),
    )


def _record(node: object) -> RepositoryRecord:
    if type(node) is dict:
        return repository_record(node)
    raise UnreadableError("", node, "an object")


def _listed(page: RawAnswer, followups: Sequence[RawAnswer]) -> Iterator[tuple[str, Any]]:
    """(path, repository) of all answers."""
    for prefix, answer in (("", page), *((f"followup({answer.external_id}).", answer) for answer in followups)):
        for place, node in enumerate(_connection(answer)["nodes"]):
            yield f"{prefix}data.repositoryOwner.repositories.nodes[{place}]", node


def _connection(answer: RawAnswer) -> Json:
    """The list of repositories. Raises Permanent where there is none."""
    owner = data_of(answer).get("repositoryOwner")
    connection = owner.get("repositories") if type(owner) is dict else None
    if type(connection) is dict and type(connection.get("nodes")) is list:
        found: Json = connection
        return found
    raise wrong(answer, data_of(answer), "an owner with a list of repositories")


def _is_end(answer: RawAnswer) -> bool:
    page_info = _connection(answer).get("pageInfo")
    return type(page_info) is dict and page_info.get("hasNextPage") is False


def _owner(page: RawAnswer) -> str:
    login = data_of(page)["repositoryOwner"].get("login") or page.metadata.get("owner")
    return login if type(login) is str else ""


def _quarantined(name: str, error: UnreadableError) -> Quarantined:
    return Quarantined(_TABLE, name, error.path, error.reason)
