"""The part of JQL that an extractor uses: conditions with AND, OR, NOT and parentheses, and an order.

https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from integrations.sandbox.http import ApiError
from integrations.sandbox.jira.catalog import CATEGORIES, Project, Status
from integrations.sandbox.jira.entries import Entry
from integrations.sandbox.jira.jql_tokens import Token, tokens_of
from integrations.sandbox.jira.timestamps import milliseconds

Test = Callable[[Entry], bool]
Value = TypeVar("Value")
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


def _no_issue(id_or_key: str) -> Entry | None:
    return None


def _first_status(entry: Entry) -> Status:
    return entry.project.workflow_of(entry.type).chain[0]


@dataclass(frozen=True, slots=True)
class Account:
    """For whom JQL is read. `zone` is that of date strings; `find` and `status_of` look issues up.

    `epochs`: whether a bare number is an instant in epoch ms. `strict`: an unknown issue or project is a 400 and not
    simply no hit.
    """

    projects: Sequence[Project]
    zone: ZoneInfo
    statuses: Sequence[Status] = ()
    status_of: Callable[[Entry], Status] = _first_status
    find: Callable[[str], Entry | None] = _no_issue
    epochs: bool = True
    strict_projects: bool = True
    strict_issues: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. `projects` are the keys of the projects that it names."""

    test: Test
    order: tuple[tuple[Callable[[Entry], int], int], ...]
    projects: frozenset[str]

    def position(self, entry: Entry) -> tuple[int, ...]:
        """Sorts ascending in the order that was asked for; the id at the end makes it unique."""
        return (*(sign * value(entry) for value, sign in self.order), entry.id)


def parse(jql: str, account: Account) -> Query:
    """Raises ApiError 400 for what is unbounded, not understood or unknown."""
    return _Parser(tokens_of(jql)[::-1], account).query()


@dataclass(slots=True)
class _Parser:
    # Reversed: the next token is popped from the end.
    tokens: list[Token]
    account: Account
    named: set[str] = field(default_factory=set)

    def query(self) -> Query:
        test = None if self._next() in ("order", "") and not self._quoted() else self._either()
        # Newest first where nothing is said.
        order = self._order() if self._next() == "order" else [(ORDERS["id"], -1)]
        if self.tokens:
            raise self._unexpected()
        if test is None:
            raise ApiError(
                400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        return Query(test, tuple(order), frozenset(self.named))

    def _either(self) -> Test:
        tests = [self._all()]
        while self._next() == "or":
            self._take()
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda entry: any(test(entry) for test in tests)

    def _all(self) -> Test:
        tests = [self._condition()]
        while self._next() == "and":
            self._take()
            tests.append(self._condition())
        return tests[0] if len(tests) == 1 else lambda entry: all(test(entry) for test in tests)

    def _condition(self) -> Test:
        if self._next() == "(":
            self._take()
            inner = self._either()
            self._expect(")")
            return inner
        if self._next() == "not":
            self._take()
            return _negated(self._condition())
        return self._clause(self._take().text.lower())

    def _clause(self, name: str) -> Test:
        if name in ("updated", "created"):
            return self._moment(name)
        if name in KEY_NAMES:
            return self._among(lambda entry: entry.id, self._issue_named)
        if name == "project":
            return self._among(lambda entry: entry.project.key, self._project_named)
        if name in ("issuetype", "type"):
            return self._among(lambda entry: entry.type.id, self._type_named)
        if name == "status":
            return self._among(lambda entry: self.account.status_of(entry).id, self._status_named)
        if name == "statuscategory":
            return self._among(lambda entry: self.account.status_of(entry).category, self._category_named)
        raise ApiError(400, f"Field '{name}' does not exist or you do not have permission to view it.")

    def _among(self, value: Callable[[Entry], Value], named: Callable[[str], Sequence[Value]]) -> Test:
        """`field = x`, `!= x`, `in (x, y)` or `not in (x, y)`; one name may mean several values."""
        negated, names = self._values()
        chosen = {found for name in names for found in named(name)}
        return (lambda entry: value(entry) not in chosen) if negated else (lambda entry: value(entry) in chosen)

    def _project_named(self, name: str) -> Sequence[str]:
        for project in self.account.projects:
            if name.lower() in (project.key.lower(), project.id, project.name.lower()):
                self.named.add(project.key)
                return [project.key]
        return self._unknown("project", name, self.account.strict_projects)

    def _issue_named(self, name: str) -> Sequence[int]:
        entry = self.account.find(name)
        return [entry.id] if entry else self._unknown("issue", name, self.account.strict_issues)

    def _type_named(self, name: str) -> Sequence[str]:
        types = [kind for project in self.account.projects for kind in project.types]
        found = [kind.id for kind in types if name.lower() in (kind.id, kind.name.lower())]
        return found or self._unknown("issuetype", name, strict=True)

    def _status_named(self, name: str) -> Sequence[str]:
        # Team-managed projects repeat names: all of them are meant.
        found = [status.id for status in self.account.statuses if name.lower() in (status.id, status.name.lower())]
        return found or self._unknown("status", name, strict=True)

    def _category_named(self, name: str) -> Sequence[str]:
        known = [key for key, shown in CATEGORIES.items() if name.lower() in (key, shown["name"].lower())]
        return known or self._unknown("statusCategory", name, strict=True)

    def _unknown(self, name: str, value: str, strict: bool) -> Sequence[Value]:
        if strict:
            raise ApiError(400, f"The value '{value}' does not exist for the field '{name}'.")
        return []

    def _moment(self, name: str) -> Test:
        sign = self._take().word
        if sign not in COMPARISONS:
            raise ApiError(400, f"The operator '{sign}' is not supported by the '{name}' field.")
        compare, value, limit = COMPARISONS[sign], ORDERS[name], self._instant(name, self._take())
        return lambda entry: bool(compare(value(entry), limit))

    def _instant(self, name: str, token: Token) -> int:
        """Epoch milliseconds without quotes, else a date in the account's time zone with the precision of a minute."""
        if token.word.isdigit() and self.account.epochs:
            return int(token.word)
        for form in DATE_FORMATS:
            try:
                return milliseconds(datetime.strptime(token.text, form).replace(tzinfo=self.account.zone))
            except ValueError:
                continue
        raise ApiError(
            400, f"Date value '{token.text}' for field '{name}' is invalid. Valid formats include: 'yyyy-MM-dd HH:mm'."
        )

    def _values(self) -> tuple[bool, list[str]]:
        """Whether the operator is a negative one, and the values after it."""
        sign = self._take().word
        if sign in ("=", "!="):
            return sign == "!=", [self._value()]
        negated = sign == "not"
        if negated:
            sign = self._take().word
        if sign != "in":
            raise ApiError(400, f"Error in the JQL Query: The operator '{sign}' is not understood here.")
        self._expect("(")
        values = [self._value()]
        while self._next() == ",":
            self._take()
            values.append(self._value())
        self._expect(")")
        return negated, values

    def _value(self) -> str:
        token = self._take()
        if token.word in ("(", ")", ",", *COMPARISONS):
            raise ApiError(400, f"Error in the JQL Query: '{token.text}' is not expected here.")
        return token.text

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
        value = self._by_key() if name in KEY_NAMES and name != "id" else ORDERS.get(name)
        if value is None:
            raise ApiError(400, f"Not able to sort using field '{name}'.")
        return value, -1 if self._direction() == "desc" else 1

    def _by_key(self) -> Callable[[Entry], int]:
        ranked = sorted(project.key for project in self.account.projects)
        rank = {key: place * PROJECT_RANK for place, key in enumerate(ranked)}
        return lambda entry: rank[entry.project.key] + entry.number

    def _direction(self) -> str:
        return self._take().word if self._next() in ("asc", "desc") else "asc"

    def _next(self) -> str:
        return self.tokens[-1].word if self.tokens else ""

    def _quoted(self) -> bool:
        return bool(self.tokens) and self.tokens[-1].quoted

    def _take(self) -> Token:
        if not self.tokens:
            raise ApiError(400, "Error in the JQL Query: The query ends too early.")
        return self.tokens.pop()

    def _expect(self, word: str) -> None:
        if self._next() != word:
            raise self._unexpected()
        self._take()

    def _unexpected(self) -> ApiError:
        found = self.tokens[-1].text if self.tokens else "the end"
        return ApiError(400, f"Error in the JQL Query: '{found}' is not expected here.")


def _negated(test: Test) -> Test:
    return lambda entry: not test(entry)
