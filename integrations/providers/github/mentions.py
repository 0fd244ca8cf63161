"""Words in a pull request that may be keys of work items: 'PAY-12'. The load finds out which of them are.

Where they are looked for is where Jira and GitHub's own integrations look: the title, the branch and the messages of
the commits. Bodies are not read: they quote logs, templates and the release notes of dependencies, and name work items
that the change is not about.
"""

import re
from collections.abc import Iterable, Iterator

MOST_MENTIONS = 200

# A letter or digit before or after makes it a part of a longer word. Scripts that are written without spaces do not.
_WORD = "A-Za-z0-9À-ÖØ-öø-ɏ"
_END = rf"(?![{_WORD}])(?!\.[0-9])"
_NUMBER = rf"-[1-9][0-9]{{0,9}}{_END}"
# "fix_PAY-12" names PAY-12, and xMY_PAY-12 nothing: behind capitals an underscore is no boundary.
_KEY = re.compile(rf"(?<![{_WORD}])(?<![A-Z]_)[A-Z][A-Z0-9_]{{1,254}}{_NUMBER}")
_KEY_IN_BRANCH = re.compile(rf"(?<![{_WORD}])[A-Za-z][A-Za-z0-9_]{{1,254}}{_NUMBER}")


def mentioned_keys(title: str, branch: str, messages: Iterable[str]) -> tuple[str, ...]:
    """The words in capitals, each once, in the order of where they stand first; at most `MOST_MENTIONS`."""
    found: dict[str, None] = {}
    for key in _all_keys(title, branch, messages):
        found[key] = None
        if len(found) == MOST_MENTIONS:
            break
    return tuple(found)


def _all_keys(title: str, branch: str, messages: Iterable[str]) -> Iterator[str]:
    yield from _keys(title)
    yield from _keys_in_branch(branch)
    for message in messages:
        yield from _keys(message)


def _keys(text: str) -> Iterator[str]:
    return (match.group() for match in _KEY.finditer(text))


def _keys_in_branch(branch: str) -> Iterator[str]:
    """Many tools and people write branches in small letters: feature/pay-12-refunds."""
    for word in _KEY_IN_BRANCH.findall(branch):
        yield word.upper()
        # In small letters 'ada_pay-12' may be PAY-12 as well; in capitals it would be the key of ADA_PAY.
        prefix, _, last = word.rpartition("_")
        if prefix and not word.isupper() and _KEY_IN_BRANCH.fullmatch(last):
            yield last.upper()
