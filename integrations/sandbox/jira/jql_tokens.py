"""JQL cut into words, values and signs."""

import re
from dataclasses import dataclass

from integrations.sandbox.http import ApiError

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<sign>>=|<=|!=|[=<>(),])|(?P<word>[^\s()=<>!,"']+))"""
)


@dataclass(frozen=True, slots=True)
class Token:
    """`text` as written, without quotes; `word` in lower case, and empty where quotes make it a value."""

    text: str
    quoted: bool

    @property
    def word(self) -> str:
        return "" if self.quoted else self.text.lower()


def tokens_of(jql: str) -> list[Token]:
    """Raises ApiError 400 at the first character that fits nothing."""
    found, place = [], 0
    jql = jql.rstrip()
    while place < len(jql):
        match = TOKEN.match(jql, place)
        if match is None:
            raise ApiError(400, f"Error in the JQL Query: The character '{jql[place]}' is not understood.")
        quoted = match.lastgroup == "text"
        text = match[match.lastgroup or 0]
        # A backslash escapes the next character inside quotes.
        found.append(Token(re.sub(r"\\(.)", r"\1", text[1:-1]) if quoted else text, quoted))
        place = match.end()
    return found
