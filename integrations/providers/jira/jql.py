"""JQL from a partition's question, with times that no time zone can turn against us.

Jira Cloud compares with epoch milliseconds. Data Center only knows dates in words, to the minute, which it reads in
the time zone of the account that asks. ``zone`` is that zone, `UNKNOWN_ZONE` where the site does not tell it, None for
Cloud.

https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from integrations.providers.jira.questions import Question, midnight

# An issue that is edited while pages are read moves to a page already read, where the next sync finds it, and pushes
# none across a page's edge unseen; oldest first could skip one for good.
NEWEST_FIRST = "updated DESC, id DESC"
FIRST_CREATED = "created ASC, id ASC"
# In no zone clocks show less, and in no zone more: a bound that is told so holds whatever zone it is read in. It is
# another object than the zone of that name, in which an account can be.
UNKNOWN_ZONE = ZoneInfo.no_cache("Etc/GMT+12")
_EASTERNMOST = ZoneInfo("Etc/GMT-14")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALMOST_A_MINUTE = timedelta(milliseconds=59_999)


def issue_query(
    question: Question, zone: ZoneInfo | None, *, until: int | None = None, order: str = NEWEST_FIRST
) -> str:
    """The JQL of a partition. ``until`` (epoch ms, Cloud only) leaves out what was updated later."""
    return f"{bounded(question, zone, until)} ORDER BY {order}"


def bounded(question: Question, zone: ZoneInfo | None, until: int | None = None) -> str:
    """All conditions of a question, without an order."""
    return " AND ".join(_conditions(question, zone, until))


def _conditions(question: Question, zone: ZoneInfo | None, until: int | None) -> Iterator[str]:
    yield f"project = {quoted(question['project_key'])}"
    if question["since"] is not None:
        yield f"updated >= {lower_bound(question['since'], zone)}"
    if question["start_date"]:
        yield f"updated >= {_start(question['start_date'], zone)}"
    first, end = question.get("updated") or (None, None)
    if first is not None:
        yield f"updated >= {lower_bound(first, zone)}"
    if end is not None:
        yield f"updated < {upper_bound(end, zone)}"
    if until is not None:
        yield f"updated <= {until}"
    begin, end = question["window"] or (None, None)
    if begin is not None:
        yield f"created >= {cut(begin, zone)}"
    if end is not None:
        yield f"created < {cut(end, zone)}"
    if question["base_search"]:
        yield f"({question['base_search']})"


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def lower_bound(instant: int, zone: ZoneInfo | None) -> str:
    """A time, as JQL writes it, that is never later than the instant (epoch ms), however the site reads it.

    Where clocks go back, a time of day comes twice. Jira does not say which of the two it takes, so one that could
    mean an instant after ours is moved back until it cannot.
    """
    if zone is None:
        return str(instant)
    wanted = _EPOCH + timedelta(milliseconds=instant)
    shown = _wall(wanted, zone)
    while (late := _latest(shown, zone) - wanted) > timedelta():
        shown = _wall(shown.replace(tzinfo=zone).astimezone(UTC) - late, zone)
    return _text(shown)


def upper_bound(instant: int, zone: ZoneInfo | None) -> str:
    """A time, as JQL writes it, that is never earlier than the instant (epoch ms), however the site reads it."""
    if zone is None:
        return str(instant)
    if zone is UNKNOWN_ZONE:
        zone = _EASTERNMOST
    wanted = _EPOCH + timedelta(milliseconds=instant)
    shown = _wall(wanted + _ALMOST_A_MINUTE, zone)
    while (early := wanted - _earliest(shown, zone)) > timedelta():
        shown = _wall(_earliest(shown, zone) + 2 * early + _ALMOST_A_MINUTE, zone)
    return _text(shown)


def cut(instant: int, zone: ZoneInfo | None) -> str:
    """Where two windows meet: the same text for both, so that nothing lies between them or in both."""
    return str(instant) if zone is None else _text(_wall(_EPOCH + timedelta(milliseconds=instant), zone))


def _start(day: str, zone: ZoneInfo | None) -> str:
    """A day's beginning: for Cloud in UTC; Data Center itself knows when it begins in the zone of the account."""
    return str(midnight(day)) if zone is None else quoted(f"{date.fromisoformat(day):%Y/%m/%d}")


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """What a clock in the zone shows then, to the minute."""
    return instant.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)


def _latest(shown: datetime, zone: ZoneInfo) -> datetime:
    """The last instant at which a clock in the zone shows that."""
    return max(shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def _earliest(shown: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which a clock in the zone shows that."""
    return min(shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def _text(shown: datetime) -> str:
    return quoted(f"{shown:%Y/%m/%d %H:%M}")
