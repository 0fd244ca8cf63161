"""What a page of the cheap listing says: enough of each issue to see whether it changed, moved or went."""

from integrations.json_values import UnreadableError, section
from integrations.provider import RawAnswer
from integrations.providers.jira.shapes import entries
from integrations.providers.jira.values import identity, moment, name_of
from integrations.records import Batch, ListedItem, Quarantined


def read_listing(answer: RawAnswer) -> Batch:
    """The lines of a page. One that cannot be read is quarantined: its issue is then looked at by id.

    ``metadata["presence"]``: the page was asked for without `base_search`.
    """
    only_known = answer.metadata.get("presence") is True
    batch, quarantined = Batch(), list[Quarantined]()
    for place, line in enumerate(entries(answer, "issues")):
        try:
            batch.listed.append(_listed(line, only_known))
        except UnreadableError as error:
            located = error.under(f"issues[{place}]")
            quarantined.append(Quarantined("work_items", name_of(line), located.path, located.reason))
    batch.quarantined = quarantined
    return batch


def _listed(line: object, only_known: bool) -> ListedItem:
    if type(line) is not dict:
        raise UnreadableError("", line, "an object")
    fields = section(line, "fields")
    return ListedItem(
        external_id=identity(line, "id"),
        key=identity(line, "key"),
        project_id=identity(section(fields, "project", "fields"), "id", "fields.project"),
        status_id=identity(section(fields, "status", "fields"), "id", "fields.status"),
        updated=moment(fields, "updated", "fields"),
        only_known=only_known,
    )
