"""What each step of the GitHub provider has to do."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, Step
from integrations.providers.github.client import GitHubClient


class GitHubStep(ABC):
    """One step's part of `Provider`'s methods. ``calls`` says in words which answers are its own."""

    declared: ClassVar[Step]
    calls: ClassVar[str]

    @abstractmethod
    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]: ...

    @abstractmethod
    def fetch(self, client: GitHubClient, connection: Connection, cursor: Cursor) -> Answer: ...

    @abstractmethod
    def recognise(self, content: Any) -> tuple[str, str] | None:
        """(entity type, external id) of a recorded answer, None where it is not one of the step's."""
