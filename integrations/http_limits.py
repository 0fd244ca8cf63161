"""What the headers of an answer say of a site's rate limits: how long to wait, and how much is left.

Read are ``Retry-After``, ``X-RateLimit-Reset``, the structured ``RateLimit`` of Jira Cloud's gateway and Data Center's
``X-RateLimit-Interval-Seconds``. Dates are compared with the site's own clock. Names of headers are in lower case, or
in a mapping that does not tell cases apart.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# A header that says more is taken for nonsense: a unit must not be parked for years.
LONGEST_WAIT_SECONDS = 24 * 3600
# Some sites give X-RateLimit-Reset as seconds from now. As a time since 1970 so small a number means nothing.
_LARGEST_DELTA = 10**8
_number = re.compile(r"\d{1,15}(\.\d*)?")
# Below nothing too: a site that lets through what was on its way counts on.
_nothing_left = re.compile(r"0|-\d{1,15}")
_something_left = re.compile(r"0*[1-9]\d{0,14}")
# A proxy may add the header a second time: then both count, and come with a comma between them.
_numbers = re.compile(r"\d{1,15}(\.\d*)?(\s*,\s*\d{1,15}(\.\d*)?)*")
_whole = re.compile(r"-?\d{1,15}")
# One policy of `"name";r=0;t=600, "other";r=5;t=1`: name and parameters. A comma within the quotes ends nothing.
_policy = re.compile(r'(?:"([^"]*)"|([\w.*-]+))((?:\s*;\s*\w+\s*=[^;,]*)+)')
_parameter = re.compile(r";\s*(\w+)\s*=\s*(\d{1,9})")

_LONGEST_NAME = 100


@dataclass(frozen=True)
class Quota:
    """What is ``left`` of a budget of ``limit`` calls, or points that calls cost, until it is full again at
    ``resets_at``; its ``name`` is '' where it has none.
    """

    left: int
    limit: int | None
    resets_at: datetime | None
    name: str


def quota(headers: Mapping[str, str]) -> Quota | None:
    """The budget of which the smallest part is left; None where the site tells of none.

    What a site announces under names that begin with "beta-" does not hold yet, and is not read.
    """
    told = [*_policy_quotas(headers), *_header_quota(headers)]
    return min(told, key=lambda one: one.left / (one.limit or one.left or 1), default=None)


def wait_seconds(headers: Mapping[str, str]) -> float | None:
    """How long a site that refused a call asks to wait; None where it does not say.

    What it says in so many words goes before what it says of its budgets. A time that is past says nothing: Jira
    leaves the seconds away, so the limit may last for most of a minute more.
    """
    for read in (_retry_after, _reset, _spent_policies, _interval):
        seconds = read(headers)
        if seconds is not None:
            return min(seconds, LONGEST_WAIT_SECONDS)
    return None


def spent_seconds(headers: Mapping[str, str]) -> float | None:
    """For how long an answer, a good one, leaves nothing for the next call; None where there is no such word.

    A ``Retry-After`` alone does not count: Data Center sends it with each answer, 0 while tokens remain.
    """
    if _is_spent(headers):
        return wait_seconds(headers) or None
    seconds = _spent_policies(headers)
    return None if seconds is None else min(seconds, LONGEST_WAIT_SECONDS)


def is_limit(headers: Mapping[str, str]) -> bool:
    """Whether a refusal that may have other reasons is one of a limit: it says when to come again, or nothing is left.

    A ``Retry-After`` of 0 does not count: Data Center sends it with each answer while tokens remain.
    """
    return bool(_retry_after(headers)) or _is_spent(headers)


def source_time(headers: Mapping[str, str]) -> datetime | None:
    """The site's own clock, from the Date header."""
    return _http_date(headers.get("date", ""))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "").strip()
    if _numbers.fullmatch(text):
        return max(map(float, text.split(",")))
    until = _http_date(text)
    return None if until is None else max(0.0, _seconds_to(until, headers))


def _is_spent(headers: Mapping[str, str]) -> bool:
    return bool(_nothing_left.fullmatch(headers.get("x-ratelimit-remaining", "").strip()))


def _reset(headers: Mapping[str, str]) -> float | None:
    """A budget of which something is left does not count: it was another limit that refused."""
    if _something_left.fullmatch(headers.get("x-ratelimit-remaining", "").strip()):
        return None
    return _seconds_to_reset(headers)


def _seconds_to_reset(headers: Mapping[str, str]) -> float | None:
    text = headers.get("x-ratelimit-reset", "").strip()
    if _number.fullmatch(text) and float(text) < _LARGEST_DELTA:
        return float(text) or None
    until = _reset_time(text)
    seconds = 0.0 if until is None else _seconds_to(until, headers)
    return seconds if seconds > 0 else None


def _spent_policies(headers: Mapping[str, str]) -> float | None:
    """The longest time to the reset of a policy of which nothing remains."""
    policies = _policies(headers, "ratelimit").values()
    return max((float(said["t"]) for said in policies if said.get("r") == 0 and said.get("t")), default=None)


def _policies(headers: Mapping[str, str], header: str) -> dict[str, dict[str, int]]:
    """The whole numbers among the parameters of each policy, by its name."""
    return {
        (quoted or bare)[:_LONGEST_NAME]: {name: int(number) for name, number in _parameter.findall(parameters)}
        for quoted, bare, parameters in _policy.findall(headers.get(header, ""))
    }


def _policy_quotas(headers: Mapping[str, str]) -> Iterator[Quota]:
    limits = _policies(headers, "ratelimit-policy")
    for name, said in _policies(headers, "ratelimit").items():
        if "r" in said:
            yield Quota(said["r"], limits.get(name, {}).get("q"), _from_now(said.get("t")), name)


def _header_quota(headers: Mapping[str, str]) -> Iterator[Quota]:
    left, limit = _whole_number(headers, "x-ratelimit-remaining"), _whole_number(headers, "x-ratelimit-limit")
    if left is not None:
        name = headers.get("x-ratelimit-resource", "")[:_LONGEST_NAME]
        yield Quota(max(0, left), limit, _from_now(_seconds_to_reset(headers)), name)


def _whole_number(headers: Mapping[str, str], header: str) -> int | None:
    text = headers.get(header, "").strip()
    return int(text) if _whole.fullmatch(text) else None


def _from_now(seconds: float | None) -> datetime | None:
    return datetime.now(UTC) + timedelta(seconds=min(seconds, LONGEST_WAIT_SECONDS)) if seconds else None


def _interval(headers: Mapping[str, str]) -> float | None:
    """Data Center's bucket gets new tokens once in an interval."""
    text = headers.get("x-ratelimit-interval-seconds", "").strip()
    return float(text) or None if _number.fullmatch(text) else None


def _seconds_to(until: datetime, headers: Mapping[str, str]) -> float:
    return (until - (source_time(headers) or datetime.now(UTC))).total_seconds()


def _reset_time(text: str) -> datetime | None:
    """Epoch seconds, or ISO 8601, which Jira writes without seconds."""
    try:
        found = datetime.fromtimestamp(float(text), UTC) if _number.fullmatch(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
