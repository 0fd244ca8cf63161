"""Development information of an issue: what there is (the summary), and the links themselves (the details).

The API is Jira's own front end's, and nowhere documented: /rest/dev-status/latest/issue/summary and /detail.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from reprlib import Repr
from typing import Any

from integrations.errors import Permanent
from integrations.json_values import Json, UnreadableError, described
from integrations.provider import RawAnswer
from integrations.providers.jira.dev_links import branch, commit, pull_request, repository_name
from integrations.providers.jira.values import name_of
from integrations.records import Batch, DevLink, ItemLinks, LinkKind, LinkOverview, Quarantined

LINKS_TABLE = "work_items_prs_links"

# In the words of the API: "repository" stands for commits. Others (builds, deployments, reviews) are no links.
PULL_REQUESTS, BRANCHES, COMMITS = "pullrequest", "branch", "repository"
_KINDS = {PULL_REQUESTS: LinkKind.PULL_REQUEST, BRANCHES: LinkKind.BRANCH, COMMITS: LinkKind.COMMIT}

_short = Repr()
_short.maxstring = _short.maxother = 200


@dataclass(frozen=True)
class Overview:
    """What a summary says. ``asked`` are the (application, data type) pairs that details are to be asked for.

    ``problem`` says why it may not be all, '' where it is.
    """

    asked: tuple[tuple[str, str], ...]
    problem: str = ""


def overview(content: Any) -> Overview:
    """Reads a summary, whatever its shape: what is not understood is a problem and no error."""
    sections = content.get("summary") if type(content) is dict else None
    if type(sections) is not dict:
        return Overview((), problem_of(content) or f"the summary is {described(sections)}")
    asked: dict[tuple[str, str], tuple[str, str]] = {}
    problem = problem_of(content)
    for data_type in _KINDS:
        section = sections.get(data_type) or {}
        applications = list(_applications(section))
        for application in applications:
            # "GitHub" and "github" are the same one.
            asked.setdefault((application.casefold(), data_type), (application, data_type))
        if not applications and _count(section, "overall") != 0:
            problem = problem or f"the summary names no application for {data_type}: {_short.repr(section)}"
    return Overview(tuple(asked.values()), problem)


def _applications(section: object) -> Iterator[str]:
    """The applications that have something: their types are the keys of ``byInstanceType``."""
    instances = section.get("byInstanceType") if type(section) is dict else None
    for name, instance in instances.items() if type(instances) is dict else ():
        # A count that is missing or odd may be anything.
        if name and type(name) is str and (type(instance) is not dict or instance.get("count") != 0):
            yield name


def _count(section: object, name: str) -> object:
    """The count of a part of a section, 0 where the section is empty; None where it cannot be told."""
    if not section:
        return 0
    part = section.get(name) if type(section) is dict else None
    return part.get("count") if type(part) is dict else None


def problem_of(content: object) -> str:
    """The errors that a good answer admits to: one application that could not be reached, one that is not set up."""
    errors: list[Any] = []
    for name in ("errors", "configErrors"):
        said = content.get(name) if type(content) is dict else None
        errors += said if type(said) is list else [said] if said else []
    return f"development information is not complete: {_short.repr(errors[0])}" if errors else ""


def source_of(application_type: str) -> str:
    """The name that links of an application are kept under, however the site writes it."""
    return application_type.casefold()


def kinds_of(application_type: str, data_type: str, asked: tuple[tuple[str, str], ...]) -> list[LinkKind]:
    """The kinds that a detail is the authority for.

    An answer about branches lists pull requests too; where these are asked for themselves, that answer is the whole
    one. So each kind of each application has one authority, and the order of the answers does not matter.
    """
    others = {known for application, known in asked if source_of(application) == source_of(application_type)}
    wide = data_type == BRANCHES and PULL_REQUESTS not in others
    return [LinkKind.BRANCH, LinkKind.PULL_REQUEST] if wide else [_KINDS[data_type]]


def read_summary(answer: RawAnswer) -> Batch:
    """Which applications have links for the issue: those of all others have ended."""
    found, issue_id = overview(answer.content), _metadata(answer, "issue_id")
    if type(answer.content) is not dict:
        raise Permanent(f"{answer.entity_type} {answer.external_id!r} is {described(answer.content)}, not an object")
    present = {
        (source_of(application), kind)
        for application, data_type in found.asked
        for kind in kinds_of(application, data_type, found.asked)
    }
    return Batch(link_overviews=[LinkOverview(issue_id, tuple(sorted(present)), whole=not found.problem)])


def read_detail(answer: RawAnswer) -> Batch:
    """The links of one application and data type. What cannot be read is set aside; then no other link ends."""
    issue_id, source = _metadata(answer, "issue_id"), source_of(_metadata(answer, "application_type"))
    kinds = _metadata_kinds(answer)
    reading = _Reading(f"{issue_id}:{source}", kinds)
    for place, part in enumerate(_parts(answer)):
        reading.read(part, f"detail[{place}]")
    whole = not reading.quarantined and not problem_of(answer.content)
    links = ItemLinks(issue_id, source, kinds, tuple(reading.links.values()), whole)
    return Batch(item_links=[links], quarantined=reading.quarantined)


def _metadata(answer: RawAnswer, name: str) -> str:
    value = answer.metadata.get(name)
    if type(value) is str and value:
        return value
    raise Permanent(f"{answer.entity_type} {answer.external_id!r} is stored without metadata.{name}: it cannot be told")


def _metadata_kinds(answer: RawAnswer) -> tuple[LinkKind, ...]:
    """The kinds that the answer is the authority for, as they were stored with it."""
    names = answer.metadata.get("kinds")
    try:
        return tuple(LinkKind(name) for name in names)  # type: ignore[union-attr]
    except (TypeError, ValueError):
        raise Permanent(
            f"{answer.entity_type} {answer.external_id!r}: metadata.kinds is {_short.repr(names)}, "
            f"not a list of {', '.join(LinkKind)}"
        ) from None


def _parts(answer: RawAnswer) -> list[Any]:
    detail = answer.content.get("detail") if type(answer.content) is dict else None
    if type(detail) is list:
        return detail
    if detail is None and problem_of(answer.content):
        return []
    raise Permanent(
        f"{answer.entity_type} {answer.external_id!r} is {described(answer.content)},"
        " not an object with an array 'detail'"
    )


class _Reading:
    """Collects the links of an answer. ``owner`` begins the names of what is set aside: a later good answer closes
    all that begins like that."""

    def __init__(self, owner: str, kinds: tuple[LinkKind, ...]) -> None:
        self.owner, self.kinds = owner, kinds
        self.links: dict[tuple[LinkKind, str], DevLink] = {}
        self.quarantined: list[Quarantined] = []

    def read(self, part: object, path: str) -> None:
        """One entry of ``detail``: what one instance of the application has."""
        if type(part) is not dict:
            self._refuse(self.kinds[0], part, UnreadableError(path, part, "an object"))
            return
        self._entries(part, path, "")
        for place, repository in enumerate(self._array(part, "repositories", path, self.kinds[0])):
            within = f"{path}.repositories[{place}]"
            try:
                if type(repository) is not dict:
                    raise UnreadableError("", repository, "an object")
                name = repository_name(repository)
            except UnreadableError as error:
                self._refuse(self.kinds[0], repository, error.under(within))
                continue
            self._entries(repository, within, name)

    def _entries(self, holder: Json, path: str, repository: str) -> None:
        for kind, name, reader in _READERS:
            if kind in self.kinds:
                for place, entry in enumerate(self._array(holder, name, path, kind)):
                    self._entry(kind, entry, f"{path}.{name}[{place}]", reader, repository)

    def _entry(
        self, kind: LinkKind, entry: object, path: str, reader: Callable[[Json, str], DevLink], repository: str
    ) -> None:
        try:
            if type(entry) is not dict:
                raise UnreadableError("", entry, "an object")
            link = reader(entry, repository)
        except UnreadableError as error:
            self._refuse(kind, entry, error.under(path))
        else:
            self.links.setdefault((kind, link.external_id), link)

    def _array(self, holder: Json, name: str, path: str, kind: LinkKind) -> list[Any]:
        """An array that may be missing: most answers have only those that their data type is about."""
        value = holder.get(name)
        if value is None or type(value) is list:
            return value or []
        self._refuse(kind, value, UnreadableError(f"{path}.{name}", value, "an array"))
        return []

    def _refuse(self, kind: LinkKind, entry: object, error: UnreadableError) -> None:
        name = f"{self.owner}:{kind}:{name_of(entry)}:{error.path}"
        self.quarantined.append(Quarantined(LINKS_TABLE, name, error.path, error.reason))


_READERS: tuple[tuple[LinkKind, str, Callable[[Json, str], DevLink]], ...] = (
    (LinkKind.PULL_REQUEST, "pullRequests", pull_request),
    (LinkKind.BRANCH, "branches", branch),
    (LinkKind.COMMIT, "commits", commit),
)
