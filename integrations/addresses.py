"""Addresses that people write into settings, and which of them may be called."""

import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from integrations.errors import ForbiddenHost, Permanent
from pulse.hosts import Address, AllowedHosts

logger = logging.getLogger(__name__)

_LOCALHOST = "localhost"
FORBIDDEN = "leads to an address that is not public, and that PULSE_ALLOW_PRIVATE_HOSTS does not allow"


def checked_address(name: str, text: str, example: str, credentials: str) -> SplitResult:
    """The parts of a site's address. Raises Permanent, naming the setting and its value, where it cannot be one.

    ``credentials`` are the settings for what some people write before the host. Names are not looked up: where they
    lead to is known when they are called (`integrations.outgoing`).
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Permanent(f"setting {name} is {text!r}: {error}") from None
    if parts.username or parts.password:
        raise Permanent(f"setting {name} holds a user or password before the host {host!r}: use {credentials}")
    whole = parts.scheme in ("http", "https") and host and not parts.query and not parts.fragment
    if not whole or any(character.isspace() for character in text):
        raise Permanent(f"setting {name} is {text!r}: expected an address like {example}")
    written = _written(host or "")
    if written and not _allowed().allows(host or "", written):
        raise ForbiddenHost(f"setting {name} is {text!r}, which {FORBIDDEN}")
    return parts


def reachable(host: str, found: Sequence[tuple[Any, ...]]) -> list[str]:
    """The addresses that may be called, of those that a resolver ``found`` for a host (as `socket.getaddrinfo`).

    Raises ForbiddenHost where none of them may be.
    """
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    allowed = [address for address in addresses if _allowed().allows(host, ip_address(address))]
    if addresses and not allowed:
        # The tenant is not told which: what a name means within the installation's network is not theirs to know.
        logger.warning("the host %r was not called: %s is not public", host, ", ".join(addresses))
        raise ForbiddenHost(f"the host {host!r} {FORBIDDEN}")
    return allowed


def _allowed() -> AllowedHosts:
    found: AllowedHosts = settings.PULSE_ALLOW_PRIVATE_HOSTS
    return found


def _written(host: str) -> Address | None:
    """The address that a host is, in whatever way it is written; None where it is a name."""
    with suppress(ValueError):
        return ip_address(host)
    # "127.1", "0x7f000001", "2130706433": what resolvers take for addresses.
    with suppress(OSError, UnicodeError, ValueError):
        return IPv4Address(socket.inet_aton(host))
    name = host.lower().rstrip(".")
    return IPv4Address("127.0.0.1") if name == _LOCALHOST or name.endswith(f".{_LOCALHOST}") else None
