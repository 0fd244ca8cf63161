"""The part of JQL that an extractor uses: bounded conditions joined by AND, and an order.

https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from integrations.sandbox.http import ApiError
from integrations.sandbox.jira.catalog import Project
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.timestamps import milliseconds

Test = Callable[[Entry], bool]
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<sign>>=|<=|[=<>(),])|(?P<word>[^\s()=<>!,"']+))"""
)
COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
DATE_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
MOST_ORDERS = 7
# More than any project has issues, so that keys sort by project first, then by number, as Jira does.
PROJECT_RANK = 10**9
ORDERS: dict[str, Callable[[Entry], int]] = {
    "updated": lambda entry: entry.updated,
    "created": lambda entry: entry.created,
    "id": lambda entry: entry.id,
}
KEY_NAMES = ("key", "issuekey", "id", "issue")


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. `projects` are the keys of the projects that it names."""

    tests: tuple[Test, ...]
    order: tuple[tuple[Callable[[Entry], int], int], ...]
    projects: frozenset[str]

    def matches(self, entry: Entry) -> bool:
        return all(test(entry) for test in self.tests)

    def position(self, entry: Entry) -> tuple[int, ...]:
        """Sorts ascending in the order that was asked for; the id at the end makes it unique."""
        return (*(sign * value(entry) for value, sign in self.order), entry.id)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    quoted: bool

    @property
    def word(self) -> str:
        return "" if self.quoted else self.text.lower()


def parse(jql: str, projects: Sequence[Project], zone: ZoneInfo) -> Query:
    """Raises ApiError 400 for what is unbounded, not understood or unknown. `zone` is that of date strings."""
    return _Parser(_tokens(jql), projects, zone).query()


def _tokens(jql: str) -> list[_Token]:
    found, place = [], 0
    jql = jql.rstrip()
    while place < len(jql):
        match = TOKEN.match(jql, place)
        if match is None:
            raise ApiError(400, f"Error in the JQL Query: The character '{jql[place]}' is not understood.")
        quoted = match.lastgroup == "text"
        text = match[match.lastgroup or 0]
        # A backslash escapes the next character inside quotes.
        found.append(_Token(re.sub(r"\\(.)", r"\1", text[1:-1]) if quoted else text, quoted))
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token], projects: Sequence[Project], zone: ZoneInfo) -> None:
        # Reversed: the next token is then popped from the end.
        self._tokens, self._zone = tokens[::-1], zone
        self._by_name = {
            name.lower(): project for project in projects for name in (project.key, project.id, project.name)
        }
        ranked = sorted(project.key for project in projects)
        self._rank = {key: place * PROJECT_RANK for place, key in enumerate(ranked)}
        self._named: set[str] = set()

    def query(self) -> Query:
        tests = [] if self._next() in ("order", "") else self._conditions()
        # Newest first where nothing is said.
        order = self._order() if self._next() == "order" else [(ORDERS["id"], -1)]
        if self._tokens:
            raise self._unexpected()
        if not tests:
            raise ApiError(
                400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        return Query(tuple(tests), tuple(order), frozenset(self._named))

    def _conditions(self) -> list[Test]:
        tests = self._condition()
        while self._next() == "and":
            self._take()
            tests += self._condition()
        return tests

    def _condition(self) -> list[Test]:
        if self._next() == "(":
            self._take()
            inner = self._conditions()
            self._expect(")")
            return inner
        name = self._take().text.lower()
        if name == "project":
            return [self._project()]
        if name in KEY_NAMES:
            return [self._issue()]
        if name in ("updated", "created"):
            return [self._moment(name)]
        raise ApiError(400, f"Field '{name}' does not exist or you do not have permission to view it.")

    def _project(self) -> Test:
        chosen = {self._project_named(value) for value in self._values()}
        self._named |= chosen
        return lambda entry: entry.project.key in chosen

    def _project_named(self, value: str) -> str:
        if value.lower() not in self._by_name:
            raise ApiError(400, f"The value '{value}' does not exist for the field 'project'.")
        return self._by_name[value.lower()].key

    def _issue(self) -> Test:
        chosen = {value.upper() for value in self._values()}
        return lambda entry: entry.key in chosen or str(entry.id) in chosen

    def _moment(self, name: str) -> Test:
        sign = self._take().word
        if sign not in COMPARISONS:
            raise ApiError(400, f"The operator '{sign}' is not supported by the '{name}' field.")
        compare, value, limit = COMPARISONS[sign], ORDERS[name], self._instant(name, self._take())
        return lambda entry: bool(compare(value(entry), limit))

    def _instant(self, name: str, token: _Token) -> int:
        """Epoch milliseconds without quotes, else a date in the caller's time zone with the precision of a minute."""
        if token.word.isdigit():
            return int(token.word)
        for form in DATE_FORMATS:
            try:
                return milliseconds(datetime.strptime(token.text, form).replace(tzinfo=self._zone))
            except ValueError:
                continue
        raise ApiError(
            400, f"Date value '{token.text}' for field '{name}' is invalid. Valid formats include: 'yyyy-MM-dd HH:mm'."
        )

    def _values(self) -> list[str]:
        sign = self._take().word
        if sign == "=":
            return [self._take().text]
        if sign != "in":
            raise ApiError(400, f"Error in the JQL Query: The operator '{sign}' is not understood here.")
        self._expect("(")
        values = [self._take().text]
        while self._next() == ",":
            self._take()
            values.append(self._take().text)
        self._expect(")")
        return values

    def _order(self) -> list[tuple[Callable[[Entry], int], int]]:
        self._take()
        self._expect("by")
        order = [self._order_term()]
        while self._next() == ",":
            self._take()
            order.append(self._order_term())
        if len(order) > MOST_ORDERS:
            raise ApiError(400, f"The maximum number of fields to order by is {MOST_ORDERS}.")
        return order

    def _order_term(self) -> tuple[Callable[[Entry], int], int]:
        name = self._take().word
        value = self._by_key if name in KEY_NAMES and name != "id" else ORDERS.get(name)
        if value is None:
            raise ApiError(400, f"Not able to sort using field '{name}'.")
        return value, -1 if self._direction() == "desc" else 1

    def _by_key(self, entry: Entry) -> int:
        return self._rank[entry.project.key] + entry.number

    def _direction(self) -> str:
        return self._take().word if self._next() in ("asc", "desc") else "asc"

    def _next(self) -> str:
        return self._tokens[-1].word if self._tokens else ""

    def _take(self) -> _Token:
        if not self._tokens:
            raise ApiError(400, "Error in the JQL Query: The query ends too early.")
        return self._tokens.pop()

    def _expect(self, word: str) -> None:
        if self._next() != word:
            raise self._unexpected()
        self._take()

    def _unexpected(self) -> ApiError:
        found = self._tokens[-1].text if self._tokens else "the end"
        return ApiError(400, f"Error in the JQL Query: '{found}' is not expected here.")
