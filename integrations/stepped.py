"""A provider whose steps are objects: each has its own part of `Provider`'s methods."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from integrations.errors import Permanent
from integrations.json_values import described
from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, Provider, Step

Client = TypeVar("Client")


class ProviderStep(ABC, Generic[Client]):
    """One step. ``calls`` says in words which answers are its own."""

    declared: ClassVar[Step]
    calls: ClassVar[str]

    @abstractmethod
    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]: ...

    @abstractmethod
    def fetch(self, client: Client, connection: Connection, cursor: Cursor) -> Answer: ...

    @abstractmethod
    def recognise(self, content: Any) -> tuple[str, str] | None:
        """(entity type, external id) of a recorded answer, None where it is not one of the step's."""


class SteppedProvider(Provider, Generic[Client]):
    """``parts`` are its steps by their names; ``client`` gives them what they make their calls with."""

    parts: ClassVar[Mapping[str, ProviderStep[Any]]]

    @abstractmethod
    def client(self, connection: Connection) -> Client:
        """This process's client for the integration. Makes no call."""

    def plan(self, step: str, connection: Connection, context: PlanContext) -> list[Partition]:
        return self._part(step).plan(connection, context)

    def fetch(self, step: str, connection: Connection, partition: Partition) -> Answer:
        return self._part(step).fetch(self.client(connection), connection, partition.cursor)

    def recognise(self, step: str, content: Any) -> tuple[str, str]:
        part = self._part(step)
        found = part.recognise(content)
        if found is None:
            raise Permanent(f"the answer is {described(content)}; step {step} takes {part.calls}")
        return found

    def _part(self, step: str) -> ProviderStep[Client]:
        if step not in self.parts:
            raise Permanent(f"step {step!r} is unknown; known are: {', '.join(self.parts)}")
        return self.parts[step]
