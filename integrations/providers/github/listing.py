"""What a page of the cheap listing says: enough of each pull request to see whether it is unknown or has changed."""

from integrations.json_values import Json, UnreadableError, instant
from integrations.provider import RawAnswer
from integrations.providers.github.pull_requests import is_older
from integrations.providers.github.repositories import repository_in
from integrations.providers.github.values import id_of, name_of, required_text
from integrations.records import Batch, ListedItem, Quarantined

_PLACE = "data.repository.pullRequests.nodes"


def read_listing(answer: RawAnswer) -> Batch:
    """The lines of a page. One that cannot be read is quarantined.

    The last page holds pull requests too that were last updated before ``metadata["oldest"]``: these are not read.
    """
    repository = repository_in(answer)
    if not repository:
        return Batch()
    batch, quarantined = Batch(), list[Quarantined]()
    oldest = answer.metadata.get("oldest") or ""
    for place, line in enumerate(repository["pullRequests"]["nodes"] or ()):
        try:
            if line is not None and not is_older(line, oldest):
                batch.listed.append(_listed(line, id_of(repository)))
        except UnreadableError as error:
            located = error.under(f"{_PLACE}[{place}]")
            quarantined.append(Quarantined("prs", name_of(line), located.path, located.reason))
    batch.quarantined = quarantined
    return batch


def _listed(line: Json, repository_id: str) -> ListedItem:
    """Its key is what it is asked for by: its node id."""
    return ListedItem(
        external_id=id_of(line),
        key=required_text(line, "id"),
        project_id=repository_id,
        status_id="",
        updated=instant(line, "updatedAt"),
    )
