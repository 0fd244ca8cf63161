"""The calls that Pulse makes to GitHub: questions in GraphQL, and the few that only REST answers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from integrations.errors import Permanent, TimedOut, Transient
from integrations.http import HttpClient, Response, shared_client
from integrations.http_limits import LONGEST_WAIT_SECONDS
from integrations.json_values import UnreadableError, instant
from integrations.provider import Connection
from integrations.providers.github.address import HEADERS, Address, address_of
from integrations.providers.github.auth import Credentials, checked_credentials
from integrations.providers.github.queries import without
from integrations.providers.github.refusals import (
    TooMuch,
    UnknownFields,
    advised,
    errors_of,
    judged,
    judged_graph,
)

__all__ = ["GitHubClient", "GraphAnswer", "TooMuch", "client_for"]

_UNAUTHORISED = 401


@dataclass(frozen=True)
class GraphAnswer:
    """An answer of GraphQL. ``errors`` say which paths do not exist or may not be seen: `refusals.at_a_path`.

    ``cost`` and ``remaining`` are points, of the budget that is filled again at ``reset_at``. All are None where a
    question does not ask for ``rateLimit``, or the site has no limits.
    """

    response: Response
    data: dict[str, Any]
    errors: list[dict[str, Any]]
    cost: int | None
    remaining: int | None
    reset_at: datetime | None


class GitHubClient:
    """Safe to share between threads."""

    def __init__(self, http: HttpClient, address: Address, credentials: Credentials) -> None:
        self._http, self.address, self._credentials = http, address, credentials
        # Fields that this version of Enterprise Server does not have.
        self._unknown: frozenset[str] = frozenset()

    def query(self, document: str, variables: Mapping[str, Any], name: str) -> GraphAnswer:
        """The answer to a question; ``name`` is what messages call it.

        A question that asks for ``rateLimit { cost remaining resetAt }`` holds the integration back where the points
        that are left do not pay for another one like it.

        Raises TooMuch where less is to be asked for, else what `HttpClient.request` raises.
        https://docs.github.com/en/graphql/guides/forming-calls-with-graphql
        """
        try:
            return self._query(without(document, self._unknown), variables, name)
        except UnknownFields as error:
            self._unknown |= error.names
        return self._query(without(document, self._unknown), variables, name)

    def _query(self, document: str, variables: Mapping[str, Any], name: str) -> GraphAnswer:
        body = {"query": document, "variables": dict(variables)}
        try:
            with self._advised():
                response = self._http.request("POST", self.address.graphql, json=body, judge=_judged_graph, name=name)
        except TimedOut as error:
            raise TooMuch(str(error)) from error
        return _read(response)

    def rest(self, method: str, path: str, params: Mapping[str, str | int] | None = None) -> Response:
        """A call of REST, by its path at GitHub.com: /user, /meta. Raises what `HttpClient.request` raises."""
        with self._advised():
            return self._http.request(method, f"{self.address.rest}{path}", params=params, judge=judged)

    @contextmanager
    def _advised(self) -> Iterator[None]:
        try:
            yield
        except Permanent as error:
            if error.status != _UNAUTHORISED:
                raise
            told = advised(error, self._credentials.advice)
            if self._credentials.renewed is None or told is error:
                raise told from error
            # The token was minted a moment ago (`RenewedToken`), and some of the site's hosts may not know it yet.
            raise Transient(str(told)) from error


def _judged_graph(response: Response) -> Response:
    """With what the points in the answer say, beside the headers, of the next question."""
    answer = _read(judged_graph(response))
    told = [seconds for seconds in (response.spent_seconds, _spent_seconds(answer)) if seconds is not None]
    return replace(response, spent_seconds=max(told, default=None))


def _spent_seconds(answer: GraphAnswer) -> float | None:
    """Until there are points for the same question again; None where there are."""
    cost, remaining, reset_at = answer.cost, answer.remaining, answer.reset_at
    if cost is None or remaining is None or reset_at is None or remaining >= cost:
        return None
    # By the site's own clock, which may differ from ours.
    seconds = (reset_at - (answer.response.source_time or datetime.now(UTC))).total_seconds()
    return min(seconds, LONGEST_WAIT_SECONDS) if seconds > 0 else None


def _read(response: Response) -> GraphAnswer:
    content = response.json()
    data = content["data"] if type(content.get("data")) is dict else {}
    limit = data["rateLimit"] if type(data.get("rateLimit")) is dict else {}
    cost, remaining = _number(limit, "cost"), _number(limit, "remaining")
    return GraphAnswer(response, data, errors_of(content), cost, remaining, _reset_at(limit))


def _number(limit: Mapping[str, Any], name: str) -> int | None:
    found = limit.get(name)
    return found if type(found) is int else None


def _reset_at(limit: Mapping[str, Any]) -> datetime | None:
    try:
        return instant(limit, "resetAt")
    except UnreadableError:
        return None


def client_for(connection: Connection) -> GitHubClient:
    """This process's client of an integration. Raises Permanent where a setting is missing or wrong."""
    return shared_client(connection, _client)


def _client(connection: Connection) -> GitHubClient:
    address, credentials = address_of(connection.setting("base_url")), checked_credentials(connection)
    http = HttpClient(address.root, auth=credentials.renewed, headers=HEADERS | credentials.headers)
    return GitHubClient(http, address, credentials)
