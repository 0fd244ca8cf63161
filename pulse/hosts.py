"""Which hosts Pulse may call for its tenants: public ones, and what the installation allows besides."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
# Its last part tells a name from an address that is written in one of the odd ways.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Within it: tunnels that lead to IPv4 addresses of their own, protocols, documentation.
_NOT_PUBLIC = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
# How hosts without IPv4 reach it.
_NAT64 = IPv6Network("64:ff9b::/96")
# Clouds answer their virtual machines there with what is theirs alone; some versions of Python take both for public.
_OF_CLOUDS = (IPv4Network("168.63.129.16"), IPv4Network("192.0.0.0/24"))


def is_public(address: Address) -> bool:
    """Whether it is a host of the internet: neither this machine, nor a network's own, nor a cloud's metadata."""
    found = plain(address)
    if isinstance(found, IPv6Address):
        return found in _GLOBAL_UNICAST and not any(found in network for network in _NOT_PUBLIC)
    internal = found.is_multicast or found.is_reserved or any(found in network for network in _OF_CLOUDS)
    return found.is_global and not internal


def plain(address: Address) -> Address:
    """The IPv4 address, where one is written as IPv6."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


@dataclass(frozen=True)
class AllowedHosts:
    """Hosts that may be called although they are not public: names, and networks of addresses."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, *texts: str) -> Self:
        """Of names ("jira.internal", ".internal" for all below it), addresses and networks ("10.0.0.0/8").

        Raises ValueError, which names the text that is none of it.
        """
        names, networks = set(), []
        for text in (text.strip().lower() for text in texts):
            if _NAME.fullmatch(text.removeprefix(".")) and not _NUMBER.fullmatch(text.rpartition(".")[2]):
                names.add(text)
            else:
                networks.append(_network(text))
        return cls(frozenset(names), tuple(networks))

    def and_also(self, *texts: str) -> "AllowedHosts":
        more = AllowedHosts.of(*texts)
        return AllowedHosts(self.names | more.names, self.networks + more.networks)

    def allows(self, host: str, address: Address) -> bool:
        """Whether that host may be called at that address, which may be a public one."""
        return is_public(address) or self._names(host.lower().rstrip(".")) or self._holds(plain(address))

    def _names(self, host: str) -> bool:
        return any(host == name or (name.startswith(".") and host.endswith(name)) for name in self.names)

    def _holds(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _network(text: str) -> Network:
    try:
        return ip_network(text if "/" in text else ip_address(text.strip("[]")))
    except ValueError as error:
        raise ValueError(f"{text!r} is no name, address or network of a host ({error})") from None
