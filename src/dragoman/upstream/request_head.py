"""The head of a request as it goes over the wire, and where it goes."""

import re

import msgspec

from dragoman import __version__
from dragoman.conversation.failure import FailureError
from dragoman.upstream import failures

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(?:#.*)?")
_VISIBLE = re.compile("[!-~]*")
"""Spaces and line breaks would end the request line early, and let a model's name add to the request."""
_AUTHORITY = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?)\]|([A-Za-z0-9._~-]+))(?::([0-9]{0,5}))?"
)
"""A host, in brackets where it is an address of IPv6 (RFC 3986, 3.2.2), and a port; no user, no password."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What a method and a header's name are made of (RFC 9110, 5.6.2)."""
_UNSAFE = re.compile("[\r\n\0]")
"""Would end a header early, for one server or another."""

_PORTS = {"http": 80, "https": 443}
FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Whoever gives these could make a server see the request's end elsewhere."""
_WITHOUT_LENGTH = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods whose requests say nothing of a body where they have none (RFC 9110, 8.6)."""
_ADDED = {"user-agent": f"dragoman/{__version__}", "accept-encoding": "identity"}


class Origin(msgspec.Struct, frozen=True):
    """A server: whether it is spoken to over TLS, its host (without brackets), its port.

    `key` is the same for the same server, `where` is `host:port` for messages.
    """

    secure: bool
    host: str
    port: int
    where: str
    key: str


class RequestHead(msgspec.Struct, frozen=True):
    """What is sent ahead of a body: all but the body's length.

    `sized` tells whether the length is said even of an empty body, `bodiless` that the answer has no body,
    whatever length it announces.
    """

    origin: Origin
    lines: bytes
    sized: bool
    bodiless: bool


def split_url(url: str) -> tuple[Origin, str]:
    """Where an absolute URL leads, and the request target in it, byte for byte.

    Raises `FailureError` (bad gateway) for URLs that lead nowhere, with a user or a password, or that could
    not be sent as they are.
    """
    parts = _URL.fullmatch(url)
    authority = None if parts is None else _AUTHORITY.fullmatch(parts[2])
    if parts is None or authority is None or not _VISIBLE.fullmatch(url):
        raise _invalid_url()
    scheme, target = parts[1].lower(), parts[3]
    host = authority[1] or authority[2]
    port = int(authority[3]) if authority[3] else _PORTS.get(scheme, 0)
    if port > 65535:
        raise _invalid_url()
    where = f"[{host}]:{port}" if authority[1] else f"{host}:{port}"
    if scheme not in _PORTS:
        raise failures.bad_gateway(f"The URL of {where} must begin with http:// or https://.")
    origin = Origin(scheme == "https", host, port, where, f"{scheme}://{where.lower()}")
    return origin, target if target.startswith("/") else f"/{target}"


def request_head(method: str, url: str, headers: tuple[tuple[str, str], ...]) -> RequestHead:
    """The head for a request; headers go out in their order, after `host` where that is not among them.

    Raises `FailureError` (bad gateway) for what would not arrive as it is meant: see `split_url`, and
    methods and headers that could end early, or that speak of the body's length.
    """
    origin, target = split_url(url)
    names = {name.lower() for name, _ in headers}
    lines = [f"{method} {target} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"host: {_host(origin)}")
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or _UNSAFE.search(value):
            raise not_sendable(origin.where)
        lines.append(f"{name}: {value}")
    lines += [f"{name}: {value}" for name, value in _ADDED.items() if name not in names]
    if not _TOKEN.fullmatch(method) or not names.isdisjoint(FRAMING):
        raise not_sendable(origin.where)
    try:
        head = ("\r\n".join(lines) + "\r\n").encode()
    except UnicodeEncodeError:
        raise not_sendable(origin.where) from None
    return RequestHead(origin, head, method not in _WITHOUT_LENGTH, method == "HEAD")


def not_sendable(where: str) -> FailureError:
    """The request would not arrive as it is meant."""
    return failures.bad_gateway(f"The request to {where} cannot be sent: its URL or a header is not valid.")


def _host(origin: Origin) -> str:
    if origin.port != (443 if origin.secure else 80):
        return origin.where
    return origin.where.rpartition(":")[0]


def _invalid_url() -> FailureError:
    return failures.bad_gateway("The upstream's URL is not valid.")
