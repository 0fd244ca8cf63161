"""From a raw answer to records: which reader reads which entity type. Everything here is pure."""

from collections.abc import Callable, Mapping, Sequence, Set

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.jira.catalogue import read_fields, read_project_statuses, read_projects, read_statuses
from integrations.providers.jira.issues import changelog_digests, issue_digests, read_changelogs, read_issues
from integrations.records import Batch

PROJECTS = "jira_projects"
STATUSES = "jira_statuses"
PROJECT_STATUSES = "jira_project_statuses"
ISSUES = "jira_issues"
CHANGELOGS = "jira_changelogs"
FIELDS = "jira_fields"

_READERS: Mapping[str, Callable[[RawAnswer], Batch]] = {
    PROJECTS: read_projects,
    STATUSES: read_statuses,
    PROJECT_STATUSES: read_project_statuses,
    CHANGELOGS: read_changelogs,
    FIELDS: read_fields,
}


def digests(answer: RawAnswer) -> Mapping[str, str]:
    """`Provider.digests` for Jira."""
    if answer.entity_type == ISSUES:
        return issue_digests(answer)
    return changelog_digests(answer) if answer.entity_type == CHANGELOGS else {}


def normalise(answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
    """`Provider.normalise` for Jira."""
    if answer.entity_type == ISSUES:
        return read_issues(answer, followups, skip)
    reader = _READERS.get(answer.entity_type)
    if reader is None:
        raise Permanent(f"entity type {answer.entity_type!r} is unknown; known are: {', '.join([*_READERS, ISSUES])}")
    return reader(answer)
