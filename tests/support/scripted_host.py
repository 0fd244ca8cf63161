"""A scripted host of code: the projects of `tests.support.scripted` are its repositories, items its pull requests."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from integrations.provider import Answer, Connection, Partition, PlanContext, RawAnswer, Step
from integrations.records import Batch, PullRequestRecord, RepositoryRecord
from tests.support.records import START, at
from tests.support.scripted import ScriptedProvider

REPOSITORIES, PULLS = "host_repositories", "host_pulls"


def repository(number: str) -> RepositoryRecord:
    return RepositoryRecord(number, f"Acme/Web-{number}")


class ScriptedHost(ScriptedProvider):
    """A repository is listed as long as it has a pull request."""

    name = "scripted_host"
    label = "Scripted host"
    source_type = "HOST"
    settings = ()
    steps = (Step(REPOSITORIES, 1, "Repositories"), Step(PULLS, 2, "Pull requests", (REPOSITORIES,)))
    items_step = PULLS
    items_table = "prs"
    listing_step = ""

    def plan(self, step: str, connection: Connection, context: PlanContext) -> list[Partition]:
        if step == REPOSITORIES:
            return [Partition("all", {})]
        return [self._of(found.external_id, context) for found in context.repositories]

    def _of(self, number: str, context: PlanContext) -> Partition:
        scope = f"repository:{number}"
        since = context.watermarks.get(scope)
        question = {"project": number, "since": since and since.isoformat()}
        return Partition(scope, {"question": question, "page": 0}, scope)

    def fetch(self, step: str, connection: Connection, partition: Partition) -> Answer:
        if step == PULLS:
            return super().fetch(step, connection, partition)
        numbers = sorted({item.project for item in self.world.items.values()})
        return self._answer("repositories", "repositories", {"repositories": numbers})

    def entity_types(self) -> Mapping[str, str]:
        return {"repositories": REPOSITORIES, "items": PULLS, "rest": PULLS, "by_id": PULLS, "count": PULLS}

    def normalise(self, answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
        states = {number: state for rest in followups for number, state in rest.content["status"].items()}
        found = [item for item in answer.content.get("items", ()) if item["id"] not in skip]
        return Batch(
            repositories=[repository(number) for number in answer.content.get("repositories", ())],
            pull_requests=[_pull_request(item, states.get(item["id"], item["status"])) for item in found],
        )


def _pull_request(item: Mapping[str, Any], state: str) -> PullRequestRecord:
    return PullRequestRecord(
        external_id=item["id"],
        number=int(item["id"]),
        repository=repository(item["project"]),
        title=item["key"],
        state=state,
        created=START,
        updated=at(item["version"]),
    )
