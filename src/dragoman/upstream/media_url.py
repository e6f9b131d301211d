"""URLs in requests, which come from whoever wrote the request: what may be asked for under them."""

import ipaddress
import re

import yarl

from dragoman.upstream.public_address import IPAddress

MAX_LENGTH = 8192
"""Characters of the longest URL; signed ones are long."""

_PORTS = (80, 443)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
"""Where parsers of URLs disagree about what the host is."""
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


NOT_PUBLIC = "has no address on the public Internet"
"""The same words for hosts that do not exist, so that nobody learns which do inside the network."""


class RefusedURLError(Exception):
    """A URL that is not fetched. The message goes on from "the URL"; `host` is empty where it names
    none that could be told.
    """

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(reason)
        self.host = host


def checked_url(text: str, *, allow_private: bool) -> yarl.URL:
    """The URL, if it may be asked for as far as its own text tells: names still have to be looked up.

    An address in it is an address that `literal_address` reads. Raises `RefusedURLError`.
    """
    if len(text) > MAX_LENGTH:
        raise RefusedURLError("", f"is longer than {MAX_LENGTH} characters")
    if _UNSAFE.search(text):
        raise RefusedURLError("", "holds spaces, control characters or backslashes")
    try:
        # as it is written, where that can be sent: a signature in it may cover every character
        url = yarl.URL(text, encoded=text.isascii())
        host = url.raw_host or ""
        port = url.port
    except ValueError:
        raise RefusedURLError("", "is not valid") from None
    if url.scheme not in ("http", "https"):
        raise RefusedURLError("", "must begin with http:// or https://")
    if not host or len(host) > 253:
        raise RefusedURLError("", "names no host")
    if url.raw_user is not None or url.raw_password is not None:
        raise RefusedURLError(host, "holds a user name or a password")
    if _is_number(host) and literal_address(host) is None:
        raise RefusedURLError(host, "has an address that is not written as four decimal numbers")
    if not allow_private:
        if port not in _PORTS:
            raise RefusedURLError(host, "has a port other than 80 and 443")
        if host.lower().rstrip(".").rpartition(".")[2] == "localhost":
            raise RefusedURLError(host, NOT_PUBLIC)
    return url


def literal_address(host: str) -> IPAddress | None:
    """The address that a host is; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_number(host: str) -> bool:
    """Whether the system's resolver may read the host as an IPv4 address, in any of the spellings
    that it knows (`127.1`, `0x7f000001`, `2130706433`); the last label decides, as in the WHATWG's URL
    standard ("ends in a number checker"). Of a host with colons, it is the address itself.
    """
    return ":" in host or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None
