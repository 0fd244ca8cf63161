"""Which addresses are public, and what an installation may allow besides."""

from ipaddress import ip_address

import pytest

from pulse.hosts import AllowedHosts, is_public

INTERNAL = [
    "0.0.0.0",
    "10.0.0.5",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.5",
    "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.5",
    "64:ff9b:1::1",
    "2001:0:a00:5::1",
    "2001:db8::1",
    "2002:a00:5::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%2",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("text", INTERNAL)
def test_what_is_no_host_of_the_internet_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "140.82.121.3", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:50c0:8000::153"]
)
def test_hosts_of_the_internet_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    ("allowed", "host", "address", "may"),
    [
        ("10.0.0.0/8", "x", "10.200.0.1", True),
        ("10.0.0.0/8", "x", "::ffff:10.200.0.1", True),
        ("10.0.0.0/8", "x", "11.0.0.1", True),  # public
        ("10.0.0.0/8", "x", "192.168.0.1", False),
        ("127.0.0.1", "x", "127.0.0.1", True),
        ("127.0.0.1", "x", "127.0.0.2", False),
        ("[::1]", "x", "::1", True),
        ("fd00::/8", "x", "10.0.0.1", False),
        ("Jira.Internal", "jira.internal.", "10.0.0.1", True),
        ("jira.internal", "evil.jira.internal", "10.0.0.1", False),
        (".internal", "jira.internal", "10.0.0.1", True),
        (".internal", "notinternal", "10.0.0.1", False),
    ],
)
def test_an_installation_may_allow_names_addresses_and_networks(
    allowed: str, host: str, address: str, may: bool
) -> None:
    assert AllowedHosts.of(allowed).allows(host, ip_address(address)) is may


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0", "127.1", "0x7f.1", "http://x", "a b", "*", "10.0.0.0/33"])
def test_what_is_none_of_them_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no name, address or network") as error:
        AllowedHosts.of("10.0.0.1", text)
    assert repr(text) in str(error.value)


def test_more_can_be_allowed_besides() -> None:
    both = AllowedHosts.of("10.0.0.1").and_also("jira.internal", "10.0.0.2")
    assert all(both.allows("x", ip_address(f"10.0.0.{last}")) for last in (1, 2))
    assert both.allows("jira.internal", ip_address("10.9.9.9"))
