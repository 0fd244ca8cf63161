"""Issues that were asked for by id: what came, and what of the rest does not exist any more.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-bulkfetch-post
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from integrations.json_text import hashes
from integrations.json_values import UnreadableError
from integrations.provider import RawAnswer
from integrations.providers.jira.issues import issue_digests, read_issues
from integrations.providers.jira.shapes import entries
from integrations.records import Batch, Quarantined

# An error of any other kind may be over at the next try, and says nothing of whether the issue exists.
_GONE_WORDS = ("does not exist", "not found", "permission")


@dataclass(frozen=True)
class _Errors:
    """What an answer says of issues that it does not hold: (path, message) by issue id.

    ``unnamed``: there are also errors that do not say which issue they are about.
    """

    by_id: Mapping[str, tuple[str, object]]
    unnamed: bool


def read_issues_by_id(answer: RawAnswer, followups: Sequence[RawAnswer], skip: Set[str]) -> Batch:
    """The issues of an answer, as of a page; those asked for (``metadata["issue_ids"]``) that are gone; errors.

    ``metadata["left"]`` are those of which nothing was kept, since they are in a project that is not to be read.
    """
    batch = read_issues(answer, followups, skip)
    absent, undecided_ids = _absent(answer), set(undecided(answer))
    batch.quarantined = [*batch.quarantined, *_not_told(absent, _errors(answer.content))]
    batch.gone = [issue_id for issue_id in absent if issue_id not in undecided_ids]
    batch.left = _left(answer)
    return batch


def undecided(answer: RawAnswer) -> list[str]:
    """The ids asked for that neither came nor are known to be gone."""
    errors = _errors(answer.content)
    whole = _says_all(answer) and not errors.unnamed
    return [issue_id for issue_id in _absent(answer) if not _is_gone(issue_id, errors, whole=whole)]


def read_lookup(answer: RawAnswer) -> Batch:
    """Of an issue that was looked at alone (``metadata["issue_id"]``): gone, where the site itself says 404."""
    said = type(answer.content) is dict and ("errorMessages" in answer.content or "errors" in answer.content)
    is_gone = said and answer.metadata.get("status") == 404
    return Batch(gone=[str(answer.metadata["issue_id"])] if is_gone and answer.metadata.get("issue_id") else [])


def error_ids(content: Mapping[str, Any]) -> set[str]:
    """The issues of which an answer says why they did not come."""
    return set(_errors(content).by_id)


def issue_digests_by_id(answer: RawAnswer) -> Mapping[str, str]:
    """As of a page; an issue that was asked for in vain has a hash too: its absence is to be read."""
    return {**issue_digests(answer), **hashes((issue_id, None) for issue_id in (*_absent(answer), *_left(answer)))}


def _absent(answer: RawAnswer) -> list[str]:
    """The ids asked for that no issue of the answer has, each once."""
    given = {*map(_id_of, entries(answer, "issues")), *_left(answer)}
    return [issue_id for issue_id in _ids(answer, "issue_ids") if issue_id not in given]


def _left(answer: RawAnswer) -> list[str]:
    return _ids(answer, "left")


def _ids(answer: RawAnswer, name: str) -> list[str]:
    """The ids that were kept under that name beside the answer, each once."""
    ids = answer.metadata.get(name)
    found = [str(issue_id) for issue_id in ids if type(issue_id) in (str, int)] if type(ids) is list else []
    return list(dict.fromkeys(found))


def _id_of(entry: object) -> str:
    """The id of an issue or of an error, '' where it has none."""
    issue_id = entry.get("id") if type(entry) is dict else None
    return str(issue_id) if type(issue_id) in (str, int) else ""


def _says_all(answer: RawAnswer) -> bool:
    """Whether an issue that is not in the answer is not there at all.

    Data Center may give fewer issues than it found, where its pages are smaller than what we asked for; and an issue
    that does not say its id may be any.
    """
    issues, total = entries(answer, "issues"), answer.content.get("total")
    return all(map(_id_of, issues)) and (type(total) is not int or total <= len(issues) + len(_left(answer)))


def _errors(content: Mapping[str, Any]) -> _Errors:
    listed = content.get("issueErrors")
    errors = listed if type(listed) is list else []
    by_id = {
        _id_of(error): (f"issueErrors[{place}]", error.get("errorMessage"))
        for place, error in enumerate(errors)
        if _id_of(error)
    }
    return _Errors(by_id, unnamed=not all(map(_id_of, errors)) or type(listed) not in (list, type(None)))


def _is_gone(issue_id: str, errors: _Errors, *, whole: bool) -> bool:
    return _speaks_of_absence(errors.by_id[issue_id][1]) if issue_id in errors.by_id else whole


def _speaks_of_absence(message: object) -> bool:
    return type(message) is str and any(words in message.lower() for words in _GONE_WORDS)


def _not_told(absent: Sequence[str], errors: _Errors) -> list[Quarantined]:
    """The issues that exist, for all we know, and did not come."""
    explained = [(issue_id, *errors.by_id[issue_id]) for issue_id in absent if issue_id in errors.by_id]
    return [
        _quarantined(issue_id, UnreadableError(f"{path}.errorMessage", message, "the issue, nor word that it is gone"))
        for issue_id, path, message in explained
        if not _speaks_of_absence(message)
    ]


def _quarantined(issue_id: str, error: UnreadableError) -> Quarantined:
    return Quarantined("work_items", issue_id, error.path, error.reason)
