"""What must not be read in logs, nor in what is stored of requests and errors: secrets are replaced by "…".

Two rules that know nothing of whose secret it is: what stands behind a name that secrets have (`password=`, a header, a
key of JSON), and what looks like a token whoever names it. The installation's own keys are known by their values.
Imports nothing of Django: the settings name the filter.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "…"
# Shorter values are found by chance in what is none.
SHORTEST_VALUE = 8
LARGEST_DEPTH = 100
CURSOR = "cursor"

_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|(?:api|access|refresh|auth|id|bearer|session|private[-_]?access)[-_]?token"
    r"|(?:client|app|webhook|shared|signing)[-_]?secret|(?:api|secret|private|access|signing|encryption|internal[-_]?auth)"
    r"[-_]?key|x-api-key|credentials?|authorization|proxy-authorization|cookie|set-cookie|x-internal-auth|sessionid"
    r"|csrftoken|x-csrftoken"
)
_IS_SECRET = re.compile(rf"(?:{_NAMES})s?", re.IGNORECASE)
# The whole header: cookies and schemes have spaces in them.
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-internal-auth|x-api-key)(['\"]?\s*[:=]\s*['\"]?)"
    r"(?!['\"\s])[^\r\n'\"]+"
)
_NAMED = re.compile(
    # not a part of another word: nextPageToken is no token, "token: wait 5 s" says nothing of one
    rf"(?i)(?<![A-Za-z])({_NAMES})(['\"]?\s*=\s*|['\"]\s*:\s*|\s*:\s*(?=['\"]))(\"[^\"]*\"|'[^']*'|[^\s&,;'\"<>)\]}}]+)"
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic|api-key|digest)\s+(?=[A-Za-z0-9._~+/=-]*[0-9._~+/=-])[A-Za-z0-9._~+/=-]{8,}")
# No part of a pattern is searched without bound from each place: a line may be somebody's attempt to be read for ever.
_IN_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]{1,19}://)[^\s/?#@'\"]+@", re.IGNORECASE)
# Spaces too: an address is logged as it reads. Before a status it ends.
_WEBHOOK = re.compile(r"(/webhooks/[^/\s]+/\d+/)[^\r\n'\"?]+?(?=\s\d{3}(?:\s|\Z)|[\r\n'\"?]|\Z)")
_LOOKS = re.compile(
    r"\beyJ[\w-]{5,1000}\.[\w-]{5,8000}\.[\w-]*"  # JWT
    r"|\bpk_[a-z0-9]{8}_[\w-]{20,}"  # our API keys
    r"|\bgh[oprsu]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"  # GitHub
    r"|\bATATT[\w=-]{20,}|\bATCTT[\w=-]{20,}"  # Atlassian
    r"|\bgAAAAA[\w-]{40,}=*"  # Fernet
    r"|\b(?:sk|xox[abp])-[\w-]{20,}"  # OpenAI, Slack
    r"|\bAKIA[A-Z0-9]{16}\b"  # AWS
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)


def redacted(text: str) -> str:
    """The text without what looks like secrets."""
    text = _LOOKS.sub(HIDDEN, text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _NAMED.sub(_hidden, text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    text = _IN_ADDRESS.sub(rf"\1{HIDDEN}@", text)
    return _WEBHOOK.sub(rf"\1{HIDDEN}", text)


def _hidden(found: re.Match[str]) -> str:
    quote = found[3][0] if found[3][0] in "'\"" else ""
    return f"{found[1]}{found[2]}{quote}{HIDDEN}{quote}"


def redacted_json(value: Any, depth: int = 0) -> Any:
    """The same of a JSON value. What is said under a secret's name is hidden whole.

    What stands under "cursor" is left: it says where a reader goes on, often in a token that opens nothing.
    """
    if isinstance(value, str):
        return redacted(value)
    if depth >= LARGEST_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {name: _of(name, inner, depth) for name, inner in value.items()}
    return [redacted_json(inner, depth + 1) for inner in value] if isinstance(value, list | tuple) else value


def _of(name: object, value: Any, depth: int) -> Any:
    if name == CURSOR:
        return value
    if value not in (None, "", [], {}) and is_secret(str(name)):
        return HIDDEN
    return redacted_json(value, depth + 1)


def is_secret(name: str) -> bool:
    """Whether what has that name is a secret."""
    return _IS_SECRET.fullmatch(name) is not None


class Redacted(logging.Filter):
    """Lets every record through without its secrets: in its message, its arguments, its traceback.

    ``known`` are the installation's own keys, hidden wherever they stand.
    """

    _formatter = logging.Formatter()

    def __init__(self, known: Iterable[str] = ()) -> None:
        super().__init__()
        self._known = [value for value in known if len(value) >= SHORTEST_VALUE]

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._clean(_message(record)), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._clean(record.exc_text)
        if record.stack_info:
            record.stack_info = self._clean(record.stack_info)
        return True

    def _clean(self, text: str) -> str:
        for value in self._known:
            text = text.replace(value, HIDDEN)
        return redacted(text)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        # Arguments that do not fit: what logging would say of them shows them.
        return f"{record.msg} {record.args!r}"
