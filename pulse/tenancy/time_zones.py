"""The time zones that people read the admin's times in. The API's times are UTC, whoever asks."""

from collections.abc import Callable, Sequence
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

# Zones by which no people live: some are of the clocks of computers, others old names of old rules.
_NOT_OFFERED = ("Etc/", "SystemV/", "posix/", "right/")


@cache
def zone_names() -> Sequence[str]:
    """IANA's names, sorted: those of a continent and a place, and UTC."""
    places = (name for name in available_timezones() if "/" in name and not name.startswith(_NOT_OFFERED))
    return ("UTC", *sorted(places))


def check_time_zone(name: str) -> None:
    """Raises ValidationError, with the name, where there is no such zone."""
    if name and name not in zone_names():
        raise ValidationError(f"{name!r} is no time zone: expected a name such as Europe/Berlin")


class TimeZoneMiddleware:
    """Shows the admin's pages in the person's time zone. After Django's authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone_of(request)):
            return self._get_response(request)


def _zone_of(request: HttpRequest) -> ZoneInfo:
    """UTC also where the person's zone is known no more."""
    name = getattr(request.user, "time_zone", "") if request.path.startswith(reverse("admin:index")) else ""
    return ZoneInfo(name if name in zone_names() else "UTC")
