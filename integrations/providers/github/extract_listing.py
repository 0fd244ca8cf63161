"""On demand, for repairs: a cheap listing of all pull requests, by id, number and time of the last update.

A hundred a call, for a single point. Newest first, as pages are read: one that is updated meanwhile moves to the
front, and none is passed over.
"""

from typing import Any

from integrations.provider import Answer, Connection, Cursor, Partition, PlanContext, RepositoryRef, Step
from integrations.providers.github.answers import answer_of, check_whole, first_page, next_page, present, raw_answer
from integrations.providers.github.client import GitHubClient
from integrations.providers.github.normalise import LISTING
from integrations.providers.github.queries import PULL_REQUEST_LISTING
from integrations.providers.github.questions import oldest_wanted, question_name, question_of
from integrations.providers.github.recognise import recognise_listing
from integrations.providers.github.scope import checked_scope
from integrations.providers.github.sizes import LARGEST_PAGE
from integrations.providers.github.steps import GitHubStep
from integrations.providers.github.values import text_of


class ListingStep(GitHubStep):
    declared = Step("github_pull_request_listing", 3, "Drift", on_demand=True)
    calls = "a page of data.repository.pullRequests that holds nothing but ids and times"

    def plan(self, connection: Connection, context: PlanContext) -> list[Partition]:
        """The same pull requests that a full sync reads."""
        scope = checked_scope(connection)
        wanted = [found for found in context.repositories if scope.holds(found.full_name)]
        return [_partition(connection, repository) for repository in wanted]

    def fetch(self, client: GitHubClient, connection: Connection, cursor: Cursor) -> Answer:
        what = f"pull requests of {cursor['full_name']}"
        owner, _, name = cursor["full_name"].partition("/")
        variables = {"owner": owner, "name": name, "first": LARGEST_PAGE, "after": cursor["after"]}
        answer = client.query(PULL_REQUEST_LISTING.text, variables, PULL_REQUEST_LISTING.name)
        check_whole(answer, what)
        question = cursor["question"]
        metadata = {
            "full_name": cursor["full_name"],
            "repository_id": question["repository_id"],
            "oldest": oldest_wanted(question),
        }
        asked = raw_answer(LISTING, f"listing:{question_name(question)}:page:{cursor['page']}", answer, metadata)
        repository = answer.data.get("repository")
        if not repository:
            warning = f"repository {cursor['full_name']} is not visible to this account any more"
            return answer_of(asked, answer, warning=warning)
        return answer_of(asked, answer, _following(repository["pullRequests"], cursor, what))

    def recognise(self, content: Any) -> tuple[str, str] | None:
        return recognise_listing(content)


def _partition(connection: Connection, repository: RepositoryRef) -> Partition:
    question = question_of(connection, repository)
    cursor = first_page(question=question, full_name=repository.full_name)
    return Partition(f"listing:{question_name(question)}", cursor)


def _following(pulls: Any, cursor: Cursor, what: str) -> Cursor | None:
    """None too once all that follow are too old to be read."""
    said = [text_of(pull.get("updatedAt")) for pull in present(pulls["nodes"]) if type(pull) is dict]
    if said and said[-1] and said[-1] < oldest_wanted(cursor["question"]):
        return None
    return next_page(pulls, cursor, what)
