"""Words in a pull request that may be keys of work items: 'PAY-12'. The load finds out which of them are.

Where they are looked for is where Jira and GitHub's own integrations look: the title, the branch and the messages of
the commits; in small letters too, as in 'feature/pay-12-refunds' and 'fix(pay-12): refunds'. Bodies are not read: they
quote logs, templates and the release notes of dependencies, and name work items that the change is not about.
"""

import re
from collections.abc import Iterable, Iterator

# More than the 250 commits that a pull request shows.
MOST_MENTIONS = 1000

# A letter or digit before or after makes it a part of a longer word. Scripts that are written without spaces do not.
_WORD = "A-Za-z0-9À-ÖØ-öø-ɏ"
_KEY = re.compile(rf"(?<![{_WORD}])[A-Za-z][A-Za-z0-9_]{{1,254}}-[1-9][0-9]{{0,9}}(?![{_WORD}])(?!\.[0-9])")


def mentioned_keys(title: str, branch: str, messages: Iterable[str]) -> tuple[str, ...]:
    """The words in capitals, each once, in the order of where they stand first; at most `MOST_MENTIONS`."""
    found: dict[str, None] = {}
    for text in (title, branch, *messages):
        for key in _keys(text):
            found[key] = None
            if len(found) == MOST_MENTIONS:
                return tuple(found)
    return tuple(found)


def _keys(text: str) -> Iterator[str]:
    for word in _KEY.findall(text):
        yield word.upper()
        # 'ada_pay-12' and 'fix_PAY-12' may be PAY-12 as well; all in capitals it would be the key of FIX_PAY.
        prefix, _, last = word.rpartition("_")
        if prefix and not word.isupper() and _KEY.fullmatch(last):
            yield last.upper()
