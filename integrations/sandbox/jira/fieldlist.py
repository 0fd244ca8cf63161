"""The custom fields that a site has now: administrators rename, remove and add them while it runs."""

from collections.abc import Iterator
from dataclasses import replace

from integrations.sandbox.jira.customfields import CUSTOM_FIELDS, STOCK, CustomField

FIRST_ADDED = 20_001


class FieldList:
    """Begins with those of every sandbox site. Methods raise KeyError for an unknown id, or one that is removed."""

    def __init__(self) -> None:
        self._known = {field.id: field for field in CUSTOM_FIELDS}
        self.removed: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[CustomField]:
        return (field for field in list(self._known.values()) if field.id not in self.removed)

    def rename(self, field_id: str, name: str) -> None:
        self._known[field_id] = replace(self._there(field_id), name=name)

    def retype(self, field_id: str, kind: str) -> None:
        """``kind`` is the schema's type. Values stay what they were."""
        self._known[field_id] = replace(self._there(field_id), kind=kind, plugin=STOCK + kind)

    def remove(self, field_id: str) -> None:
        self.removed |= {self._there(field_id).id}

    def restore(self, field_id: str) -> None:
        """Raises KeyError where it is not removed."""
        if field_id not in self.removed:
            raise KeyError(field_id)
        self.removed -= {field_id}

    def add(self, name: str, kind: str, project_id: str = "") -> str:
        """A new field without values, of one team-managed project where that is named; its id."""
        number = FIRST_ADDED + len(self._known) - len(CUSTOM_FIELDS)
        field = CustomField(number, name, kind, STOCK + kind, lambda _: None, scope=project_id)
        self._known[field.id] = field
        return field.id

    def _there(self, field_id: str) -> CustomField:
        if field_id in self.removed:
            raise KeyError(field_id)
        return self._known[field_id]
