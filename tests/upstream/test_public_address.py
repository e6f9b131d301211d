"""Which addresses count as public."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.upstream.public_address import IPAddress, is_public


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255",
     "168.63.129.15", "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888"],
)  # fmt: skip
def test_addresses_of_the_internet_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "0.1.2.3",  # this network
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",  # private
        "100.64.0.0", "100.100.100.200", "100.127.255.255",  # shared by a carrier's customers
        "127.0.0.1", "127.255.255.254",  # loopback
        "169.254.169.254", "169.254.0.1",  # link-local: where clouds keep credentials
        "168.63.129.16",  # Azure's agent
        "192.0.0.192", "192.0.2.1", "198.51.100.1", "203.0.113.1",  # assignments, documentation
        "192.88.99.1",  # 6to4 relays
        "198.18.0.1", "198.19.255.255",  # benchmarks
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",  # multicast, reserved, broadcast
        "::", "::1", "::127.0.0.1",  # unspecified, loopback, IPv4-compatible
        "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8",  # IPv4-mapped, IPv4-translated
        "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1",  # NAT64
        "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
        "2001:db8::1", "3fff::1",  # documentation
        "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1",  # 6to4
        "fc00::1", "fd00:ec2::254",  # private: where AWS keeps credentials
        "fe80::1", "fe80::1%eth0", "fec0::1",  # link-local, site-local
        "ff02::1", "ff0e::1",  # multicast
        "100::1", "4000::1", "5f00::1",  # discard, not assigned, segment routing
    ],
)  # fmt: skip
def test_every_other_address_is_not(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@given(st.one_of(st.ip_addresses(), st.sampled_from(["10.", "127.", "169.254."]).flatmap(
    lambda start: st.ip_addresses(v=4).map(
        lambda address: ipaddress.ip_address(start + str(address).split(".", start.count("."))[-1])
    )
)))  # fmt: skip
@settings(max_examples=100)
def test_nothing_is_public_that_the_standard_library_says_is_not(address: IPAddress) -> None:
    special = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )
    assert not (special and is_public(address))
