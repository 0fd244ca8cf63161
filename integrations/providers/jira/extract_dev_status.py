"""Step 4: the pull requests, branches and commits of issues that have any.

A partition's cursor holds the ``issues`` ([id, key]) that are still to be asked for, the first one in hand.
``details`` ([application type, data type, kinds]) are what the first one's summary promised and is not fetched yet.
``refused`` is the project of the issue before, where the site refused that one.
"""

from collections.abc import Mapping, Sequence, Set
from hashlib import blake2b
from typing import Any

import orjson

from integrations.errors import Permanent, StageError
from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, RawAnswer, Step
from integrations.providers.jira.answers import answer_of
from integrations.providers.jira.client import JiraClient
from integrations.providers.jira.dev_field import development_field, shows_development
from integrations.providers.jira.dev_status import kinds_of, overview, problem_of
from integrations.providers.jira.extract_issues import IssuesStep
from integrations.providers.jira.normalise import DEV_DETAIL, DEV_SUMMARY
from integrations.providers.jira.steps import JiraStep
from integrations.providers.jira.values import name_of

ISSUES_A_PARTITION = 50
# Leaves room for the hash behind it: keys have 255 characters at most.
_PAGE_NAME_CHARACTERS = 200


class DevStatusStep(JiraStep):
    declared = Step("jira_dev_status", 4, "Development Status", (IssuesStep.declared.name,), follows=True)
    calls = "an answer of /dev-status/latest/issue/summary or /detail"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        """Only what was read long ago: all else is asked for as its page is loaded."""
        issues = [(item.external_id, item.key) for item in context.reread]
        parts = [issues[at : at + ISSUES_A_PARTITION] for at in range(0, len(issues), ISSUES_A_PARTITION)]
        return [_partition("reread", part) for part in parts]

    def fetch(self, client: JiraClient, connection: Connection, cursor: Cursor) -> Answer:
        return _fetch_detail(client, cursor) if cursor["details"] else _fetch_summary(client, cursor)

    def recognise(self, content: Any) -> tuple[str, str] | None:
        if type(content) is dict and ("detail" in content or "summary" in content):
            raise Permanent(
                "an answer of /dev-status does not say which issue it is about, so it cannot be imported: "
                "run the step against the site"
            )
        return None


def dev_status_partitions(
    answer: RawAnswer, items: Set[str], fields: Mapping[str, str], linked: Set[str] = frozenset()
) -> Sequence[Partition]:
    """One partition for all those of the items of a page whose development field shows something, or did: ``linked``
    are those that have links.
    """
    page = answer.content if type(answer.content) is dict else {}
    field, issues = development_field(page, fields), page.get("issues")
    if field is None or type(issues) is not list:
        return ()
    shown = [
        (name, str(issue.get("key") or ""))
        for issue in issues
        if (name := name_of(issue)) in items and (name in linked or shows_development(_field_of(issue, field)))
    ]
    return [_partition(answer.external_id, shown)] if shown else []


def _field_of(issue: Mapping[str, Any], field: str) -> object:
    fields = issue.get("fields")
    return fields.get(field) if type(fields) is dict else None


def _partition(page: str, issues: Sequence[tuple[str, str]]) -> Partition:
    """Named by its page and its issues, so that a page that is loaded twice in a run is asked for once."""
    digest = blake2b(" ".join(issue_id for issue_id, _ in issues).encode(errors="replace"), digest_size=8).hexdigest()
    key = f"dev:{page[:_PAGE_NAME_CHARACTERS]}:{digest}"
    return Partition(key, {"issues": [list(issue) for issue in issues], "details": [], "refused": ""})


def _fetch_summary(client: JiraClient, cursor: Cursor) -> Answer:
    issue_id, key = cursor["issues"][0]
    asked = RawAnswer(DEV_SUMMARY, f"issue:{issue_id}:dev:summary", None, {"issue_id": issue_id, "issue_key": key})
    try:
        response = client.dev_summary(issue_id)
    except StageError as error:
        if not _is_refusal(error):
            raise
        return _refused(asked, error, _after_refusal(cursor, error), _refusal(_project(key), error))
    found = overview(response.json())
    details = [[*pair, kinds_of(*pair, found.asked)] for pair in found.asked]
    following = {**cursor, "details": details, "refused": ""} if details else _next_issue(cursor)
    return answer_of(asked, response, following, warning=found.problem)


def _fetch_detail(client: JiraClient, cursor: Cursor) -> Answer:
    (issue_id, key), (application, data_type, kinds) = cursor["issues"][0], cursor["details"][0]
    metadata = {
        "issue_id": issue_id,
        "issue_key": key,
        "application_type": application,
        "data_type": data_type,
        "kinds": kinds,
    }
    # An application's name is the site's: as long as it likes.
    name = f"issue:{issue_id}:dev:{application}:{data_type}"[:255]
    asked = RawAnswer(DEV_DETAIL, name, None, metadata)
    rest = cursor["details"][1:]
    following = {**cursor, "details": rest} if rest else _next_issue(cursor)
    try:
        response = client.dev_detail(issue_id, application, data_type)
    except StageError as error:
        if not _is_refusal(error):
            raise
        return _refused(asked, error, following, f"{application}: the site answers {error.status} for {data_type}")
    return answer_of(asked, response, following, warning=problem_of(response.json()))


def _next_issue(cursor: Cursor, refused: str = "") -> Cursor | None:
    rest = cursor["issues"][1:]
    return {"issues": rest, "details": [], "refused": refused} if rest else None


def _is_refusal(error: StageError) -> bool:
    """Whether only this is refused: an issue that is gone, a project whose development nobody may see.

    That fails neither the issues beside it nor the run. Credentials that are refused (401) concern all.
    """
    return isinstance(error, Permanent) and error.status is not None and error.status != 401


def _after_refusal(cursor: Cursor, error: StageError) -> Cursor | None:
    """Goes on with the next issue; with the next project, where the whole project is refused.

    A permission is a project's. A single issue that is not found may have been deleted; two in a row were not.
    """
    project = _project(cursor["issues"][0][1])
    following = _next_issue(cursor, refused=project)
    if following is None or (error.status != 403 and cursor["refused"] != project):
        return following
    rest = [issue for issue in following["issues"] if _project(issue[1]) != project]
    return {**following, "issues": rest} if rest else None


def _project(key: str) -> str:
    """The project's key: 'PAY' of 'PAY-12'."""
    return key.rpartition("-")[0]


def _refusal(project: str, error: StageError) -> str:
    """One message for all issues of a project: a run shows only a few different ones."""
    why = {
        403: "the account lacks the permission 'View development tools'",
        404: "issues are gone, the account may not see them, or the site has no Jira Software",
    }.get(error.status or 0, "the site refuses the call")
    return f"development information of project {project} is not read ({error.status}): {why}"


def _refused(asked: RawAnswer, error: StageError, following: Cursor | None, warning: str) -> Answer:
    """What is stored of a call that was refused: the error, in the form in which the API tells its own."""
    body = orjson.dumps({"errors": [{"error": str(error)}]})
    return Answer(
        asked.entity_type,
        asked.external_id,
        body,
        metadata={**asked.metadata, "status": error.status, "payload_size": len(body)},
        next_cursor=following,
        warning=warning,
    )
