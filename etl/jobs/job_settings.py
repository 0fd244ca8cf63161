"""The settings of a job: when it runs where not in its tenant's turn, and how its runs read where nothing else is said.

``{"cron": "0 3 * * 1-5", "timezone": "Europe/Berlin"}`` or ``{"interval_minutes": 30}``; ``{"config": {"full_sync":
true}}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Self
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from etl.jobs.asked import InvalidRequest, RunRequest
from etl.queue.fields import Fields, Undecodable
from integrations.errors import Permanent
from integrations.models import Integration

NAMES = ("cron", "timezone", "interval_minutes", "config")
# What a run can be asked besides makes it read less than all: of such a run no watermark is kept, so that one that is
# repeated would read the same again each time.
DEFAULTS = ("full_sync", "batch_size", "include_dev_status", "include_custom_fields")
_A_YEAR_MINUTES = 525_600


class InvalidSettings(Permanent):
    """Settings that nobody can have meant."""


@dataclass(frozen=True)
class Plan:
    """When a job is due by itself: at the times of ``cron``, read in ``timezone``, or so many minutes after the end of
    its last sync. With neither it has its turn among its tenant's jobs.
    """

    cron: str = ""
    timezone: str = "UTC"
    interval_minutes: int | None = None

    @property
    def has_turns(self) -> bool:
        return not self.cron and self.interval_minutes is None

    @classmethod
    def read(cls, source: Fields) -> Self:
        """Raises Undecodable."""
        found = cls(
            (source.optional_text("cron") or "").strip(),
            _checked_zone(source.optional_text("timezone")),
            _interval(source),
        )
        if found.cron and found.interval_minutes is not None:
            raise Undecodable(
                f"interval_minutes is {found.interval_minutes} beside cron {found.cron!r}: give one of them"
            )
        if found.cron:
            _check_cron(found.cron, found.timezone)
        return found

    def next_time(self, after: datetime) -> datetime:
        """The first time of the cron expression after another: aware, UTC.

        A time of day that clocks skip comes as soon as they have, one that they show twice comes once.
        """
        times = CronSim(self.cron, after.astimezone(ZoneInfo(self.timezone)))
        # While clocks show an hour for the second time, the times found first are those of the first.
        return next(time for found in times if (time := found.astimezone(UTC)) > after)

    def means(self, moment: datetime) -> bool:
        """Whether the cron expression means that time."""
        return self.next_time(moment - timedelta(seconds=1)) == moment


@dataclass(frozen=True)
class JobSettings:
    """``config`` are the defaults of the job's runs."""

    plan: Plan = Plan()
    config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, values: object, integration: Integration) -> Self:
        """Of what people wrote. Raises InvalidSettings, which names the setting and its value."""
        if not isinstance(values, dict):
            raise InvalidSettings(f"settings is {str(values)[:80]!r}, not an object")
        if unknown := sorted(set(values) - set(NAMES)):
            raise InvalidSettings(f"setting {unknown[0][:100]!r} is unknown; known are: {', '.join(NAMES)}")
        source = Fields(values)
        try:
            return cls(Plan.read(source), _checked_config(source.value("config"), integration))
        except Undecodable as error:
            raise InvalidSettings(f"setting {error}") from error


@lru_cache(maxsize=10_000)
def plan_of(settings: str) -> Plan:
    """The plan that stored settings hold, as JSON. What nobody checked and cannot be read is no plan."""
    try:
        return Plan.read(Fields.of_json(settings.encode()))
    except Undecodable:
        return Plan()


def _interval(source: Fields) -> int | None:
    if source.value("interval_minutes") is None:
        return None
    return source.integer("interval_minutes", within=(1, _A_YEAR_MINUTES))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _checked_zone(name: str | None) -> str:
    if name and name not in _zones():
        raise Undecodable(f"timezone is {name[:80]!r}, not one like Europe/Berlin")
    return name or "UTC"


def _check_cron(cron: str, timezone: str) -> None:
    wrong = f"cron is {cron[:80]!r}"
    # A sixth field would be seconds.
    if len(cron.split()) != 5:
        raise Undecodable(f"{wrong}: expected minute, hour, day of the month, month and day of the week (0 3 * * 1-5)")
    try:
        next(CronSim(cron, datetime.now(ZoneInfo(timezone))))
    except (CronSimError, ValueError) as error:  # the latter of numbers with thousands of digits
        raise Undecodable(f"{wrong}: {error}") from error
    except StopIteration:
        raise Undecodable(f"{wrong}: there is no such time") from None


def _checked_config(values: object, integration: Integration) -> dict[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise Undecodable(f"config is {str(values)[:80]!r}, not an object")
    if unknown := sorted(set(values) - set(DEFAULTS)):
        raise Undecodable(f"config has {unknown[0][:100]!r}; a job's runs may have: {', '.join(DEFAULTS)}")
    try:
        return RunRequest.parse(values, integration).config()
    except InvalidRequest as error:
        raise Undecodable(f"config: {error}") from error
