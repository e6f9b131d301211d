"""Which addresses are out on the Internet, and which lead into somebody's own network or machine."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

IPAddress = IPv4Address | IPv6Address

_NOT_PUBLIC = tuple(
    IPv4Network(text)
    for text in (
        # the IANA registry of special-purpose IPv4 addresses (RFC 6890), and multicast
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # looks public, but is the host's own agent in every machine at Azure
        "168.63.129.16/32",
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""Everything else in IPv6 is local, reserved, or an IPv4 address in disguise (`::ffff:0:0/96`, and
`64:ff9b::/96` for NAT64)."""
_NOT_GLOBAL = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocols of the IETF, Teredo's tunnels to IPv4 addresses among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: tunnels to IPv4 addresses
        "2620:4f:8000::/48",  # answers for private addresses' names
        "3fff::/20",  # documentation
    )
)


def is_public(address: IPAddress) -> bool:
    """Whether anybody on the Internet reaches the same machine under this address."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_GLOBAL)
