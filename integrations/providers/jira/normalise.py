"""From a raw answer to records: which reader reads which entity type. Everything here is pure."""

from collections.abc import Callable, Mapping, Sequence, Set

from integrations.errors import Permanent
from integrations.provider import RawAnswer
from integrations.providers.jira.by_id import issue_digests_by_id, read_issues_by_id, read_lookup
from integrations.providers.jira.catalogue import (
    read_project_statuses,
    read_project_types,
    read_projects,
    read_statuses,
)
from integrations.providers.jira.dev_status import read_detail, read_summary
from integrations.providers.jira.fields import (
    read_createmeta,
    read_createmeta_fields,
    read_createmeta_types,
    read_fields,
)
from integrations.providers.jira.issues import changelog_digests, issue_digests, read_changelogs, read_issues
from integrations.providers.jira.listing import read_listing
from integrations.providers.jira.shapes import counted
from integrations.records import Batch

PROJECTS = "jira_projects"
PROJECT_TYPES = "jira_project_types"
STATUSES = "jira_statuses"
PROJECT_STATUSES = "jira_project_statuses"
ISSUES = "jira_issues"
CHANGELOGS = "jira_changelogs"
FIELDS = "jira_fields"
CREATEMETA = "jira_createmeta"
CREATEMETA_TYPES = "jira_createmeta_types"
CREATEMETA_FIELDS = "jira_createmeta_fields"
ISSUES_BY_ID = "jira_issues_by_id"
ISSUE_COUNTS = "jira_issue_counts"
ISSUE_LOOKUPS = "jira_issue_lookups"
LISTING = "jira_issue_listing"
DEV_SUMMARY = "jira_dev_status_summary"
DEV_DETAIL = "jira_dev_status_detail"
WEBHOOKS = "jira_webhooks"


def _read_count(answer: RawAnswer) -> Batch:
    """A count, or the first issue that was created, makes no record: they decide how a project is cut."""
    if type(answer.content) is not dict or type(answer.content.get("issues")) is not list:
        counted(answer)
    return Batch()


def _read_webhook(answer: RawAnswer) -> Batch:
    """A delivery makes no record: its issue is fetched again, and it may arrive late or twice."""
    return Batch()


_ISSUE_READERS: Mapping[str, Callable[[RawAnswer, Sequence[RawAnswer], Set[str]], Batch]] = {
    ISSUES: read_issues,
    ISSUES_BY_ID: read_issues_by_id,
}
_READERS: Mapping[str, Callable[[RawAnswer], Batch]] = {
    PROJECTS: read_projects,
    PROJECT_TYPES: read_project_types,
    STATUSES: read_statuses,
    PROJECT_STATUSES: read_project_statuses,
    CHANGELOGS: read_changelogs,
    FIELDS: read_fields,
    CREATEMETA: read_createmeta,
    CREATEMETA_TYPES: read_createmeta_types,
    CREATEMETA_FIELDS: read_createmeta_fields,
    ISSUE_COUNTS: _read_count,
    ISSUE_LOOKUPS: read_lookup,
    WEBHOOKS: _read_webhook,
    LISTING: read_listing,
    DEV_SUMMARY: read_summary,
    DEV_DETAIL: read_detail,
}


_DIGESTS: Mapping[str, Callable[[RawAnswer], Mapping[str, str]]] = {
    ISSUES: issue_digests,
    ISSUES_BY_ID: issue_digests_by_id,
    CHANGELOGS: changelog_digests,
}


def digests(answer: RawAnswer) -> Mapping[str, str]:
    """`Provider.digests` for Jira."""
    reader = _DIGESTS.get(answer.entity_type)
    return reader(answer) if reader else {}


def normalise(answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
    """`Provider.normalise` for Jira."""
    if answer.entity_type in _ISSUE_READERS:
        return _ISSUE_READERS[answer.entity_type](answer, followups, skip)
    reader = _READERS.get(answer.entity_type)
    if reader is None:
        known = ", ".join([*_READERS, *_ISSUE_READERS])
        raise Permanent(f"entity type {answer.entity_type!r} is unknown; known are: {known}")
    return reader(answer)
