"""Clocks: leases go by the database's, tokens and signatures by this machine's, watermarks by the sites'."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from etl.doctor.database import bounded
from etl.doctor.results import Found, failed, ok, warning
from etl.queue.inspection import management_address
from etl.sql import fetch
from integrations.errors import ForbiddenHost
from integrations.http_limits import source_time
from integrations.models import Integration
from integrations.outgoing import guarded
from integrations.registry import UnknownProvider

SAMPLES = 3
ASK_SECONDS = 5
HOSTS_ASKED = 20
# Of the database every millisecond is seen; a site tells whole seconds, and signed requests bear a minute.
DATABASE_WARNING_SECONDS, OTHERS_WARNING_SECONDS = 2, 30
FAILURE_SECONDS = 60
ADVICE = "have all machines take their time from the same place (NTP, chrony)"


def database() -> Found:
    """How far the database's clock is ahead of this machine's."""
    with bounded():
        ahead = min((_sample() for _ in range(SAMPLES)), key=lambda sample: sample[1])[0]
    figures, said = {"seconds_ahead": round(ahead, 3)}, f"{ahead:+.3f} s to this machine's"
    if abs(ahead) > FAILURE_SECONDS:
        return failed(said, ADVICE, **figures)
    return warning(said, ADVICE, **figures) if abs(ahead) > DATABASE_WARNING_SECONDS else ok(said, **figures)


def _sample() -> tuple[float, float]:
    """How many seconds it is ahead, and how long the question took: the answer was given about in the middle."""
    before = datetime.now(UTC)
    theirs: datetime = fetch("SELECT clock_timestamp()", [])[0][0]
    after = datetime.now(UTC)
    return (theirs - (before + (after - before) / 2)).total_seconds(), (after - before).total_seconds()


def others() -> Found:
    """The broker's, the vector store's and the sites', as far as they tell them."""
    addresses = _addresses()[:HOSTS_ASKED]
    with ThreadPoolExecutor(HOSTS_ASKED) as asking:
        told = dict(zip(addresses, asking.map(_seconds_ahead, addresses), strict=True))
    known = {_host(address): seconds for address, seconds in told.items() if seconds is not None}
    silent = [_host(address) for address, seconds in told.items() if seconds is None]
    said = ", ".join(f"{host} {seconds:+.0f} s" for host, seconds in known.items()) or "nobody to ask"
    if silent:
        said += f"; no answer from {', '.join(silent)}"
    far = {host: seconds for host, seconds in known.items() if abs(seconds) > OTHERS_WARNING_SECONDS}
    if not far:
        return ok(said, seconds_ahead=known)
    if len(far) < len(known):
        return warning(said, ADVICE, seconds_ahead=known)
    # Where all others agree against us, ours is the wrong one.
    advice = f"this machine's clock is wrong: {ADVICE}" if len(known) > 1 else ADVICE
    judged = failed if min(map(abs, far.values())) > FAILURE_SECONDS else warning
    return judged(said, advice, seconds_ahead=known)


def _addresses() -> list[str]:
    """Whom to ask, each host once. What is no address is not asked; whose it is says so elsewhere."""
    by_host = {_host(address): address for address in [*_ours(), *_sites()]}
    return [address for host, address in by_host.items() if host]


def _ours() -> list[str]:
    """The installation's own, which need not be public."""
    return [settings.QDRANT_URL, _brokers()]


def _brokers() -> str:
    """Its management API; empty where there is none."""
    try:
        return settings.RABBITMQ_URL and management_address(settings.RABBITMQ_URL, settings.RABBITMQ_MANAGEMENT_URL)
    except (ValueError, LookupError):
        return ""


def _sites() -> Sequence[str]:
    """The addresses of active integrations. Their secrets stay unread: the keys may be wrong."""
    with bounded():
        rows = Integration.objects.filter(active=True, tenant__active=True).order_by("pk").defer("secrets")
        return list(map(_address, rows))


def _address(integration: Integration) -> str:
    """Its base_url, or what its provider takes for one; empty where there is none."""
    try:
        declared = {field.name: field.default for field in integration.provider_code.settings}
    except UnknownProvider:
        declared = {}
    return str(integration.settings.get("base_url") or declared.get("base_url") or "")


def _host(address: str) -> str:
    """Empty where it is no address."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _seconds_ahead(address: str) -> float | None:
    """Whatever is answered, also a refusal, says what time it is. None where nobody does, or it may not be called."""
    try:
        client = httpx.Client(timeout=ASK_SECONDS, follow_redirects=False)
        with client if address in _ours() else guarded(client):
            before = datetime.now(UTC)
            with client.stream("GET", address, headers={"User-Agent": "Pulse"}) as answer:
                theirs = source_time(answer.headers)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ForbiddenHost):
        return None
    # It leaves out parts of a second: half of one on the average.
    return round((theirs - before).total_seconds() + 0.5, 1) if theirs else None
